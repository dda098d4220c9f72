/** What clients read, over all nodes of an index, answered as one node would answer. */
import type { Clock, Traffic } from '../../ports.ts';
import { isMiroirError } from '../../errors.ts';
import type { ClientAnswer, ReadOptions, Router } from '../api.ts';
import { readDocument } from './document-read.ts';
import { readDocuments } from './documents-read.ts';
import { ownError } from './error-answers.ts';
import { FanOut } from './fan-out.ts';
import type { ReadTimings } from './fan-out.ts';
import { readMultiSearch } from './multi-search.ts';
import { Reading, Refused } from './reading.ts';
import { readSearch } from './search-read.ts';
import { readAllStats, readIndexStats } from './stats-read.ts';
import type { ReadTables } from './tables.ts';

export interface ReadsOptions {
  readonly tables: ReadTables;
  readonly traffic: Traffic;
  readonly clock: Clock;
  /** Nodes that do not answer at present: asked only where there is no other. */
  readonly isSuspected?: (nodeId: string) => boolean;
  readonly timings?: Partial<ReadTimings>;
  /** Largest answer of one node (bytes); a read holds one of each node that takes part. */
  readonly answerBytesMax?: number;
}

export type Reads = Pick<Router, 'search' | 'multiSearch' | 'fetchDocuments' | 'document' | 'stats'>;

/** A node ends a search after 1.5 s by itself; a large page takes longer. Three tries: two copies, and one that broke. */
const TIMINGS: ReadTimings = { tryMs: 5_000, tries: 3, avoidMs: 2_000 };
const ANSWER_BYTES_MAX = 64_000_000;

export function createReads({
  tables,
  traffic,
  clock,
  timings,
  answerBytesMax,
  isSuspected = () => false,
}: ReadsOptions): Reads {
  const fanOut = new FanOut({
    traffic,
    clock,
    isSuspected,
    timings: { ...TIMINGS, ...timings },
    answerBytesMax: answerBytesMax ?? ANSWER_BYTES_MAX,
  });
  const reading = new Reading(tables, fanOut, clock);
  return {
    search: (index, body, options) => guarded(options, () => readSearch(reading, index, body, options)),
    multiSearch: (body, options) => guarded(options, () => readMultiSearch(reading, body, options)),
    fetchDocuments: (index, body, options) => guarded(options, () => readDocuments(reading, index, body, options)),
    document: (index, id, query, options) => guarded(options, () => readDocument(reading, index, id, query, options)),
    stats: (index, options) =>
      guarded(options, () =>
        index === null ? readAllStats(reading, options) : readIndexStats(reading, index, options),
      ),
  };
}

/** Errors of ours are answers; the client's own signal and defects are not. */
async function guarded({ signal }: ReadOptions, read: () => Promise<ClientAnswer>): Promise<ClientAnswer> {
  try {
    return await read();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Refused) return error.answer;
    const answer = isMiroirError(error) ? ownError(error) : null;
    if (answer === null) throw error;
    return answer;
  }
}
