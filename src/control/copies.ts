/**
 * What each node owns now, and after moves: shards from the routing tables, documents and bytes as the nodes count them
 * per index, less the old copies that are kept and what is being copied there. A shard counts as the average of its index's
 * shards on the node that is read, so the price is one small request for each node and index, however many shards there are.
 */
import pLimit from 'p-limit';
import { heldCopies, perShard, type HeldCopies } from '../core/held-copies.ts';
import type { PlannedMove } from '../core/move.ts';
import type { PlannerIndex, ShardSize } from '../core/planner.ts';
import { sum } from '../core/statistics.ts';
import { findNode, type Topology } from '../core/topology.ts';
import { isMiroirError, messageOf } from '../errors.ts';
import type { NodeCopies } from '../ports.ts';
import type { ControlParts } from './parts.ts';

/** Requests to nodes at a time. */
const AT_A_TIME = 16;

export interface CopiesNow {
  readonly nodes: ReadonlyMap<string, NodeCopies>;
  /** Nodes that did not tell, and why. */
  readonly silent: ReadonlyMap<string, string>;
  /** What a move of this index from this node carries; null where no owner tells. */
  sizeOf(this: void, index: string, source: string): ShardSize | null;
}

interface Copies {
  readonly index: string;
  readonly node: string;
  readonly held: HeldCopies;
}

/** With what one shard has in the mean. */
interface Counted extends Copies {
  readonly shard: ShardSize;
}

export async function copiesNow(
  { clientOf, records }: Pick<ControlParts, 'clientOf' | 'records'>,
  topology: Topology,
  indexes: readonly PlannerIndex[],
  /** Of which nodes documents are wanted; of the others shards alone. */
  wanted: (node: string) => boolean = () => true,
): Promise<CopiesNow> {
  const limit = pLimit(AT_A_TIME);
  const silent = new Map<string, string>();
  const unfinished = await records.unfinishedByIndex();
  const copies = indexes.flatMap(({ entry: { uid }, table }): Copies[] =>
    [...heldCopies(table, unfinished.get(uid) ?? [])].flatMap(([node, held]) =>
      held.owned === 0 ? [] : [{ index: uid, node, held }],
    ),
  );
  const ask = async (copy: Copies): Promise<Counted | null> => {
    const node = findNode(topology, copy.node);
    if (node === undefined || node.state === 'failed' || node.state === 'removed' || silent.has(copy.node)) {
      if (!silent.has(copy.node)) silent.set(copy.node, `it is ${node?.state ?? 'not known'}`);
      return null;
    }
    try {
      return { ...copy, shard: perShard(await clientOf(node).indexStats(copy.index), copy.held) };
    } catch (error) {
      if (!isMiroirError(error)) throw error;
      silent.set(copy.node, messageOf(error));
      return null;
    }
  };
  const asked = await Promise.all(copies.filter(({ node }) => wanted(node)).map((copy) => limit(() => ask(copy))));
  const counted = asked.filter((one) => one !== null).filter(({ node }) => !silent.has(node));
  const isUntold = (id: string): boolean => silent.has(id) || !wanted(id);
  const shardsOf = new Map<string, number>();
  for (const { node, held } of copies) shardsOf.set(node, (shardsOf.get(node) ?? 0) + held.owned);
  const nodes = new Map<string, NodeCopies>();
  for (const { id } of topology.nodes) {
    const { documents, bytes } = owned(counted.filter(({ node }) => node === id));
    const isUnknown = isUntold(id);
    const shards = shardsOf.get(id) ?? 0;
    nodes.set(id, {
      shards,
      documents: isUnknown ? null : Math.round(documents),
      bytes: isUnknown ? null : Math.round(bytes),
    });
  }
  return { nodes, silent, sizeOf: sizesFrom(counted) };
}

/** Of the source where it tells, else of whoever owns shards of the index. */
function sizesFrom(counted: readonly Counted[]): CopiesNow['sizeOf'] {
  const sizes = new Map<string, ShardSize>();
  for (const index of new Set(counted.map((one) => one.index))) {
    const of = counted.filter((one) => one.index === index);
    for (const one of of) sizes.set(`${index} ${one.node}`, one.shard);
    const { documents, bytes } = owned(of);
    const shards = Math.max(1, sum(of.map(({ held }) => held.owned)));
    sizes.set(index, { documents: documents / shards, bytes: bytes / shards });
  }
  return (index, source) => sizes.get(`${index} ${source}`) ?? sizes.get(index) ?? null;
}

/** All that is owned of these. */
function owned(counted: readonly Counted[]): ShardSize {
  const all = (of: (size: ShardSize) => number): number =>
    sum(counted.map(({ shard, held }) => of(shard) * held.owned));
  return { documents: all(({ documents }) => documents), bytes: all(({ bytes }) => bytes) };
}

export interface CopiesAfter {
  readonly nodes: ReadonlyMap<string, NodeCopies>;
  /** What the moves carry; null where no owner of some index tells. */
  readonly documents: number | null;
  readonly bytes: number | null;
  /** By node: bytes that moves bring it; null where no owner of some index tells. */
  readonly arriving: ReadonlyMap<string, number | null>;
}

/** Once all of these have happened. */
export function copiesAfter(
  { nodes, sizeOf }: CopiesNow,
  moves: readonly Pick<PlannedMove, 'index' | 'source' | 'target' | 'retires'>[],
): CopiesAfter {
  const after = new Map(nodes);
  const arriving = new Map<string, number | null>();
  let carried: NodeCopies = { shards: 0, documents: 0, bytes: 0 };
  const plus = (held: NodeCopies, sign: 1 | -1, size: ShardSize | null): NodeCopies => ({
    shards: held.shards + sign,
    documents: held.documents === null || size === null ? null : held.documents + sign * size.documents,
    bytes: held.bytes === null || size === null ? null : held.bytes + sign * size.bytes,
  });
  for (const { index, source, target, retires } of moves) {
    const size = sizeOf(index, source);
    carried = plus(carried, 1, size);
    const before = arriving.has(target) ? (arriving.get(target) ?? null) : 0;
    arriving.set(target, before === null || size === null ? null : before + size.bytes);
    after.set(target, plus(after.get(target) ?? { shards: 0, documents: 0, bytes: 0 }, 1, size));
    const old = retires === null ? undefined : after.get(retires);
    if (retires !== null && old !== undefined) after.set(retires, plus(old, -1, size));
  }
  return {
    nodes: new Map([...after].map(([id, held]) => [id, rounded(held)])),
    documents: whole(carried.documents),
    bytes: whole(carried.bytes),
    arriving,
  };
}

const whole = (value: number | null): number | null => (value === null ? null : Math.max(0, Math.round(value)));
const rounded = ({ shards, documents, bytes }: NodeCopies): NodeCopies => ({
  shards,
  documents: whole(documents),
  bytes: whole(bytes),
});
