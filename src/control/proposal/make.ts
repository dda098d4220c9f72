/**
 * A plan before anything is changed: what would move if these nodes came and went, what each node holds before and after,
 * how long it takes, and what speaks against it. Asked again the same gives the same id.
 */
import { parseTopologyEvent, type TopologyEvent } from '../../core/events.ts';
import { withCancels } from '../../core/plan-hold.ts';
import { proposeNew, seenOf } from '../../core/proposal.ts';
import type { Proposed } from '../../ports.ts';
import { allIndexes } from '../indexes.ts';
import { addedOf, planCommand, type AddedNode } from '../plan-command.ts';
import { figuresOf, type ProposalParts } from './figures.ts';

/** As the API takes it; each `add` is the data of a `NodeAdded`. */
export interface PlanWish {
  readonly add: readonly object[];
  readonly drain: readonly string[];
}

export async function proposePlan(parts: ProposalParts, wish: PlanWish): Promise<Proposed> {
  const { records, proposals } = parts;
  const events = eventsOf(wish);
  // The topology first: what is read later can only be newer, and applying compares.
  const topology = await records.topology();
  const indexes = await allIndexes(parts);
  const plans = await records.plans(0);
  const others = withCancels(await records.unfinishedMoves(), plans);
  const { plan, topology: after } = await proposeNew(
    { topology, indexes, pending: others },
    events,
    async (id) => ((await records.plan(id))?.state ?? 'opening') !== 'opening',
  );
  const named = events.map(({ nodeId }) => nodeId);
  const proposed: Proposed = {
    id: plan.id,
    why: events.map(({ type, nodeId }) => `${type} ${nodeId}`).join(', '),
    events,
    version: topology.version,
    seen: seenOf(topology, plan.moves.length),
    madeAtMs: await records.nowMs(),
    ...(await figuresOf(parts, { before: topology, after, indexes, plan, named, others })),
  };
  await proposals.write(proposed);
  return proposed;
}

/** A plan that has not run, as it is shown. */
export type ProposedView = Proposed & {
  readonly state: 'proposed';
  readonly stage: 'proposed';
  /** Whether the topology has changed since: it cannot be applied any more. */
  readonly isStale: boolean;
  readonly added: readonly AddedNode[];
  readonly next_steps: readonly string[];
};

export function viewProposed(proposed: Proposed, version: number): ProposedView {
  const isStale = version !== proposed.version;
  const added = addedOf(proposed.events);
  const drained = proposed.events.filter(({ type }) => type === 'NodeDraining').map(({ nodeId }) => nodeId);
  const isRefused = proposed.checks.some(({ level }) => level === 'fail');
  const next_steps = isStale || isRefused ? [planCommand(added, drained)] : [`miroir plan apply ${proposed.id} --wait`];
  return { ...proposed, state: 'proposed', stage: 'proposed', isStale, added, next_steps };
}

const eventsOf = ({ add, drain }: PlanWish): TopologyEvent[] => [
  ...add.map((data) => parseTopologyEvent('NodeAdded', data)),
  ...drain.map((id) => parseTopologyEvent('NodeDraining', { node_id: id })),
];
