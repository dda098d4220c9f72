/**
 * What every plan promises, as predicates that share nothing with the planner: each carries the plan out on paper, move
 * by move, and names the first place where the promise is broken. Tests run them over random histories.
 */
import { InvariantError } from '../errors.ts';
import { mayHoldShards } from './groups.ts';
import { isSwitched, type Move, type PlannedMove } from './move.ts';
import type { Plan, PlannerInput } from './plan.ts';
import { assignShard } from './placement.ts';
import { findNode, mayBeSource, mayOwn, type Topology } from './topology.ts';

/** What is wrong, or undefined. */
type Predicate = (input: PlannerInput, plan: Plan) => string | undefined;

const shardKey = ({ index, shard }: PlannedMove): string => `${index}/${shard}`;

/** Owners by shard, before any move. */
const ownersOf = ({ indexes }: PlannerInput): Map<string, readonly string[]> =>
  new Map(
    indexes.flatMap(({ entry, table }) =>
      table.shards.map(({ shard, owners }) => [`${entry.uid}/${shard}`, owners] as const),
    ),
  );

const after = (owners: readonly string[], { target, retires }: PlannedMove): string[] => [
  ...owners.filter((id) => id !== retires),
  target,
];

/** Pending moves that the plan keeps and whose switch is still to come, in an order in which they can happen. */
function keptMoves({ pending = [] }: PlannerInput, plan: Plan): Move[] {
  const byId = new Map(pending.map((move) => [move.id, move]));
  return plan.keep.flatMap((id) => byId.get(id) ?? []).filter(({ phase }) => !isSwitched(phase));
}

/** The owners by shard once every kept move has happened. */
function ownersAfterKept(input: PlannerInput, plan: Plan): Map<string, readonly string[]> {
  const owners = ownersOf(input);
  for (const move of keptMoves(input, plan)) {
    const now = owners.get(shardKey(move)) ?? [];
    // A switch that has just happened shows in the table before the move's phase does.
    if (!now.includes(move.target)) owners.set(shardKey(move), after(now, move));
  }
  return owners;
}

/** Calls `look` before each move of the plan with the owners at that moment. */
function walk(
  input: PlannerInput,
  plan: Plan,
  look: (move: PlannedMove, owners: readonly string[]) => string | undefined,
): string | undefined {
  const owners = ownersAfterKept(input, plan);
  for (const move of plan.moves) {
    const now = owners.get(shardKey(move)) ?? [];
    const wrong = look(move, now);
    if (wrong !== undefined) return `${shardKey(move)} to ${move.target}: ${wrong}`;
    owners.set(shardKey(move), after(now, move));
  }
  return undefined;
}

const copiesIn = (topology: Topology, group: number, owners: readonly string[]): number =>
  owners.filter((id) => {
    const node = findNode(topology, id);
    return node?.group === group && node.state !== 'failed' && node.state !== 'removed';
  }).length;

const readsOnlyHealthyOwners: Predicate = (input, plan) =>
  walk(input, plan, ({ source }, owners) => {
    const state = findNode(input.topology, source)?.state;
    if (!owners.includes(source)) return `source ${source} is no owner`;
    return state !== undefined && mayBeSource(state) ? undefined : `source ${source} is ${state}`;
  });

const targetsMayOwn: Predicate = (input, plan) =>
  walk(input, plan, ({ target, group }, owners) => {
    const node = findNode(input.topology, target);
    if (node === undefined || node.group !== group || !mayOwn(node)) return `is ${node?.state}`;
    return owners.includes(target) ? 'owns the shard already' : undefined;
  });

const retiresOnlyOwners: Predicate = (input, plan) =>
  walk(input, plan, ({ retires }, owners) =>
    retires === null || owners.includes(retires) ? undefined : `${retires} is no owner`,
  );

/** The number of live copies of a shard in a group never gets less by a move. */
const copiesNeverDrop: Predicate = (input, plan) =>
  walk(input, plan, (move, owners) => {
    const [old, fresh] = [owners, after(owners, move)].map((each) => copiesIn(input.topology, move.group, each));
    return fresh! < old! ? `${fresh} copies after ${old}` : undefined;
  });

/** The moves of a shard are numbered 0, 1, … in the plan's order, so that one can run after the other. */
const stepsAreInOrder: Predicate = (_, plan) => {
  const next = new Map<string, number>();
  for (const move of plan.moves) {
    const expected = next.get(shardKey(move)) ?? 0;
    if (move.step !== expected) return `${move.id} is step ${move.step}, not ${expected}`;
    next.set(shardKey(move), expected + 1);
  }
  return undefined;
};

const idsAreUniqueAndPlain: Predicate = (_, plan) => {
  const ids = plan.moves.map(({ id }) => id);
  if (new Set(ids).size !== ids.length) return 'two moves have one id';
  return ids.find((id) => !/^[a-z0-9-]{1,64}$/.test(id));
};

/** Every pending move of a planned index is in exactly one of keep, cancel and finish. */
const judgesEveryPendingMove: Predicate = ({ indexes, pending = [] }, plan) => {
  const judged = [...plan.keep, ...plan.cancel, ...plan.finish].sort();
  const uids = new Set(indexes.map(({ entry }) => entry.uid));
  const given = pending.filter(({ index, outcome }) => uids.has(index) && outcome === undefined).map(({ id }) => id);
  return judged.join() === given.sort().join() ? undefined : `judged ${judged.join()}, given ${given.join()}`;
};

/** The owners that placement wants in a group, by the slow and plain way. */
function wantedOwners({ topology, indexes }: PlannerInput, { index, shard, group }: Wanted): string[] {
  if (!mayHoldShards(topology, group)) return [];
  const replicationFactor = indexes.find(({ entry }) => entry.uid === index)?.entry.replicationFactor ?? 0;
  const nodes = topology.nodes.filter((node) => node.group === group && mayOwn(node)).map(({ id }) => id);
  return assignShard({ shard, nodes, replicationFactor });
}

type Wanted = Pick<PlannedMove, 'index' | 'shard' | 'group'>;

/** A kept move brings a wanted owner and takes away an unwanted one. */
const keepsOnlyWhatHelps: Predicate = (input, plan) => {
  for (const move of keptMoves(input, plan)) {
    const wanted = wantedOwners(input, move);
    if (!wanted.includes(move.target)) return `${move.id} brings ${move.target}, which is not wanted`;
    if (move.retires !== null && wanted.includes(move.retires)) return `${move.id} retires ${move.retires}`;
  }
  return undefined;
};

/** In shards without a blocked move: every wanted owner owns, and who else does is surplus that nobody can replace. */
const endsAtPlacement: Predicate = (input, plan) => {
  const owners = ownersAfterKept(input, plan);
  for (const move of plan.moves) owners.set(shardKey(move), after(owners.get(shardKey(move)) ?? [], move));
  const blocked = new Set(plan.blocked.map(({ index, shard, group }) => `${index}/${shard}/${group}`));
  for (const { entry } of input.indexes) {
    for (let shard = 0; shard < entry.shards; shard += 1) {
      for (const group of entry.groups) {
        if (blocked.has(`${entry.uid}/${shard}/${group}`)) continue;
        const wanted = wantedOwners(input, { index: entry.uid, shard, group });
        const missing = wanted.find((id) => !owners.get(`${entry.uid}/${shard}`)?.includes(id));
        if (missing !== undefined) return `${entry.uid}/${shard}: ${missing} should own it and will not`;
      }
    }
  }
  return undefined;
};

/** One move per (shard, node) that has to come to be and is not pending: none twice, none in vain. */
const movesAreMinimal: Predicate = (_, plan) => {
  const arrivals = new Set(plan.moves.map((move) => `${shardKey(move)} ${move.target}`));
  if (arrivals.size !== plan.moves.length) return 'a node gets a shard twice';
  const vain = plan.moves.find((move) => move.retires !== null && arrivals.has(`${shardKey(move)} ${move.retires}`));
  return vain && `${vain.id} takes away what another move brings`;
};

export const PLAN_INVARIANTS = {
  readsOnlyHealthyOwners,
  targetsMayOwn,
  retiresOnlyOwners,
  copiesNeverDrop,
  stepsAreInOrder,
  idsAreUniqueAndPlain,
  judgesEveryPendingMove,
  keepsOnlyWhatHelps,
  endsAtPlacement,
  movesAreMinimal,
} as const;

/** Throws `InvariantError` with the name of the first promise that the plan breaks. */
export function assertPlanSound(input: PlannerInput, plan: Plan): void {
  for (const [name, holds] of Object.entries(PLAN_INVARIANTS)) {
    const wrong = holds(input, plan);
    if (wrong !== undefined) throw new InvariantError(`${name}: ${wrong}`, { details: { plan: plan.id } });
  }
}
