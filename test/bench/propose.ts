// What it costs to look at a plan in a large fleet: 1,000 nodes that answer, 10,000 shards in two copies each. Over HTTP, with
// the reading of records and the questions to nodes, beside the mere working out of the same plan.
import { setTimeout as sleep } from 'node:timers/promises';
import type { TopologyEvent } from '../../src/core/events.ts';
import { initialRoutes } from '../../src/core/placement.ts';
import type { PlannerIndex } from '../../src/core/planner.ts';
import { proposeNew } from '../../src/core/proposal.ts';
import type { IndexEntry } from '../../src/core/routing.ts';
import type { TopologyNode } from '../../src/core/topology.ts';
import { type DevNode, startDevNode } from '../../src/devnode/index.ts';
import { startWorker } from '../../src/fleet/processes.ts';
import { createFleetWriter } from '../../src/redis/plan-writer.ts';
import { type BenchResult, median, round, say } from './print.ts';
import { openStage, type Stage } from './stage.ts';

const NODES = 1_000;
const INDEXES = 10;
const SHARDS = 1_000;
const NEW = 'new';
const DRAINED = 'n7';
/** Each asks up to 80 nodes: the first few would measure nothing but connections being made. */
const ROUNDS_MAX = 20;
const GOAL_MS = 2_000;

const eventsTo = (url: string): TopologyEvent[] => [
  { type: 'NodeAdded', nodeId: NEW, group: 0, url },
  { type: 'NodeDraining', nodeId: DRAINED },
];

/** Every index on every node, empty: what is asked is how many documents there are, not what they say. */
async function startNodes(indexes: readonly string[]): Promise<DevNode[]> {
  const nodes: DevNode[] = [];
  for (let at = 0; at <= NODES; at += 1) nodes.push(await startDevNode({ batchMs: 0 }));
  for (const node of nodes) {
    for (const uid of indexes) {
      const body = JSON.stringify({ uid, primaryKey: 'id' });
      const headers = { 'content-type': 'application/json' };
      await (await fetch(`${node.url}/indexes`, { method: 'POST', headers, body })).arrayBuffer();
    }
  }
  return nodes;
}

async function fill({ base }: Stage, nodes: readonly DevNode[], entries: readonly IndexEntry[]) {
  const fleet = createFleetWriter(base.scripts, 1_000);
  const known = nodes
    .slice(0, NODES)
    .map(({ url }, at): TopologyNode => ({ id: `n${at}`, url, group: 0, state: 'active' }));
  await fleet.initTopology(known);
  const topology = await base.records.topology();
  const indexes: PlannerIndex[] = [];
  for (const entry of entries) {
    const routes = initialRoutes(entry, topology);
    await fleet.createIndex(topology.version, entry, routes);
    indexes.push({ entry, table: { index: entry.uid, epoch: 1, shards: routes } });
  }
  return { topology, indexes };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

export async function benchPropose(rounds: number): Promise<BenchResult> {
  const entries = Array.from({ length: INDEXES }, (_, at): IndexEntry => {
    return { uid: `index-${at}`, primaryKey: 'id', shards: SHARDS, replicationFactor: 2, groups: [0] };
  });
  const stage = await openStage({ aof: 'off', config: { api_port: 0, api_requests_per_minute: 1_000_000 } });
  const nodes = await startNodes(entries.map(({ uid }) => uid));
  try {
    const { topology, indexes } = await fill(stage, nodes, entries);
    const { child, ready } = await startWorker('api', stage.env);
    stage.workers.push(child);
    const events = eventsTo(nodes[NODES]?.url ?? '');
    const add = { node_id: NEW, replica_group: 0, url: nodes[NODES]?.url };
    let moves = 0;
    const ask = async (): Promise<void> => {
      const response = await fetch(new URL('/v1/plans', ready.board), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ add: [add], drain: [DRAINED] }),
      });
      const plan = (await response.json()) as { readonly moves: number };
      if (!response.ok) throw new Error(`the plan was refused: ${JSON.stringify(plan)}`);
      moves = plan.moves;
    };
    const alone = () => proposeNew({ topology, indexes, pending: [] }, events, () => Promise.resolve(false));
    const firstMs = await timed(ask);
    const [asked, planned]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < Math.min(rounds, ROUNDS_MAX); turn += 1) {
      asked.push(await timed(ask));
      planned.push(await timed(alone));
      await sleep(50);
    }
    const figures = {
      moves,
      propose_first_ms: round(firstMs),
      propose_p50_ms: round(median(asked)),
      propose_max_ms: round(Math.max(...asked)),
      planned_alone_p50_ms: round(median(planned)),
      ratio: round(median(asked) / median(planned), 1),
    };
    say(`${NODES} nodes, ${INDEXES * SHARDS} shards, RF 2: ${JSON.stringify(figures)}`);
    return { valid: Math.max(firstMs, ...asked) < GOAL_MS, figures };
  } finally {
    await stage.close();
    await Promise.all(nodes.map((node) => node.close()));
  }
}
