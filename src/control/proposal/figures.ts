/** What moves come to: what each node holds before and after, how long they take, and what speaks against them. */
import {
  atLeast,
  estimateSeconds,
  learnMovePace,
  throttledSeconds,
  UNKNOWN_PACE,
  type MoveSample,
} from '../../core/estimate.ts';
import { planSummary, type Plan, type PlannerIndex } from '../../core/planner.ts';
import { mayOwn, type Topology } from '../../core/topology.ts';
import type { MoveState, NodeCopies, PlanRecord, Proposals, Proposed, Records } from '../../ports.ts';
import { copiesAfter, copiesNow } from '../copies.ts';
import type { DoctorParts } from '../doctor/parts.ts';
import type { ThrottleParts } from '../throttle.ts';
import { planChecks } from './checks.ts';

export interface ProposalParts extends DoctorParts, ThrottleParts {
  readonly proposals: Proposals;
  /** Moves into a node at a time, and out of it. */
  readonly movesPerNode: number;
}

/** Ended moves that are looked at for how long moves take. */
const MOVES_LEARNED_FROM = 200;
/** In a larger fleet only nodes that take part are asked what they hold: an answer in seconds is worth more. */
const NODES_ALL_ASKED = 32;
/** Blocked shards that are told one by one. */
const BLOCKED_KEPT = 100;
const NOTHING: NodeCopies = { shards: 0, documents: 0, bytes: 0 };

export type Figures = Omit<Proposed, 'id' | 'why' | 'events' | 'version' | 'seen' | 'madeAtMs'>;

export interface ToFigure {
  readonly before: Topology;
  readonly after: Topology;
  readonly indexes: readonly PlannerIndex[];
  /** None of its moves has begun. */
  readonly plan: Pick<Plan, 'id' | 'topologyVersion' | 'moves' | 'cancel'> & Pick<PlanRecord, 'blocked'>;
  /** Nodes that come and go, whether anything moves or not. */
  readonly named: readonly string[];
  /** Unfinished moves of other plans. */
  readonly others: readonly MoveState[];
}

/** Counts on the nodes. */
export async function figuresOf(parts: ProposalParts, about: ToFigure): Promise<Figures> {
  const { before: topology, after, indexes, plan, others } = about;
  const takesPart = new Set([...about.named, ...plan.moves.flatMap(({ source, target }) => [source, target])]);
  const isAsked = (id: string): boolean => after.nodes.length <= NODES_ALL_ASKED || takesPart.has(id);
  const now = await copiesNow(parts, after, indexes, isAsked);
  const { nodes, documents, bytes, arriving } = copiesAfter(now, plan.moves);
  const samples = await settledMoves(parts.records, others);
  const pace = learnMovePace(samples);
  const loads = plan.moves.map(loadOf);
  const { throttle } = await parts.throttles.read();
  const seconds =
    documents === null
      ? null
      : atLeast(estimateSeconds(loads, pace ?? UNKNOWN_PACE, parts.movesPerNode), throttledSeconds(loads, throttle));
  const before = (id: string): NodeCopies => now.nodes.get(id) ?? NOTHING;
  const shown = after.nodes
    .filter(({ id, state }) => state !== 'removed' && isAsked(id))
    .map(({ id, state }) => ({ id, state, before: before(id), after: nodes.get(id) ?? NOTHING }));
  return {
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
      others: others.length,
      involved: after.nodes
        .filter(({ id, state }) => takesPart.has(id) && state !== 'failed')
        .slice(0, NODES_ALL_ASKED),
      nodes: shown,
      arriving,
      silent: now.silent,
    }),
  };

  function loadOf({ index, source, target }: (typeof plan.moves)[number]) {
    return { source, target, documents: now.sizeOf(index, source)?.documents ?? 0 };
  }
}

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
