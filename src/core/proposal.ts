/**
 * What a plan would be if nodes came and went together: the topology after all of it, in one version, and the moves that
 * lead there. The planner does the very same when the plan is applied, so the id that was shown is the id that runs.
 */
import { applyEvent, type Moment } from './apply-event.ts';
import { InvalidInputError } from '../errors.ts';
import { assertDrainable } from './drainable.ts';
import type { TopologyEvent } from './events.ts';
import { notRunYet, planMoves, type Plan, type PlannerInput } from './planner.ts';
import { findNode, type NodeState, type Topology, type TopologyNode } from './topology.ts';

/** More nodes at a time than anybody looks through before approving. */
export const EVENTS_MAX = 100;

export interface Proposal {
  /** One version higher than the one it was made from, as long as something changes. */
  readonly topology: Topology;
  /** Nodes as they will be: those that change. */
  readonly changed: readonly TopologyNode[];
  readonly plan: Plan;
}

/** Those that come first: what they bring room for can leave then. */
const inOrder = (events: readonly TopologyEvent[]): TopologyEvent[] =>
  [...events].sort(
    (a, b) =>
      Number(a.type !== 'NodeAdded') - Number(b.type !== 'NodeAdded') ||
      (a.nodeId < b.nodeId ? -1 : Number(a.nodeId > b.nodeId)),
  );

/**
 * Events that name no index, each about another node. Throws what `applyEvent` and `assertDrainable` throw, and
 * `InvalidInputError` for a node that is named twice.
 */
export function propose(input: PlannerInput, events: readonly TopologyEvent[], moment: Moment | null = null): Proposal {
  if (events.length === 0 || events.length > EVENTS_MAX) {
    throw new InvalidInputError(`${events.length} nodes cannot be planned for`, {
      field: 'drain',
      remedy: `name 1 to ${EVENTS_MAX} nodes to add or to drain`,
    });
  }
  const { version } = input.topology;
  let topology = input.topology;
  const named = new Set<string>();
  for (const event of inOrder(events)) {
    if (named.has(event.nodeId)) {
      throw new InvalidInputError(`node ${event.nodeId} is named twice`, {
        field: 'node_id',
        remedy: 'name each node once, to add it or to drain it',
      });
    }
    named.add(event.nodeId);
    if (event.type === 'NodeDraining') assertDrainable(topology, input.indexes, event.nodeId);
    topology = applyEvent(topology, event, moment).topology;
  }
  const changed = topology.nodes.filter((node) => findNode(input.topology, node.id) !== node);
  const after = { ...topology, version: changed.length === 0 ? version : version + 1 };
  return { topology: after, changed, plan: planMoves({ ...input, topology: after }) };
}

/** The same, as a plan that has not run yet: the one before may have been cancelled and have left everything as it was. */
export const proposeNew = (
  input: PlannerInput,
  events: readonly TopologyEvent[],
  hasRun: (id: string) => Promise<boolean>,
  moment: Moment | null = null,
): Promise<Proposal> =>
  notRunYet((after) => propose(after === undefined ? input : { ...input, after }, events, moment), hasRun);

/** What was looked at when somebody decided: enough to say what is another now. */
export interface SeenTopology {
  readonly version: number;
  readonly states: Readonly<Record<string, NodeState>>;
  readonly moves: number;
}

export const seenOf = (topology: Topology, moves: number): SeenTopology => ({
  version: topology.version,
  states: Object.fromEntries(topology.nodes.map(({ id, state }) => [id, state])),
  moves,
});

/** For people: which nodes came, went or changed since, and how many moves it would be now. */
export function differenceSince(seen: SeenTopology, now: Topology, moves: number | null): string[] {
  const lines: string[] = [];
  for (const id of Object.keys(seen.states)) {
    if (findNode(now, id) === undefined) lines.push(`node ${id} is gone`);
  }
  for (const { id, state } of now.nodes) {
    const before = seen.states[id];
    if (before === undefined) lines.push(`node ${id} is new (${state})`);
    else if (before !== state) lines.push(`node ${id} was ${before}, is ${state}`);
  }
  if (moves !== null && moves !== seen.moves) lines.push(`${seen.moves} moves were shown, it would be ${moves} now`);
  if (lines.length > 0) return lines;
  return now.version === seen.version
    ? ['shards have moved since: the moves are others now']
    : [`the topology is at version ${now.version}, ${seen.version} was shown`];
}
