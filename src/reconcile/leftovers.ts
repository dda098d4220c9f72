/**
 * Deletes documents on nodes that neither own nor are being given their shard, where it is sure that nothing is lost with
 * them; an operator's switch lets it. All of this holds for each that goes:
 *
 * - Its shard is stable and not frozen, and its route names the node nowhere: not as one that left with its copy, nor as one
 *   that may hold more. What the node missed when it left is on no list.
 * - The index has no unfinished move, and its movers' lease is held here, so none begins meanwhile. An order to delete lasts
 *   no longer than that lease lets it, as a mover's.
 * - Every owner was read once it had applied what it had accepted, has nothing of the document on its list of what it missed,
 *   and has it as it is here or as it was written later, or lacks it where it was deleted later (`src/core/superseded.ts`).
 *
 * Whatever is not sure stays and is told of. Safe to repeat, and where the process dies: only explicit ids are deleted.
 */
import { leftoverFilter, shardsAt } from '../core/belonging.ts';
import { locateKey } from '../core/hashing.ts';
import { scalarText, splitKeyed } from '../core/json-text.ts';
import type { IndexEntry, RoutingTable, ShardRoute } from '../core/routing.ts';
import { isSuperseded } from '../core/superseded.ts';
import type { Topology, TopologyNode } from '../core/topology.ts';
import { watchTasks } from '../phases/task-watch.ts';
import { writeTag } from '../phases/tags.ts';
import type { DutyRun, Leases, Permit, Records, RepairLists, Tombstones } from '../ports.ts';
import { type CopiesParts, type OpenOwner, openOwners, readCopies } from './copies.ts';

export interface LeftoversParts extends CopiesParts {
  readonly records: CopiesParts['records'] & Pick<Records, 'topology' | 'index' | 'table' | 'unfinishedMoves'>;
  readonly repairs: Pick<RepairLists, 'scores' | 'sizes'>;
  readonly tombstones: Pick<Tombstones, 'known'>;
  readonly leases: Leases;
  /** Of the movers' lease of an index. */
  moversScope(this: void, index: string): string;
}

/** One page of leftovers: few enough to be read with every owner's copies. */
const STEP_DOCS = 200;
const STEP_BYTES = 4_000_000;
/** Of one node in one round; the next one goes on. Moves of the index wait meanwhile. */
const STEPS_MAX = 10;
/** Whose write it is, to whoever looks through a node's tasks. */
const TAG_MOVE = 'leftovers';

interface Leftover {
  /** As texts: of the key as a list has it, and as the node gives it out. */
  readonly id: string;
  readonly key: string;
  readonly text: string;
}

/** How many went; 0 also where moves are in the way. */
export async function deleteLeftovers(parts: LeftoversParts, index: string, run: DutyRun): Promise<number> {
  const { leases, moversScope, records } = parts;
  const moves = async (): Promise<boolean> => (await records.unfinishedMoves()).some((move) => move.index === index);
  if (await moves()) return 0;
  const answer = await leases.acquire(moversScope(index));
  if ('busy' in answer) return 0;
  const { lease } = answer;
  let isClean = false;
  try {
    await lease.ready;
    let deleted = 0;
    // From here on none begins: what it needs first is this lease.
    const [entry, table, topology] = await Promise.all([
      records.index(index),
      records.table(index),
      records.topology(),
    ]);
    if (entry !== null && table !== null && !(await moves())) {
      const permit: Permit = {
        signal: AbortSignal.any([run.signal, lease.signal]),
        budgetMs: () => Math.min(run.lease.budgetMs(), lease.budgetMs()),
      };
      for (const node of topology.nodes.filter(({ state }) => state === 'active'))
        deleted += await new NodeLeftovers(parts, { entry, table, topology, node, permit, fence: lease.fence }).run();
    }
    isClean = true;
    return deleted;
  } finally {
    if (!lease.signal.aborted) await lease.release(isClean);
  }
}

interface On {
  readonly entry: IndexEntry;
  readonly table: RoutingTable;
  readonly topology: Topology;
  readonly node: TopologyNode;
  readonly permit: Permit;
  readonly fence: string;
}

class NodeLeftovers {
  readonly #parts: LeftoversParts;
  readonly #on: On;
  /** By shard: node and owners, as they were opened; null where something speaks against it. */
  readonly #open = new Map<
    number,
    { readonly own: OpenOwner; readonly owners: ReadonlyMap<string, OpenOwner> } | null
  >();

  constructor(parts: LeftoversParts, on: On) {
    this.#parts = parts;
    this.#on = on;
  }

  async run(): Promise<number> {
    const { entry, table, node, permit } = this.#on;
    const client = this.#parts.nodes.client(node, permit);
    if ((await client.index(entry.uid)) === null) return 0;
    const filter = leftoverFilter(shardsAt(node.id, table, []));
    let [deleted, kept] = [0, 0];
    for (let step = 1; step <= STEPS_MAX; step += 1) {
      permit.signal.throwIfAborted();
      // Nobody else writes these: what is passed over by an offset is found by the next round.
      const asked = { filter, offset: kept, limit: STEP_DOCS, maxBytes: STEP_BYTES };
      const { documents: page, total } = await client.page(entry.uid, asked);
      for (const [shard, documents] of leftoversIn(page.toString('utf8'), entry)) {
        const gone = await this.#superseded(shard, documents);
        const isDone = gone.length > 0 && (await this.#delete(shard, gone));
        deleted += isDone ? gone.length : 0;
        kept += documents.length - (isDone ? gone.length : 0);
      }
      if (asked.offset + STEP_DOCS >= total) break;
    }
    return deleted;
  }

  async #superseded(shard: number, documents: readonly Leftover[]): Promise<readonly Leftover[]> {
    const { entry } = this.#on;
    const { repairs, tombstones } = this.#parts;
    const open = this.#open.has(shard) ? this.#open.get(shard) : await this.#opened(shard);
    this.#open.set(shard, open ?? null);
    if (open == null) return [];
    const ids = documents.map(({ id }) => id);
    const names = [...open.owners.keys()];
    const [missed, { atMs }, copies] = await Promise.all([
      repairs.scores(entry.uid, shard, names, ids),
      tombstones.known(entry.uid, shard, ids),
      readCopies(open.owners, entry.primaryKey, ids),
    ]);
    const isListed = (id: string): boolean => [...missed.values()].some((by) => by.whole !== null || by.ids.has(id));
    return documents.filter(({ id, text }) => {
      const found = names.map((owner) => copies?.get(id)?.get(owner) ?? null);
      return copies !== null && !isListed(id) && isSuperseded(text, found, atMs.get(id) ?? null);
    });
  }

  async #opened(shard: number): Promise<{ own: OpenOwner; owners: ReadonlyMap<string, OpenOwner> } | null> {
    const { entry, table, topology, node, permit } = this.#on;
    const route = table.shards[shard];
    if (route === undefined || !isQuiet(route, node.id)) return null;
    const lists = await this.#parts.repairs.sizes(entry.uid);
    if (lists.some((list) => list.shard === shard && list.owner === node.id)) return null;
    const owners = topology.nodes.filter(({ id }) => route.owners.includes(id));
    const { open } = await openOwners(this.#parts, [node, ...owners], { entry, shard, permit });
    const own = open.get(node.id);
    const read = new Map([...open].filter(([id]) => id !== node.id));
    return own === undefined || read.size < route.owners.length ? null : { own, owners: read };
  }

  /** Whether the node has applied it. */
  async #delete(shard: number, documents: readonly Leftover[]): Promise<boolean> {
    const { entry, permit, fence } = this.#on;
    const client = this.#open.get(shard)?.own.client;
    if (client === undefined) return false;
    const tag = writeTag({ move: TAG_MOVE, fence, shards: [shard], attempt: 1 });
    const keys = documents.map(({ key }) => key);
    const uid = await client.deleteDocuments(entry.uid, keys, tag);
    const { status } = await watchTasks(client, this.#parts.clock, permit.signal).ended(uid);
    return status === 'succeeded';
  }
}

/** Whether nothing in the route speaks of a copy on this node, or of trouble. */
const isQuiet = ({ state, frozen, owners, readers, left = [], others = [] }: ShardRoute, node: string): boolean =>
  state === 'stable' && frozen === undefined && ![...owners, ...readers, ...left, ...others].includes(node);

/** By the shard that their keys say. */
function leftoversIn(page: string, { primaryKey, shards }: IndexEntry): ReadonlyMap<number, Leftover[]> {
  const found = new Map<number, Leftover[]>();
  for (const { span, field } of splitKeyed(page, primaryKey)) {
    if (field === undefined) continue;
    const id = scalarText(page, field.start, field.end);
    const { shard } = locateKey(id, shards);
    const one = { id, key: page.slice(field.start, field.end), text: page.slice(span.start, span.end) };
    found.set(shard, [...(found.get(shard) ?? []), one]);
  }
  return found;
}
