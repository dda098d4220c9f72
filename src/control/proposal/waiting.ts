/** What a plan comes to that waits for its approval: what `miroir plan` would have shown, made of the moves that it has. */
import type { TopologyEvent } from '../../core/events.ts';
import { hasBegun } from '../../core/plan-hold.ts';
import { seenOf } from '../../core/proposal.ts';
import type { Topology } from '../../core/topology.ts';
import type { Proposed } from '../../ports.ts';
import { allIndexes } from '../indexes.ts';
import { addedOf, type AddedNode } from '../plan-command.ts';
import type { PlanDetails } from '../plan-list.ts';
import { figuresOf, type Figures, type ProposalParts } from './figures.ts';

/** Whoever looks again sooner is told the same: each look asks every node. */
const LOOKED_AT_MS = 30_000;

export interface Forecast extends Figures {
  readonly version: number;
  readonly madeAtMs: number;
  readonly added: readonly AddedNode[];
}

/** Null for a plan that waits for nobody, or was replaced, or has begun. */
export async function forecastOf(parts: ProposalParts, plan: PlanDetails): Promise<Forecast | null> {
  if (plan.stage !== 'awaiting_approval') return null;
  const { records, proposals } = parts;
  const moves = await records.moves(await records.planMoveIds(plan.id));
  if (moves.some(hasBegun) || moves.every(({ cancelWished }) => cancelWished)) return null;
  const [kept, nowMs] = await Promise.all([proposals.read(plan.id), records.nowMs()]);
  if (kept !== null && nowMs - kept.madeAtMs < LOOKED_AT_MS) return viewed(kept);
  const topology = await records.topology();
  const others = (await records.unfinishedMoves()).filter(({ planId }) => planId !== plan.id);
  const events = standing(topology);
  const figures = await figuresOf(parts, {
    before: topology,
    after: topology,
    indexes: await allIndexes(parts),
    plan: { ...plan, moves, cancel: [] },
    named: events.map(({ nodeId }) => nodeId),
    others,
  });
  const { id, why, topologyVersion: version } = plan;
  const proposed: Proposed = {
    id,
    why,
    events,
    version,
    seen: seenOf(topology, moves.length),
    madeAtMs: nowMs,
    ...figures,
  };
  // Kept as one that was asked for is: its report tells what was shown before somebody approved it.
  await proposals.write(proposed);
  return viewed(proposed);
}

function viewed(proposed: Proposed): Forecast {
  const { id: _id, why: _why, events, seen: _seen, ...figures } = proposed;
  return { ...figures, added: addedOf(events) };
}

/** What the topology has been told and no move has carried out yet. */
const standing = ({ nodes }: Topology): TopologyEvent[] =>
  nodes.flatMap(({ id: nodeId, state, url, group, apiKeyRef }): TopologyEvent[] => {
    if (state === 'draining') return [{ type: 'NodeDraining', nodeId }];
    if (state !== 'joining') return [];
    return [{ type: 'NodeAdded', nodeId, url, group, ...(apiKeyRef === undefined ? {} : { apiKeyRef }) }];
  });
