/** What all reads share: a snapshot that is counted while it is read by, the index's settings, words of nodes. */
import { IndexUnknownError, NodeProtocolError, ShardsUnreadableError } from '../../errors.ts';
import type { Clock, NodeAnswer, NodeTraffic, RequestLimits } from '../../ports.ts';
import type { ClientAnswer, ReadOptions } from '../api.ts';
import { indexNotFound, nodeError, nodeWords } from './error-answers.ts';
import { unreadable } from './failures.ts';
import type { Ask, FanOut, Outcome, Part } from './fan-out.ts';
import { withheldOf } from './filter.ts';
import { readSettings, SettingsCache } from './settings.ts';
import type { SearchSettings } from './settings.ts';
import type { ReadSnapshot, ReadTables } from './tables.ts';
import { atSettingsVersion } from './settings-floor.ts';

export type AskNode = (node: NodeTraffic, limits: RequestLimits) => Promise<NodeAnswer>;

/** Ends a read with an answer that is no success. */
export class Refused extends Error {
  readonly answer: ClientAnswer;

  constructor(answer: ClientAnswer) {
    super(answer.body);
    this.name = 'Refused';
    this.answer = answer;
  }
}

export interface ScopeRequest {
  readonly shards: readonly number[];
  readonly seed: number;
  readonly ask: Ask;
  /** Only documents of this slot are asked for; absent: all of the shards. */
  readonly slot?: number;
  /** What the client sent, where `ask` does not send it as it is. */
  readonly raw: AskNode | null;
}

/** One read by one snapshot. */
export interface Scope {
  readonly snapshot: ReadSnapshot;
  /**
   * Parts of the shards and which are missing, these only where the client takes less. Throws `Refused` with the words
   * of a node to what the client sent, and `ShardsUnreadableError`.
   */
  readonly ask: (
    request: ScopeRequest,
  ) => Promise<{ readonly parts: readonly Part[]; readonly missing: readonly number[] }>;
  /** Throws `Refused` with the words of a node to what the client sent. */
  readonly refuse: (raw: AskNode) => Promise<never>;
}

export class Reading {
  readonly tables: ReadTables;
  readonly fanOut: FanOut;
  readonly #settings: SettingsCache;

  constructor(tables: ReadTables, fanOut: FanOut, clock: Clock) {
    this.tables = tables;
    this.fanOut = fanOut;
    this.#settings = new SettingsCache(clock);
  }

  #known(index: string): ReadSnapshot | null {
    try {
      return this.tables.snapshot(index);
    } catch (error) {
      if (error instanceof IndexUnknownError) return null;
      throw error;
    }
  }

  /** What is registered of the index: one that is not known may have been created a moment ago, through another router. */
  async found(index: string, { signal }: ReadOptions): Promise<ReadSnapshot> {
    const known = this.#known(index);
    if (known !== null) return known;
    await this.tables.sure(signal);
    return this.tables.snapshot(index);
  }

  /** Reads by one snapshot, which is counted as in flight for the shards that are read until `use` has ended. */
  async within<T>(
    index: string,
    options: ReadOptions,
    use: (scope: Scope) => Promise<T>,
    shardsOf: (snapshot: ReadSnapshot) => readonly number[] = allShards,
  ): Promise<T> {
    const present = this.#known(index) ?? (await this.found(index, options));
    const { minSettingsVersion: floor } = options;
    const snapshot = floor === undefined ? present : atSettingsVersion(present, floor, shardsOf(present));
    const counted = this.tables.reading(index, shardsOf(snapshot), snapshot.table.epoch);
    try {
      const result = await use(this.#scope(index, snapshot, options));
      // What was read while the table lapsed may lack what has moved since.
      this.#confirm(index, snapshot);
      return result;
    } finally {
      counted.done();
    }
  }

  settings(index: string): Promise<SearchSettings> {
    // Others wait for the same reading, so it does not end with the client that began it.
    const options = { signal: NEVER };
    const read = async ({ snapshot }: Scope): Promise<SearchSettings> => {
      const outcome = await this.fanOut.askAny(snapshot, NEVER, (node, limits) => node.settings(index, limits));
      const [part] = await this.#parts(index, snapshot, outcome, options, null);
      try {
        return readSettings(part?.text ?? '');
      } catch (cause) {
        throw new NodeProtocolError(`node ${part?.nodeId}: the settings of ${index} have another shape`, { cause });
      }
    };
    return this.#settings.of(index, () => this.within(index, options, read, noShards));
  }

  /** The words of some node to a request that names no index. Throws `Refused`. */
  async refuseAnywhere({ signal }: ReadOptions, raw: AskNode): Promise<never> {
    const index = this.tables.indexes()[0];
    if (index === undefined) throw new Refused(NOT_UNDERSTOOD);
    return this.within(index, { signal }, ({ refuse }) => refuse(raw), noShards);
  }

  #scope(index: string, snapshot: ReadSnapshot, options: ReadOptions): Scope {
    const { signal } = options;
    return {
      snapshot,
      ask: async ({ shards, seed, ask, slot, raw }) => {
        const confirm = (): void => this.#confirm(index, snapshot);
        const asked = await this.fanOut.ask({ snapshot, shards, seed, signal, ask, confirm });
        const outcome = withoutWithheld(asked, snapshot, shards, slot);
        const parts = await this.#parts(index, snapshot, outcome, options, raw);
        return { parts, missing: outcome.kind === 'answered' ? outcome.missing : [] };
      },
      refuse: async (raw) => {
        const outcome = await this.fanOut.askAny(snapshot, signal, bounded(raw));
        if (outcome.kind === 'refused') throw new Refused(nodeWords(outcome.answer) ?? NOT_UNDERSTOOD);
        if (outcome.parts.length === 0) throw this.#missing(index, outcome);
        throw new Refused(NOT_UNDERSTOOD);
      },
    };
  }

  async #parts(
    index: string,
    snapshot: ReadSnapshot,
    outcome: Outcome,
    { signal, partial = false }: ReadOptions,
    raw: AskNode | null,
  ): Promise<readonly Part[]> {
    if (outcome.kind === 'refused') {
      // Our words around the client's would show in positions and quotations, so the node is asked about its alone.
      const again = raw === null ? null : await this.fanOut.askOne(snapshot, outcome.nodeId, signal, bounded(raw));
      // A success would show documents that may not be shown.
      const answer = again !== null && again.status >= 400 ? again : outcome.answer;
      throw new Refused(nodeWords(answer) ?? NOT_UNDERSTOOD);
    }
    const isEnough = outcome.missing.length === 0 || (partial && outcome.parts.length > 0);
    if (!isEnough) throw this.#missing(index, outcome);
    return outcome.parts;
  }

  #missing(index: string, { missing, why }: Extract<Outcome, { kind: 'answered' }>): Error {
    return why.isAbsent ? new Refused(indexNotFound(index)) : unreadable(index, missing, why);
  }

  #confirm(index: string, { registration }: ReadSnapshot): void {
    if (this.tables.snapshot(index).registration === registration) return;
    throw new ShardsUnreadableError(`index ${index}: the router registered anew meanwhile`, {
      remedy: 'send it again',
      details: { index },
    });
  }
}

/** Shards that somebody answered for, and not for all of their documents, are missing as well. */
function withoutWithheld(
  outcome: Outcome,
  { table }: ReadSnapshot,
  shards: readonly number[],
  slot: number | undefined,
): Outcome {
  if (outcome.kind === 'refused') return outcome;
  const withheld = withheldOf(table, shards).filter(({ slots }) => slot === undefined || slots.includes(slot));
  if (withheld.length === 0) return outcome;
  const { missing, why } = outcome;
  const words = [...why.words, 'the last writes of some documents are on a node that is lost'];
  const all = new Set([...missing, ...withheld.map(({ shard }) => shard)]);
  return { ...outcome, missing: [...all].sort((a, b) => a - b), why: { ...why, words, isAbsent: false } };
}

const NEVER = new AbortController().signal;
/** An error is small; what is larger is an answer that nobody may see. */
const WORDS_BYTES_MAX = 1_000_000;
const NOT_UNDERSTOOD = nodeError(400, 'bad_request', 'The request could not be understood.');

const bounded =
  (ask: AskNode): AskNode =>
  (node, limits) =>
    ask(node, { ...limits, maxBytes: WORDS_BYTES_MAX });

/** Of what reads no documents. */
const noShards = (): readonly number[] => [];

export const allShards = ({ table }: ReadSnapshot): readonly number[] => table.shards.map(({ shard }) => shard);

export type Lack = { readonly missing: readonly number[]; readonly shards: number };

/** What marks a partial answer: a header, and a member of the answer as JSON text; nothing for a whole one. */
export const partialHeaders = ({ missing, shards }: Lack): Record<string, string> =>
  missing.length === 0 ? {} : { 'x-miroir-partial': `${missing.length} of ${shards} shards missing` };

export const partialMembers = ({ missing, shards }: Lack): [string, string][] =>
  missing.length === 0 ? [] : [['miroirPartial', `{"missingShards":[${missing.join(',')}],"shards":${shards}}`]];
