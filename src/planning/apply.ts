/**
 * Carrying out what somebody has looked at and approved: the very plan or nothing. It is made anew from the records as
 * they are now, and refused where that gives another one than was shown.
 */
import type { Moment } from '../core/events.ts';
import { AS_SHOWN, parsePlanApplied } from '../core/plan-applied.ts';
import { proposeNew } from '../core/proposal.ts';
import { findNode } from '../core/topology.ts';
import { StalePlanError } from '../errors.ts';
import type { PlanRecord } from '../ports.ts';
import { assertAnswers, type Decision } from './decision.ts';
import { inspectMoves } from './inspect.ts';
import { EVERY_INDEX, readFleet, type PlanningParts } from './parts.ts';
import { hasRun } from './replan.ts';
import { forgetBefore } from './sightings.ts';

export async function decidePlan(parts: PlanningParts, data: unknown): Promise<Decision> {
  const { plan: id, version, events } = parsePlanApplied(data);
  const about = { nodeId: events[0]?.nodeId ?? '', why: whyOf(events), plan: EVERY_INDEX };
  const known = await parts.records.plan(id);
  // Sent twice, or this process died behind its first writes: then what is left of it is finished.
  if (known !== null && known.state !== 'opening') {
    // Cut off and finished by a planner that did not know who had approved it.
    if (known.held?.by === 'approval') await parts.planHolds.release(id, 'approval');
    return { ...about, version, changed: [], outcome: repeated(known) };
  }
  const fleet = await readFleet(parts);
  const { topology, indexes, unfinished } = fleet;
  if (topology.version !== version) {
    throw stale(id, `the topology is at version ${topology.version}, it was made at ${version}`);
  }
  const moment: Moment = { nowMs: await parts.records.nowMs(), repairDelayMs: parts.config.repairDelayMs };
  const {
    changed,
    plan,
    topology: after,
  } = await proposeNew({ topology, indexes, pending: unfinished }, events, hasRun(parts), moment);
  if (plan.id !== id) throw stale(id, 'other moves have changed what has to be moved');
  for (const { type, nodeId } of events) {
    const node = findNode(after, nodeId);
    if (type === 'NodeAdded' && node !== undefined) await assertAnswers(parts, node);
  }
  const carried = await inspectMoves(parts, indexes, after, plan.moves);
  // As for a single event: they serve what they have been brought, and are not failed for what they had lost before.
  const wereRestoring = changed
    .filter((node) => node.state === 'draining' && findNode(topology, node.id)?.state === 'restoring')
    .map((node) => node.id);
  if (wereRestoring.length > 0) await forgetBefore(parts, wereRestoring);
  return { ...about, version, changed, carried, isApproved: true };
}

const whyOf = (events: readonly { readonly type: string; readonly nodeId: string }[]): string =>
  `${events.map(({ type, nodeId }) => `${type} ${nodeId}`).join(', ')}${AS_SHOWN}`;

const repeated = ({ id, moves, blocked }: PlanRecord) =>
  ({ change: 'repeated', plan: id, moves, blocked: blocked.length }) as const;

const stale = (id: string, why: string): StalePlanError =>
  new StalePlanError(`plan ${id} is not what it would be now: ${why}`, {
    field: 'plan',
    remedy: 'make it again with `miroir plan`, look at it, and apply that one',
  });
