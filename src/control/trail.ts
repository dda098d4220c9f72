/** What the audit stream tells from some moment on: of everything, or of one plan, node or index. */
import { indexUidSchema, nodeIdSchema } from '../core/events.ts';
import { InvalidInputError } from '../errors.ts';
import type { AuditEntry, AuditTrail, Records } from '../ports.ts';

export interface TrailParts {
  readonly audit: Pick<AuditTrail, 'after' | 'newest' | 'follow'>;
  readonly records: Pick<Records, 'move'>;
  redisNowMs(this: void): Promise<number>;
}

/** Behind the entry with this id; of the last so many ms; `now`: only what comes. */
export type TrailStart = { readonly id: string } | { readonly agoMs: number } | 'now';

/** Entries have to be all of what is named. */
export interface TrailFilter {
  /** Only what is about this plan, and the steps of its moves. */
  readonly plan?: string | undefined;
  /** Only what names this node, and the steps of moves that it is a part of. */
  readonly node?: string | undefined;
  /** Only what is about this index, and the steps of its moves. */
  readonly index?: string | undefined;
}

export interface TrailWish extends TrailFilter {
  /** Goes on with what comes, until the signal. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

const PLAN_ID = /^p[0-9a-f]{1,40}$/;
const ENTRY_ID = /^\d{1,15}-\d{1,15}$/;
const PAGE = 200;
/** Moves whose nodes and index are remembered: most entries are steps of a few that run. */
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
  const { follow, signal } = wish;
  const isWanted = trailFilter(parts, wish);
  const pages = follow ? parts.audit.follow(from, signal) : untilNow(parts.audit, from);
  for await (const entries of pages) {
    for (const entry of entries) {
      if (signal.aborted) return;
      if (await isWanted(entry)) yield entry;
    }
  }
}

/** Whether an entry is wanted. Throws `InvalidInputError` for what is no plan, node or index. */
export function trailFilter(
  { records }: Pick<TrailParts, 'records'>,
  { plan, node, index }: TrailFilter,
): (entry: AuditEntry) => Promise<boolean> {
  assertId('plan', plan, (id) => PLAN_ID.test(id), 'give the id of a plan: `miroir plan list`');
  assertId('node', node, (id) => nodeIdSchema.safeParse(id).success, 'give the id of a node: `miroir node list`');
  assertId(
    'index',
    index,
    (id) => indexUidSchema.safeParse(id).success,
    'give the uid of an index: `miroir index list`',
  );
  const moveOf = keptMoves(records);
  return async ({ fields }) => {
    const { move: id } = fields;
    if (plan !== undefined && fields['plan'] !== plan && id?.startsWith(`${plan}-`) !== true) return false;
    const isNode = node === undefined || names(fields, node);
    const isIndex = index === undefined || fields['index'] === index;
    if (isNode && isIndex) return true;
    const move = id === undefined ? null : await moveOf(id);
    return move !== null && (isNode || move.nodes.includes(node)) && (isIndex || move.index === index);
  };
}

function assertId(field: string, id: string | undefined, isOne: (id: string) => boolean, remedy: string): void {
  if (id !== undefined && !isOne(id)) throw new InvalidInputError(`${id} is no ${field}`, { field, remedy });
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

interface KeptMove {
  readonly index: string;
  readonly nodes: readonly string[];
}

function keptMoves(records: TrailParts['records']): (move: string) => Promise<KeptMove | null> {
  const known = new Map<string, KeptMove | null>();
  return async (id) => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const move = await records.move(id);
    const kept = move && {
      index: move.index,
      nodes: [move.source, move.target, ...(move.retires === null ? [] : [move.retires])],
    };
    if (known.size >= MOVES_KEPT) known.delete(known.keys().next().value ?? '');
    known.set(id, kept);
    return kept;
  };
}
