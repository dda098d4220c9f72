/**
 * What one index contributes to the views of the fleet. It stands as long as table, moves and topology do: where these are
 * kept between two questions, only indexes in which something has changed are counted again.
 */
import { groupShards, type ShardSync } from '../core/group-progress.ts';
import { lackingOf, type Lacking } from '../core/lacking.ts';
import { isSwitched } from '../core/move.ts';
import { desiredPlacement, type DesiredPlacement } from '../core/placement.ts';
import type { PlannerIndex } from '../core/plan.ts';
import { planMoves, type BlockedShard } from '../core/planner.ts';
import type { RoutingTable } from '../core/routing.ts';
import { isReadable, type Topology } from '../core/topology.ts';
import type { MoveState } from '../ports.ts';
import type { FleetRead } from './fleet-read.ts';

export type Tally = ReadonlyMap<string, number>;

export interface GroupPart {
  readonly syncs: Readonly<Record<ShardSync, number>>;
  /** Shards of which it has a copy. */
  readonly owned: number;
  /** A shard is not there, and no move that has not ended says why. */
  readonly isUnexplained: boolean;
}

export interface IndexPart {
  /** By node: copies of shards, moves that bring one or take one away up to the switch, copies kept for their grace. */
  readonly copies: Tally;
  readonly into: Tally;
  readonly out: Tally;
  readonly inGrace: Tally;
  /** Every shard has a node that it is read from. */
  readonly isCovered: boolean;
  /** Shards that failed nodes have left without a copy, or with too few. */
  readonly lacking: readonly Lacking[];
  group(id: number): GroupPart;
  /** What is wanted and cannot be done. */
  blocked(): readonly BlockedShard[];
}

interface Known {
  readonly moves: readonly MoveState[];
  readonly about: string;
  readonly part: IndexPart;
}

const known = new WeakMap<RoutingTable, Known>();
const NO_MOVES: readonly MoveState[] = [];

/** Of every index, in the order of `indexes`. */
export function indexParts({ topology, indexes, movesOf }: FleetRead): IndexPart[] {
  let placement: DesiredPlacement | null = null;
  const placed = (): DesiredPlacement =>
    (placement ??= desiredPlacement(
      indexes.map(({ entry }) => entry),
      topology,
    ));
  return indexes.map((index) => {
    const { entry, table } = index;
    const moves = movesOf.get(entry.uid) ?? NO_MOVES;
    const about = `${topology.version} ${JSON.stringify(entry)}`;
    const last = known.get(table);
    if (last?.moves === moves && last.about === about) return last.part;
    const part = partOf(topology, index, moves, placed());
    known.set(table, { moves, about, part });
    return part;
  });
}

function partOf(
  topology: Topology,
  index: PlannerIndex,
  moves: readonly MoveState[],
  placement: DesiredPlacement,
): IndexPart {
  const { shards } = index.table;
  const [copies, into, out, inGrace] = [tally(), tally(), tally(), tally()];
  for (const { owners } of shards) for (const id of owners) copies.add(id);
  for (const { phase, source, target, retires } of moves) {
    if (!isSwitched(phase)) {
      into.add(target);
      out.add(retires ?? source);
    } else if (retires !== null) inGrace.add(retires);
  }
  const groups = new Map<number, GroupPart>();
  let blocked: readonly BlockedShard[] | null = null;
  return {
    copies: copies.counts,
    into: into.counts,
    out: out.counts,
    inGrace: inGrace.counts,
    isCovered: shards.every(({ readers }) => readers.some((reader) => isReadable(topology, reader))),
    lacking: lackingOf(topology, index, moves),
    group(id) {
      const seen = groups.get(id) ?? groupPart(topology, index, moves, placement, id);
      groups.set(id, seen);
      return seen;
    },
    blocked: () => (blocked ??= planMoves({ topology, indexes: [index], pending: moves }).blocked),
  };
}

function groupPart(
  topology: Topology,
  index: PlannerIndex,
  moves: readonly MoveState[],
  placement: DesiredPlacement,
  group: number,
): GroupPart {
  const syncs: Record<ShardSync, number> = { pending: 0, syncing: 0, complete: 0, failed: 0 };
  let isUnexplained = false;
  for (const { sync, isAwaited } of groupShards({ topology, indexes: [index], moves, placement }, group)) {
    syncs[sync] += 1;
    isUnexplained ||= sync === 'pending' && !isAwaited;
  }
  const members = new Set(topology.nodes.filter((node) => node.group === group).map(({ id }) => id));
  const owned = index.table.shards.filter(({ owners }) => owners.some((id) => members.has(id))).length;
  return { syncs, owned, isUnexplained };
}

function tally() {
  const counts = new Map<string, number>();
  return { counts, add: (id: string): unknown => counts.set(id, (counts.get(id) ?? 0) + 1) };
}

/** How often the node was counted in all of them. */
export const sumOf = (parts: readonly IndexPart[], of: (part: IndexPart) => Tally, id: string): number =>
  parts.reduce((sum, part) => sum + (of(part).get(id) ?? 0), 0);
