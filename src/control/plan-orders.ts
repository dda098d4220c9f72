/** Pausing, resuming and cancelling a plan, or all plans. The planner and the workers carry out what is said here. */
import { hasBegun, isHoldReason, isKept, type PlanHold } from '../core/plan-hold.ts';
import { AS_SHOWN } from '../core/plan-applied.ts';
import { stageOf } from '../core/plan-stage.ts';
import { groupsOf, type Topology, type TopologyNode } from '../core/topology.ts';
import { PlanStateError, TimeoutError } from '../errors.ts';
import type { MoveState, PlanRecord } from '../ports.ts';
import { audited } from './audited.ts';
import type { WaitOptions } from './events.ts';
import { toldHolds } from './held-moves.ts';
import type { ChangeParts, ControlParts } from './parts.ts';
import { planCommand } from './plan-command.ts';
import { planOf } from './plan-list.ts';

export interface PlanHeldView {
  readonly plan: string;
  /** What keeps its moves from beginning; null: nothing of its own. */
  readonly held: PlanHold | null;
  /** The hold of all plans. */
  readonly paused: PlanHold | null;
}

export interface CancelView {
  readonly plan: string;
  readonly why: string;
  /** Whether it is cancelled by now. */
  readonly cancelled: boolean;
  /** Moves that have not begun: they end. */
  readonly unbegun: number;
  /** Moves that have begun: they are undone, and what they brought is deleted. */
  readonly undone: number;
  /** Moves past their switch: they go on to their end. */
  readonly switched: number;
  /** One command that asks for the contrary of all that the plan was asked for; none where nothing can be taken back. */
  readonly reverse: readonly string[];
  /** What stands until that is applied; null where nothing of it does. */
  readonly standing: string | null;
}

/** Nothing more of it begins, and what has begun goes no further than it must. */
export const pausePlan = (parts: ChangeParts, id: string): Promise<PlanHeldView> =>
  audited(parts, 'plan pause', { plan: id }, async () =>
    heldView(parts, id, await parts.planHolds.hold(id, 'operator', parts.actor)),
  );

/** Throws `PlanStateError` for one that waits for its approval. */
export const resumePlan = (parts: ChangeParts, id: string): Promise<PlanHeldView> =>
  audited(parts, 'plan resume', { plan: id }, async () => {
    await parts.planHolds.release(id, 'operator');
    return heldView(parts, id, null);
  });

const heldView = async ({ planHolds }: ControlParts, plan: string, held: PlanHold | null): Promise<PlanHeldView> => ({
  plan,
  held,
  paused: await planHolds.all(),
});

export interface PauseView {
  readonly paused: PlanHold | null;
}

/** Whether all plans are paused, also those to come. */
export const showPause = async ({ planHolds }: Pick<ControlParts, 'planHolds'>): Promise<PauseView> => ({
  paused: await planHolds.all(),
});

export const pauseAll = (parts: ChangeParts): Promise<PauseView> =>
  audited(parts, 'plan pause', { plan: 'all' }, async () => ({ paused: await parts.planHolds.holdAll(parts.actor) }));

/** Plans with a hold of their own stay held. */
export const resumeAll = (parts: ChangeParts): Promise<PauseView> =>
  audited(parts, 'plan resume', { plan: 'all' }, async () => {
    await parts.planHolds.releaseAll();
    return { paused: null };
  });

/** What cancelling the plan would undo, and what not any more. Throws `PlanStateError` for one that is over. */
export async function cancelOf(parts: ControlParts, id: string): Promise<CancelView> {
  const { records } = parts;
  const plan = await planOf(parts, id);
  if (plan.state === 'done') {
    throw new PlanStateError(`plan ${id} is ${stageOf(plan, 0, null)}`, {
      field: 'plan',
      remedy: 'it is over: see `miroir plan show`, and ask for what you want now with an event',
      details: { plan: id },
    });
  }
  const [moves, topology] = await Promise.all([records.moves(await records.planMoveIds(id)), records.topology()]);
  const open = moves.filter(({ outcome, switchedAtMs }) => outcome === undefined && switchedAtMs === null);
  return {
    plan: id,
    why: plan.why,
    cancelled: plan.cancelled !== null,
    unbegun: open.filter((move) => !hasBegun(move)).length,
    undone: open.filter(hasBegun).length,
    switched: moves.filter(({ switchedAtMs }) => switchedAtMs !== null).length,
    ...wayBack(plan, moves, topology),
  };
}

/** Cancelling twice is cancelling once. */
export const cancelPlan = (parts: ChangeParts, id: string): Promise<CancelView> =>
  audited(parts, 'plan cancel', { plan: id }, async () => {
    // Read first: a moment later what is undone is none of what the plan has.
    const view = await cancelOf(parts, id);
    await parts.planHolds.cancel(id, parts.actor);
    return { ...view, cancelled: true };
  });

/**
 * A node that was to leave is added again, one that was added is drained: as one plan, since an event for one of them plans
 * for all, and would begin anew what was cancelled of the others.
 */
function wayBack({ why }: PlanRecord, moves: readonly MoveState[], topology: Topology) {
  const events = new Set(why.split(', ').map((event) => event.replace(AS_SHOWN, '')));
  const isNamed = (event: string, id: string): boolean => events.has(`${event} ${id}`);
  const retired = new Set(moves.flatMap(({ retires }) => retires ?? []));
  const leaving = topology.nodes.filter(
    ({ id, state }) => state === 'draining' && (retired.has(id) || isNamed('NodeDraining', id)),
  );
  const added = topology.nodes.filter(
    ({ id, state }) => (state === 'joining' || state === 'active') && isNamed('NodeAdded', id),
  );
  if (leaving.length + added.length === 0) return { reverse: [], standing: null };
  const isGrouped = groupsOf(topology).length > 1;
  const adds = leaving.map(({ id, url, group, apiKeyRef = null }) => ({
    id,
    url,
    group: isGrouped ? group : null,
    apiKeyRef,
  }));
  const stand = [
    ...(leaving.length === 0 ? [] : [`${idsOf(leaving).join(', ')} ${theyStay(leaving)} draining`]),
    ...(added.length === 0 ? [] : [`${idsOf(added).join(', ')} ${theyStay(added)} added`]),
  ].join(', ');
  return {
    reverse: [planCommand(adds, idsOf(added))],
    standing: `${stand}: any event plans for that again until a plan that takes it back is applied`,
  };
}

const idsOf = (nodes: readonly TopologyNode[]): string[] => nodes.map(({ id }) => id);
const theyStay = ({ length }: readonly TopologyNode[]): string => (length === 1 ? 'stays' : 'stay');

const LOOK_MS = 250;

/** Until no move of the plan does anything but wait, or is past its switch. Throws `TimeoutError`. */
export async function untilPaused(parts: ControlParts, id: string, { timeoutMs, signal }: WaitOptions): Promise<void> {
  const { records, clock } = parts;
  const startedMs = clock.monotonic();
  for (;;) {
    const moves = await toldHolds(parts, await records.moves(await records.planMoveIds(id)));
    const busy = moves.filter((move) => isKept(move) && !isHoldReason(move.waiting?.reason ?? ''));
    if (busy.length === 0) return;
    if (timeoutMs !== undefined && clock.monotonic() - startedMs >= timeoutMs) {
      throw new TimeoutError(`${busy.length} moves of plan ${id} have not come to rest after ${timeoutMs} ms`, {
        remedy: 'they stop at their next window or phase: `miroir status` shows what they do',
        details: { plan: id, moves: busy.length },
      });
    }
    await clock.sleep(LOOK_MS, signal);
  }
}
