/** A plan for people, before it has run: what moves, and what each node holds before and after. */
import pLimit from 'p-limit';
import { findNode, type NodeState } from '../core/topology.ts';
import type { MoveState, PlanRecord } from '../ports.ts';
import type { ControlParts } from './parts.ts';
import { planOf } from './plan-list.ts';

export interface Held {
  readonly shards: number;
  readonly documents: number;
  readonly bytes: number;
}

export interface PlannedNode {
  readonly id: string;
  readonly state: NodeState;
  readonly before: Held;
  readonly after: Held;
}

export interface PlanView {
  readonly id: string;
  readonly why: string;
  readonly state: PlanRecord['state'];
  readonly moves: number;
  /** The least number of moves that leads there: copies that are new on a node. */
  readonly minimum: number;
  readonly documents: number;
  readonly bytes: number;
  readonly nodes: readonly PlannedNode[];
  readonly blocked: PlanRecord['blocked'];
}

type Tally = { -readonly [K in keyof Held]: Held[K] };
const NOTHING: Held = { shards: 0, documents: 0, bytes: 0 };
/** Requests to nodes at a time. */
const AT_A_TIME = 8;

/** Counts on the nodes, so it costs one small request for each move; meant for the moment after planning. */
export async function planView(parts: ControlParts, planId: string): Promise<PlanView> {
  const { records } = parts;
  const plan = await planOf(parts, planId);
  const { nodes } = await records.topology();
  const moves = await records.moves(await records.planMoveIds(planId));
  const perDocument = new Map<string, number>();
  const owned = new Set<string>();
  const before = await heldNow(parts, perDocument, owned);
  const sizes = await sizesOf(parts, moves, perDocument);
  // What has switched already counts where it was: the view is of the plan, not of the moment. The routes that were
  // counted say what has, since moves go on meanwhile.
  for (const move of moves.filter((one) => owned.has(ownership(one.index, one.shard, one.target)))) {
    add(before, move.target, { ...NOTHING, shards: -1 });
    if (move.retires !== null) add(before, move.retires, { ...NOTHING, shards: 1 });
  }
  const after = new Map([...before].map(([id, held]) => [id, { ...held }]));
  const total: Tally = { ...NOTHING };
  for (const move of moves) {
    const size: Held = { shards: 1, ...(sizes.get(move.id) ?? { documents: 0, bytes: 0 }) };
    total.documents += size.documents;
    total.bytes += size.bytes;
    add(after, move.target, size);
    if (move.retires !== null) add(after, move.retires, { shards: -1, documents: -size.documents, bytes: -size.bytes });
  }
  return {
    id: plan.id,
    why: plan.why,
    state: plan.state,
    moves: moves.length,
    minimum: new Set(moves.map(({ index, shard, target }) => `${index} ${shard} ${target}`)).size,
    documents: total.documents,
    bytes: total.bytes,
    nodes: nodes
      .filter(({ state }) => state !== 'removed')
      .map(({ id, state }) => ({ id, state, before: before.get(id) ?? NOTHING, after: after.get(id) ?? NOTHING })),
    blocked: plan.blocked,
  };
}

const ownership = (index: string, shard: number, node: string): string => `${index}/${shard}/${node}`;

function add(tallies: Map<string, Tally>, node: string, size: Held): void {
  const tally = tallies.get(node) ?? { ...NOTHING };
  tally.shards += size.shards;
  tally.documents += size.documents;
  tally.bytes += size.bytes;
  tallies.set(node, tally);
}

/** Shards from the routing tables, documents and bytes as the nodes count them. */
async function heldNow(
  { records, clientOf }: ControlParts,
  perDocument: Map<string, number>,
  owned: Set<string>,
): Promise<Map<string, Tally>> {
  const held = new Map<string, Tally>();
  const topology = await records.topology();
  const limit = pLimit(AT_A_TIME);
  for (const { uid } of await records.indexes()) {
    const owners = new Map<string, number>();
    const table = await records.table(uid);
    for (const { shard, owners: ids } of table?.shards ?? []) {
      for (const id of ids) {
        owners.set(id, (owners.get(id) ?? 0) + 1);
        owned.add(ownership(uid, shard, id));
      }
    }
    const asked = [...owners].map(([id, shards]) =>
      limit(async () => {
        const node = findNode(topology, id);
        if (node === undefined || node.state === 'failed' || node.state === 'removed') return;
        const { documents, bytes } = await clientOf(node).indexStats(uid);
        add(held, id, { shards, documents, bytes });
        perDocument.set(`${uid} ${id}`, documents === 0 ? 0 : bytes / documents);
      }),
    );
    await Promise.all(asked);
  }
  return held;
}

/** What each move carries: counted on its source, or as the copy found it. */
async function sizesOf(
  { records, clientOf }: ControlParts,
  moves: readonly MoveState[],
  perDocument: ReadonlyMap<string, number>,
): Promise<Map<string, { documents: number; bytes: number }>> {
  const topology = await records.topology();
  const limit = pLimit(AT_A_TIME);
  const counted = moves.map((move) =>
    limit(async () => {
      const node = findNode(topology, move.source);
      const documents =
        move.documents ??
        (node === undefined ? 0 : await clientOf(node).count(move.index, `_miroir_shard = ${move.shard}`));
      const bytes = Math.round(documents * (perDocument.get(`${move.index} ${move.source}`) ?? 0));
      return [move.id, { documents, bytes }] as const;
    }),
  );
  return new Map(await Promise.all(counted));
}
