/** What the audit stream tells from some moment on: of everything, of one plan, or of one node. */
import { InvalidInputError } from '../errors.ts';
import type { AuditEntry, AuditTrail, Records } from '../ports.ts';

export interface TrailParts {
  readonly audit: Pick<AuditTrail, 'after' | 'newest' | 'follow'>;
  readonly records: Pick<Records, 'move'>;
  redisNowMs(this: void): Promise<number>;
}

/** Behind the entry with this id; of the last so many ms; `now`: only what comes. */
export type TrailStart = { readonly id: string } | { readonly agoMs: number } | 'now';

export interface TrailWish {
  /** Only what is about this plan, and the steps of its moves. */
  readonly plan?: string;
  /** Only what names this node, and the steps of moves that it is a part of. */
  readonly node?: string;
  /** Goes on with what comes, until the signal. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

const ENTRY_ID = /^\d{1,15}-\d{1,15}$/;
const PAGE = 200;
/** Moves whose nodes are remembered: most entries are steps of a few that run. */
const MOVES_KEPT = 1_000;

/** The id of the entry that the trail begins behind. Throws `InvalidInputError` for what is no id. */
export async function trailFrom({ audit, redisNowMs }: TrailParts, start: TrailStart): Promise<string> {
  if (start === 'now') return audit.newest();
  if ('agoMs' in start) return `${Math.max(0, (await redisNowMs()) - start.agoMs)}-0`;
  if (ENTRY_ID.test(start.id)) return start.id;
  throw new InvalidInputError(`${start.id} is no id of an entry`, {
    field: 'since',
    remedy: 'give the id of an entry such as 1800000000000-0, or how long ago: 30s, 10m, 2h',
  });
}

/** Entries behind this one, oldest first. */
export async function* trail(parts: TrailParts, from: string, wish: TrailWish): AsyncGenerator<AuditEntry> {
  const nodesOf = moveNodes(parts.records);
  const { plan, node, follow, signal } = wish;
  const isWanted = async ({ fields }: AuditEntry): Promise<boolean> => {
    if (plan !== undefined && fields['plan'] !== plan && fields['move']?.startsWith(`${plan}-`) !== true) return false;
    if (node === undefined || names(fields, node)) return true;
    const { move } = fields;
    return move !== undefined && (await nodesOf(move)).includes(node);
  };
  const pages = follow ? parts.audit.follow(from, signal) : untilNow(parts.audit, from);
  for await (const entries of pages) {
    for (const entry of entries) {
      if (signal.aborted) return;
      if (await isWanted(entry)) yield entry;
    }
  }
}

async function* untilNow(audit: TrailParts['audit'], from: string): AsyncGenerator<readonly AuditEntry[]> {
  for (let last = from; ;) {
    const entries = await audit.after(last, PAGE);
    yield entries;
    // What is written meanwhile is not waited for.
    if (entries.length < PAGE) return;
    last = entries.at(-1)?.id ?? last;
  }
}

/** In any field, alone or among others: `NodeDraining n1`, `n1,n4`. */
const names = (fields: AuditEntry['fields'], node: string): boolean =>
  Object.values(fields).some((value) => value.split(/[\s,]+/).includes(node));

function moveNodes(records: TrailParts['records']): (move: string) => Promise<readonly string[]> {
  const known = new Map<string, readonly string[]>();
  return async (id) => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const move = await records.move(id);
    const nodes = move === null ? [] : [move.source, move.target, ...(move.retires === null ? [] : [move.retires])];
    if (known.size >= MOVES_KEPT) known.delete(known.keys().next().value ?? '');
    known.set(id, nodes);
    return nodes;
  };
}
