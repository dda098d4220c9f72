/**
 * A plan before anything is changed: what would move if these nodes came and went, what each node holds before and after,
 * how long it takes, and what speaks against it. Asked again the same gives the same id.
 */
import {
  atLeast,
  estimateSeconds,
  learnMovePace,
  throttledSeconds,
  UNKNOWN_PACE,
  type MoveSample,
} from '../../core/estimate.ts';
import { parseTopologyEvent, type TopologyEvent } from '../../core/events.ts';
import { mayOwn, type Topology } from '../../core/topology.ts';
import { withCancels } from '../../core/plan-hold.ts';
import { planSummary } from '../../core/planner.ts';
import { proposeNew, seenOf } from '../../core/proposal.ts';
import type { NodeCopies, MoveState, Proposals, Proposed, Records } from '../../ports.ts';
import type { DoctorParts } from '../doctor/parts.ts';
import { copiesAfter, copiesNow } from '../copies.ts';
import { allIndexes } from '../indexes.ts';
import type { ThrottleParts } from '../throttle.ts';
import { planChecks } from './checks.ts';

export interface ProposalParts extends DoctorParts, ThrottleParts {
  readonly proposals: Proposals;
  /** Moves into a node at a time, and out of it. */
  readonly movesPerNode: number;
}

/** As the API takes it; each `add` is the data of a `NodeAdded`. */
export interface PlanWish {
  readonly add: readonly object[];
  readonly drain: readonly string[];
}

/** Ended moves that are looked at for how long moves take. */
const MOVES_LEARNED_FROM = 200;
/** In a larger fleet only nodes that take part are asked what they hold: an answer in seconds is worth more. */
const NODES_ALL_ASKED = 32;
/** Blocked shards that are told one by one. */
const BLOCKED_KEPT = 100;
const NOTHING: NodeCopies = { shards: 0, documents: 0, bytes: 0 };

export async function proposePlan(parts: ProposalParts, wish: PlanWish): Promise<Proposed> {
  const { records, proposals, movesPerNode } = parts;
  const events = eventsOf(wish);
  // The topology first: what is read later can only be newer, and applying compares.
  const topology = await records.topology();
  const indexes = await allIndexes(parts);
  const plans = await records.plans(0);
  const unfinished = withCancels(await records.unfinishedMoves(), plans);
  const { plan, topology: after } = await proposeNew(
    { topology, indexes, pending: unfinished },
    events,
    async (id) => ((await records.plan(id))?.state ?? 'opening') !== 'opening',
  );
  const named = [
    ...events.map(({ nodeId }) => nodeId),
    ...plan.moves.flatMap(({ source, target }) => [source, target]),
  ];
  const takesPart = new Set(named);
  const isAsked = (id: string): boolean => after.nodes.length <= NODES_ALL_ASKED || takesPart.has(id);
  const now = await copiesNow(parts, after, indexes, isAsked);
  const { nodes, documents, bytes, arriving } = copiesAfter(now, plan.moves);
  const samples = await settledMoves(records, unfinished);
  const pace = learnMovePace(samples);
  const loads = plan.moves.map(loadOf);
  const { throttle } = await parts.throttles.read();
  const seconds =
    documents === null
      ? null
      : atLeast(estimateSeconds(loads, pace ?? UNKNOWN_PACE, movesPerNode), throttledSeconds(loads, throttle));
  const before = (id: string): NodeCopies => now.nodes.get(id) ?? NOTHING;
  const shown = after.nodes
    .filter(({ id, state }) => state !== 'removed' && isAsked(id))
    .map(({ id, state }) => ({ id, state, before: before(id), after: nodes.get(id) ?? NOTHING }));
  const proposed: Proposed = {
    id: plan.id,
    why: events.map(({ type, nodeId }) => `${type} ${nodeId}`).join(', '),
    events,
    version: topology.version,
    seen: seenOf(topology, plan.moves.length),
    madeAtMs: await records.nowMs(),
    moves: plan.moves.length,
    minimum: planSummary(plan, indexes).minimum,
    withdrawn: plan.cancel.length,
    documents,
    bytes,
    nodes: shown,
    spreadBefore: spreadOf(topology, before),
    spreadAfter: spreadOf(after, (id) => nodes.get(id) ?? NOTHING),
    secondsLow: seconds?.low ?? null,
    secondsHigh: seconds?.high ?? null,
    learnedFrom: pace === null ? 0 : samples.length,
    blocked: plan.blocked.slice(0, BLOCKED_KEPT).map(({ index, shard, reason }) => ({ index, shard, reason })),
    checks: await planChecks(parts, {
      after,
      plan,
      others: unfinished.length,
      involved: after.nodes
        .filter(({ id, state }) => takesPart.has(id) && state !== 'failed')
        .slice(0, NODES_ALL_ASKED),
      nodes: shown,
      arriving,
      silent: now.silent,
    }),
  };
  await proposals.write(proposed);
  return proposed;

  function loadOf({ index, source, target }: (typeof plan.moves)[number]) {
    return { source, target, documents: now.sizeOf(index, source)?.documents ?? 0 };
  }
}

/** A node that the plan adds; null is what it has already, or the only replica group there is. */
export interface AddedNode {
  readonly id: string;
  /** Where documents will go. */
  readonly url: string | null;
  readonly group: number | null;
  readonly apiKeyRef: string | null;
}

const addedOf = (events: readonly TopologyEvent[]): AddedNode[] =>
  events
    .filter(({ type }) => type === 'NodeAdded')
    .map(({ nodeId: id, url = null, group = null, apiKeyRef = null }) => ({ id, url, group, apiKeyRef }));

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
  const isRefused = proposed.checks.some(({ level }) => level === 'fail');
  const next_steps = isStale || isRefused ? [commandOf(proposed.events)] : [`miroir plan apply ${proposed.id} --wait`];
  return { ...proposed, state: 'proposed', stage: 'proposed', isStale, added: addedOf(proposed.events), next_steps };
}

/** What asks for the same plan again, with every node that it is about. */
function commandOf(events: readonly TopologyEvent[]): string {
  const added = events.flatMap(({ type, nodeId, url, group, apiKeyRef }) => {
    if (type !== 'NodeAdded') return [];
    const inGroup = group === undefined ? '' : `,group=${group}`;
    return `--add ${nodeId}=${url}${inGroup}${apiKeyRef === undefined ? '' : `,key=${apiKeyRef}`}`;
  });
  const drained = events.filter(({ type }) => type === 'NodeDraining').map(({ nodeId }) => nodeId);
  return ['miroir plan', ...added, ...(drained.length === 0 ? [] : [`--drain ${drained.join(' ')}`])].join(' ');
}

const eventsOf = ({ add, drain }: PlanWish): TopologyEvent[] => [
  ...add.map((data) => parseTopologyEvent('NodeAdded', data)),
  ...drain.map((id) => parseTopologyEvent('NodeDraining', { node_id: id })),
];

/** Newest moves whose new owners serve, with how long that took. */
async function settledMoves(
  records: Pick<Records, 'moves' | 'movePage'>,
  unfinished: readonly MoveState[],
): Promise<MoveSample[]> {
  const page = await records.movePage('ended', { from: null, limit: MOVES_LEARNED_FROM });
  const ended = (await records.moves(page?.keys ?? [])).filter(({ outcome }) => outcome === 'done');
  // Those in their grace are the newest, and have ended for whoever waits.
  return [...unfinished.filter(({ switchedAtMs }) => switchedAtMs !== null), ...ended]
    .slice(0, MOVES_LEARNED_FROM)
    .flatMap(({ startedAtMs, switchedAtMs, docsMigrated, level }) =>
      startedAtMs === null || switchedAtMs === null || level
        ? []
        : [{ documents: docsMigrated, seconds: (switchedAtMs - startedAtMs) / 1_000 }],
    );
}

/** Most shards on a node by the mean, over those that may own some; 1 where there are none. */
function spreadOf({ nodes }: Topology, heldBy: (id: string) => NodeCopies): number {
  const shards = nodes.filter(mayOwn).map(({ id }) => heldBy(id).shards);
  const mean = shards.reduce((sum, count) => sum + count, 0) / Math.max(1, shards.length);
  return mean === 0 ? 1 : Math.max(...shards) / mean;
}
