/** The story that the demo tells: clients write while a node is added and one drained, and all is checked. */
import { setTimeout as sleep } from 'node:timers/promises';
import { shardForKey } from '../../core/hashing.ts';
import { assignShard } from '../../core/placement.ts';
import { InvariantError } from '../../errors.ts';
import type { EventOutcome } from '../../ports.ts';
import type { Closers } from '../lifetime.ts';
import { type Findings, checkEverything } from './check.ts';
import type { City } from './cities.ts';
import { Clients, type ClientsSummary, untilServing } from './clients.ts';
import type { DemoFleet, DemoNode } from './fleet.ts';
import { INDEX, SHARDS, assertUnused, holdingsOf, loadCities, removeIndexes } from './load.ts';
import { rebalance } from './rebalance.ts';
import type { Screen } from './screen.ts';
import { type Chapter, type Holdings, chaptersTable, clientsTable, documentsTable, findingsText } from './table.ts';
import { Truth } from './truth.ts';
import { count } from './watch.ts';

export { INDEX, SHARDS };

/** What the parts of the story share. */
export interface Stage {
  readonly fleet: DemoFleet;
  readonly screen: Screen;
  readonly cities: readonly City[];
  readonly apiKey?: string;
  readonly isReal: boolean;
  readonly signal: AbortSignal;
  /** Ends the demo. */
  readonly fail: (error: unknown) => void;
}

/** The stage, and what is true on it at the moment. */
export interface Scene extends Stage {
  readonly truth: Truth;
  /** Null where there are none. */
  readonly clients: Clients | null;
}

/** How long the planner may take for an event: a moment, but the machine may be busy. */
export const ANSWER_MS = 60_000;
/** Doubles of a real node are off in the last place. */
const REAL_TOLERANCE = 1e-12;
/** Clients alone, before the first move and after the last one: enough searches to compare with. */
const ALONE_MS = 3_000;

/**
 * Resolves to whether every move was carried out and every document is where it belongs. Real nodes are cleaned by
 * `closers`, null where they are to be kept as they are.
 */
export async function tellStory(stage: Stage, closers: Closers | null): Promise<boolean> {
  const { fleet, screen, cities, apiKey, isReal, signal } = stage;
  const { control, nodes } = fleet;
  const fourth = await fleet.startFourth();
  const all = [...nodes, fourth];
  if (isReal) {
    await assertUnused(control, all);
    closers?.add('connections', () => removeIndexes(all, apiKey));
  }
  await loadCities({ control, screen, cities, nodes, signal });
  const truth = new Truth(cities);
  const clients = await startClients(stage, truth);
  try {
    return await tellParts({ ...stage, truth, clients }, all);
  } finally {
    await clients?.abandon();
  }
}

/** Null where the fleet has no gateway. */
async function startClients({ fleet, screen, cities, isReal, signal, fail }: Stage, truth: Truth) {
  const urls = fleet.gateways.flatMap(({ process }) => process.ready.gateway ?? []);
  if (urls.length === 0) return null;
  await untilServing(urls, signal);
  const tolerance = toleranceOf(isReal);
  const clients = new Clients({ urls, cities, truth, tolerance, signal, onFailure: fail });
  screen.say('  clients write, update in part, delete and search through the gateways from now on');
  await sleep(ALONE_MS, undefined, { signal });
  return clients;
}

export const toleranceOf = (isReal: boolean): number => (isReal ? REAL_TOLERANCE : 0);

async function tellParts(scene: Scene, all: readonly DemoNode[]): Promise<boolean> {
  const { fleet, screen, clients, signal } = scene;
  const { control, nodes } = fleet;
  const { producer } = control;
  const [first, second] = nodes;
  const fourth = all.at(-1);
  if (first === undefined || fourth === undefined) throw new InvariantError('a fleet without nodes');
  const answer = ({ jobId }: { jobId: string }): Promise<EventOutcome> =>
    producer.result(jobId, { timeoutMs: ANSWER_MS, signal });

  heading(screen, `1. Node ${fourth.id} is added`, 'event NodeAdded on the queue topology-events');
  const { id: nodeId, url, apiKeyRef } = fourth;
  const newNode = { nodeId, replicaGroup: 0, url, ...(apiKeyRef === undefined ? {} : { apiKeyRef }) };
  clients?.enter('during');
  const atFirst = await holdingsOf(control, nodes);
  const added = await rebalance(scene, {
    title: `add ${fourth.id}`,
    before: atFirst,
    death: 'worker',
    send: async () => answer(await producer.nodeAdded(newNode)),
  });

  heading(screen, `2. Node ${first.id} is drained`, 'event NodeDraining');
  const between = await holdingsOf(control, all);
  const drained = await rebalance(scene, {
    title: `drain ${first.id}`,
    before: between,
    death: clients === null ? null : 'gateway',
    ...(clients === null || second === undefined ? {} : { dyingNode: second.id }),
    send: async () => answer(await producer.nodeDraining({ nodeId: first.id })),
  });
  const summary = clients === null ? null : await endOf(clients, signal);

  heading(screen, '3. Check', 'every document of every node, read with plain requests');
  const findings = await check(scene, all, first);
  const documents = (held: Holdings): Map<string, number> => new Map([...held].map(([id, one]) => [id, one.documents]));
  screen.say(
    documentsTable([
      ['at first', documents(atFirst)],
      [`${fourth.id} added`, documents(between)],
      [`${first.id} drained`, findings.perNode],
    ]),
  );
  screen.say(`\n${chaptersTable([added, drained])}`);
  if (summary !== null) screen.say(`\n${clientsTable(summary, findings.tally)}`);
  return conclude(scene, [added, drained], findings, summary);
}

async function endOf(clients: Clients, signal: AbortSignal): Promise<ClientsSummary> {
  clients.enter('after');
  await sleep(ALONE_MS, undefined, { signal });
  return clients.end();
}

export function heading(screen: Screen, title: string, about: string): void {
  screen.say(`\n${screen.colors.bold(title)} (${about})`);
}

function check(
  { truth, apiKey, isReal, signal }: Scene,
  nodes: readonly DemoNode[],
  drained: DemoNode,
): Promise<Findings> {
  const remaining = nodes.filter(({ id }) => id !== drained.id).map(({ id }) => id);
  return checkEverything({
    nodes,
    index: INDEX,
    ...(apiKey === undefined ? {} : { apiKey }),
    truth,
    ownersOf: (id) => assignShard({ shard: shardForKey(String(id), SHARDS), nodes: remaining, replicationFactor: 1 }),
    tolerance: toleranceOf(isReal),
    signal,
  });
}

function conclude(
  { screen }: Stage,
  chapters: readonly Chapter[],
  { wanted, good, tally }: Findings,
  summary: ClientsSummary | null,
): boolean {
  const seen = summary?.seen.problems ?? 0;
  screen.say(`\n  ${count(good)} of ${count(wanted)} documents equal, each on its owner and nowhere else`);
  screen.say(`  differences: ${count(tally.problems)}`);
  if (tally.problems > 0) screen.say(findingsText(tally));
  if (summary !== null && seen > 0)
    screen.say(`  wrong answers to clients: ${count(seen)}\n${findingsText(summary.seen)}`);
  const isWhole = chapters.every(({ watched: { progress } }) => progress.cleaned === progress.moves);
  if (!isWhole) screen.say('  not every move was carried out');
  const isQuiet = summary === null || summary.openTasks === 0;
  if (!isQuiet) screen.say('  not every task of a client came to its end');
  return isWhole && isQuiet && tally.problems === 0 && seen === 0 && good === wanted;
}
