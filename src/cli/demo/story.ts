/** The story that the demo tells: a node is added, the worker at work is killed, a node is drained, all is checked. */
import prettyBytes from 'pretty-bytes';
import { shardForKey } from '../../core/hashing.ts';
import { assignShard } from '../../core/placement.ts';
import { InvariantError } from '../../errors.ts';
import type { EventOutcome } from '../../ports.ts';
import { type Findings, checkEverything } from './check.ts';
import type { City } from './cities.ts';
import { type DemoFleet, type DemoNode, GRACE_MS } from './fleet.ts';
import type { Closers } from '../lifetime.ts';
import { INDEX, SHARDS, assertUnused, holdingsOf, loadCities, removeIndexes } from './load.ts';
import type { Screen } from './screen.ts';
import { type Chapter, type Holdings, chaptersTable, documentsTable, findingsText } from './table.ts';
import { holdingsAfter, planTable, seconds } from './table.ts';
import { type Takeover, killInTheMiddle } from './takeover.ts';
import { count, watchPlan } from './watch.ts';

export { INDEX, SHARDS };

/** What the parts of the story share. */
export interface Stage {
  readonly fleet: DemoFleet;
  readonly screen: Screen;
  readonly cities: readonly City[];
  readonly apiKey?: string;
  readonly isReal: boolean;
  readonly signal: AbortSignal;
}

interface Rebalance {
  readonly title: string;
  readonly before: Holdings;
  /** Whether the worker at work is killed on the way. */
  readonly withDeath: boolean;
  readonly send: () => Promise<EventOutcome>;
}

/** How long the planner may take for an event: a moment, but the machine may be busy. */
const ANSWER_MS = 60_000;
/** Doubles of a real node are off in the last place. */
const REAL_TOLERANCE = 1e-12;

/**
 * Resolves to whether every move was carried out and every document is where it belongs. Real nodes are cleaned by
 * `closers`, null where they are to be kept as they are.
 */
export async function tellStory(stage: Stage, closers: Closers | null): Promise<boolean> {
  const { fleet, screen, cities, apiKey, isReal, signal } = stage;
  const { control, nodes } = fleet;
  const { producer } = control;
  const fourth = await fleet.startFourth();
  const all = [...nodes, fourth];
  if (isReal) {
    await assertUnused(control, all);
    closers?.add('connections', () => removeIndexes(all, apiKey));
  }
  await loadCities({ control, screen, cities, nodes, signal });
  const [first] = nodes;
  if (first === undefined) throw new InvariantError('a fleet without nodes');
  const answer = ({ jobId }: { jobId: string }): Promise<EventOutcome> =>
    producer.result(jobId, { timeoutMs: ANSWER_MS, signal });

  heading(screen, `1. Node ${fourth.id} is added`, 'event NodeAdded on the queue topology-events');
  const { id: nodeId, url, apiKeyRef } = fourth;
  const newNode = { nodeId, replicaGroup: 0, url, ...(apiKeyRef === undefined ? {} : { apiKeyRef }) };
  const atFirst = await holdingsOf(control, nodes);
  const added = await rebalance(stage, {
    title: `add ${fourth.id}`,
    before: atFirst,
    withDeath: true,
    send: async () => answer(await producer.nodeAdded(newNode)),
  });

  heading(screen, `2. Node ${first.id} is drained`, 'event NodeDraining');
  const between = await holdingsOf(control, all);
  const drained = await rebalance(stage, {
    title: `drain ${first.id}`,
    before: between,
    withDeath: false,
    send: async () => answer(await producer.nodeDraining({ nodeId: first.id })),
  });

  heading(screen, '3. Check', 'every document of every node, read with plain requests');
  const findings = await check(stage, all, first);
  const documents = (held: Holdings): Map<string, number> => new Map([...held].map(([id, one]) => [id, one.documents]));
  screen.say(
    documentsTable([
      ['at first', documents(atFirst)],
      [`${fourth.id} added`, documents(between)],
      [`${first.id} drained`, findings.perNode],
    ]),
  );
  screen.say(`\n${chaptersTable([added, drained])}`);
  return conclude(stage, [added, drained], findings);
}

function heading(screen: Screen, title: string, about: string): void {
  screen.say(`\n${screen.colors.bold(title)} (${about})`);
}

/** One event, from its sending until the last old copy is deleted. */
async function rebalance(stage: Stage, { title, before, withDeath, send }: Rebalance): Promise<Chapter> {
  const { fleet, screen, cities, signal } = stage;
  const { control } = fleet;
  const sentAtMs = performance.now();
  const { plan: planId, blocked } = await send();
  if (planId === null || blocked > 0) {
    throw new InvariantError(`the event led to ${planId === null ? 'no plan' : `${blocked} shards that cannot move`}`);
  }
  const moves = await control.records.moves(await control.records.planMoveIds(planId));
  const sizes = shardSizes(cities);
  const { after, documents, bytes } = holdingsAfter(before, moves, (shard) => sizes.get(shard) ?? 0);
  screen.say(`  plan ${planId}: ${moves.length} moves, ${count(documents)} documents, ${prettyBytes(bytes)}`);
  screen.say(planTable(before, after));

  // When one of the two below fails, the other must not go on printing.
  const local = new AbortController();
  const both = AbortSignal.any([signal, local.signal]);
  let remark: string | null = null;
  const death = withDeath ? kill(stage, { planId, documents, signal: both }, (text) => (remark = text)) : null;
  const watching = watchPlan({ control, screen, planId, documents, sentAtMs, note: () => remark, signal: both });
  try {
    const [watched, takeover] = await Promise.all([watching, death]);
    screen.say(`  ${watched.progress.settled} of ${moves.length} shards settled in ${seconds(watched.settledMs)}`);
    screen.say(`  old copies deleted after ${GRACE_MS / 1_000} s of grace`);
    return { title, watched, stoodStillMs: takeover?.actingMs ?? 0 };
  } finally {
    local.abort();
    await Promise.allSettled([watching, death]);
  }
}

function shardSizes(cities: readonly City[]): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const { cityId } of cities) {
    const shard = shardForKey(String(cityId), SHARDS);
    sizes.set(shard, (sizes.get(shard) ?? 0) + 1);
  }
  return sizes;
}

async function kill(
  { fleet, screen }: Stage,
  about: { readonly planId: string; readonly documents: number; readonly signal: AbortSignal },
  remark: (text: string | null) => void,
): Promise<Takeover | null> {
  const takeover = await killInTheMiddle({
    ...about,
    fleet,
    index: INDEX,
    onKill({ name, process }, running) {
      screen.say(`  ✂ kill -9 ${process.child.pid}: ${name} held the lease and ran ${running} moves`);
      remark(`${name} is dead, lease runs out`);
    },
  });
  remark(null);
  if (takeover === null) {
    screen.say('  (everything had moved before the worker could be killed)');
  } else {
    const { successor, leaseMs, actingMs } = takeover;
    screen.say(`  ↻ ${successor.name} took over: lease after ${seconds(leaseMs)}, at work after ${seconds(actingMs)}`);
  }
  return takeover;
}

function check(
  { cities, apiKey, isReal, signal }: Stage,
  nodes: readonly DemoNode[],
  drained: DemoNode,
): Promise<Findings> {
  const remaining = nodes.filter(({ id }) => id !== drained.id).map(({ id }) => id);
  return checkEverything({
    nodes,
    index: INDEX,
    ...(apiKey === undefined ? {} : { apiKey }),
    cities,
    ownersOf: (cityId) =>
      assignShard({ shard: shardForKey(String(cityId), SHARDS), nodes: remaining, replicationFactor: 1 }),
    tolerance: isReal ? REAL_TOLERANCE : 0,
    signal,
  });
}

function conclude({ screen, cities }: Stage, chapters: readonly Chapter[], findings: Findings): boolean {
  const { good, problems } = findings;
  screen.say(`\n  ${count(good)} of ${count(cities.length)} documents equal, each on its owner and nowhere else`);
  screen.say(`  differences: ${count(problems)}`);
  if (problems > 0) screen.say(findingsText(findings));
  const isWhole = chapters.every(({ watched: { progress } }) => progress.cleaned === progress.moves);
  if (!isWhole) screen.say('  not every move was carried out');
  return isWhole && problems === 0 && good === cities.length;
}
