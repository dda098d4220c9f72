/** What a plan is, how it and its moves are named, and what it comes to per node. */
import { hash64 } from './hashing.ts';
import type { Move, PlannedMove } from './move.ts';
import type { IndexEntry, RoutingTable } from './routing.ts';
import type { Topology } from './topology.ts';

export interface PlannerIndex {
  readonly entry: IndexEntry;
  readonly table: RoutingTable;
}

export interface PlannerInput {
  readonly topology: Topology;
  /** The indexes to plan for; pending moves of other indexes are not judged. */
  readonly indexes: readonly PlannerIndex[];
  /** Moves without an outcome. */
  readonly pending?: readonly Move[];
  /** The plan with all the same input that has run already: this one is another. */
  readonly after?: string;
  /** Moves that it lets pass are in the plan; the others are left for another. */
  readonly wanted?: (move: PlannedMove) => boolean;
}

/** A move as a plan orders it. */
export interface PlanMove extends PlannedMove {
  /** `<plan id>-<shard>-<step>-<8 hex of the index>`, of [a-z0-9-] only. */
  readonly id: string;
  /** Moves of one shard run one at a time, by step: 0, 1, … */
  readonly step: number;
}

export type UnnamedMove = Omit<PlanMove, 'id'>;

/** A wanted replica that no move can bring about, or an owner that no move can take away. */
export interface BlockedShard {
  readonly index: string;
  readonly shard: number;
  readonly group: number;
  /** For an operator: what is missing. */
  readonly reason: string;
}

export interface Plan {
  /** 'p' and 12 hex digits of a hash of what the plan says. */
  readonly id: string;
  readonly topologyVersion: number;
  /** By reason (restore, drain, balance), then index, shard, step. */
  readonly moves: readonly PlanMove[];
  readonly blocked: readonly BlockedShard[];
  /** Pending moves that are still wanted. */
  readonly keep: readonly string[];
  /** Pending moves before the switch that are not wanted any more. */
  readonly cancel: readonly string[];
  /** Pending moves past the switch that are not wanted: they only go forward. */
  readonly finish: readonly string[];
}

const hex = (text: string, digits: number): string => hash64(text).toString(16).padStart(16, '0').slice(0, digits);

/**
 * The plan's id from what it says: the nodes that it is for, where each answers and with which key it is asked, and each
 * move with the epoch of its shard's route, whatever order it came in. So asking again gives the same id while other shards'
 * moves go on, a shard that was moved once never has a plan of the same id again, and no document goes to another server
 * than the one that was looked at.
 */
export function planId({ topology, indexes, after }: PlannerInput, moves: readonly UnnamedMove[]): string {
  const tables = new Map(indexes.map(({ entry, table }) => [entry.uid, table]));
  const canonical = {
    version: topology.version,
    nodes: topology.nodes
      .map(({ id, group, state, url, apiKeyRef }) => [id, group, state, url, apiKeyRef].join(' '))
      .sort(),
    groups: topology.groups?.map(({ id, state }) => [id, state].join(' ')).sort(),
    moves: moves.map(({ index, shard, step, source, target, retires }) =>
      [index, shard, step, tables.get(index)?.shards[shard]?.epoch, source, target, retires].join(' '),
    ),
    after,
  };
  return `p${hex(JSON.stringify(canonical), 12)}`;
}

/**
 * A plan that has not run yet. Moves that ended before they changed a route leave everything as it was, so what is planned
 * next would be called the same; each such plan is named after the one before.
 */
export async function notRunYet<P extends { readonly plan: Plan }>(
  make: (after?: string) => P,
  hasRun: (id: string) => Promise<boolean>,
): Promise<P> {
  let made = make();
  while (made.plan.moves.length > 0 && (await hasRun(made.plan.id))) made = make(made.plan.id);
  return made;
}

/** Ends every move id of an index: a uid itself may hold what a job id may not, and up to 400 characters of it. */
export const indexTag = (index: string): string => hex(index, 8);

/** Moves of the plan with that id: each index's part of their ids is made once. */
export function named(id: string, moves: readonly UnnamedMove[]): PlanMove[] {
  const tags = new Map([...new Set(moves.map(({ index }) => index))].map((index) => [index, indexTag(index)]));
  return moves.map((move) => ({ ...move, id: `${id}-${move.shard}-${move.step}-${tags.get(move.index)}` }));
}

export interface ShardSize {
  readonly documents: number;
  readonly bytes: number;
}

export interface NodeSummary {
  readonly node: string;
  readonly shardsBefore: number;
  readonly shardsAfter: number;
  /** Documents and bytes are 0 when no sizes were given. */
  readonly before: ShardSize;
  readonly after: ShardSize;
}

export interface PlanSummary {
  readonly moves: number;
  /** The least number of moves that leads to the same owners: the (shard, node) pairs that are new. */
  readonly minimum: number;
  /** What the moves carry. */
  readonly moved: ShardSize;
  /** By node id: every node that owns shards before or after. */
  readonly nodes: readonly NodeSummary[];
}

const NOTHING: ShardSize = { documents: 0, bytes: 0 };
const plus = (a: ShardSize, b: ShardSize, sign = 1): ShardSize => ({
  documents: a.documents + sign * b.documents,
  bytes: a.bytes + sign * b.bytes,
});

interface Tally {
  shards: number;
  size: ShardSize;
}

/**
 * What the plan's moves come to per node. Kept moves of older plans are not in it.
 *
 * @param sizeOf documents and bytes of one copy of a shard, where they are known.
 */
export function planSummary(
  plan: Pick<Plan, 'moves'>,
  indexes: readonly PlannerIndex[],
  sizeOf: (index: string, shard: number) => ShardSize = () => NOTHING,
): PlanSummary {
  const before = new Map<string, Tally>();
  const after = new Map<string, Tally>();
  const count = (tallies: Map<string, Tally>, node: string, shards: number, size: ShardSize): void => {
    const tally = tallies.get(node) ?? { shards: 0, size: NOTHING };
    tallies.set(node, { shards: tally.shards + shards, size: plus(tally.size, size, shards) });
  };
  const held = new Set<string>();
  for (const { entry, table } of indexes) {
    for (const { shard, owners } of table.shards) {
      for (const node of owners) {
        held.add(`${entry.uid} ${shard} ${node}`);
        for (const tallies of [before, after]) count(tallies, node, 1, sizeOf(entry.uid, shard));
      }
    }
  }
  const arrivals = new Set<string>();
  let moved = NOTHING;
  for (const { index, shard, target, retires } of plan.moves) {
    const size = sizeOf(index, shard);
    const copy = `${index} ${shard} ${target}`;
    moved = plus(moved, size);
    if (!held.has(copy)) arrivals.add(copy);
    count(after, target, 1, size);
    if (retires !== null) count(after, retires, -1, size);
  }
  const nodes = [...new Set([...before.keys(), ...after.keys()])].sort().map((node): NodeSummary => {
    const [old, fresh] = [before.get(node), after.get(node)];
    return {
      node,
      shardsBefore: old?.shards ?? 0,
      shardsAfter: fresh?.shards ?? 0,
      before: old?.size ?? NOTHING,
      after: fresh?.size ?? NOTHING,
    };
  });
  return { moves: plan.moves.length, minimum: arrivals.size, moved, nodes };
}
