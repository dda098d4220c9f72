// One event on a large fleet: 1,000 nodes, 65,536 shards, RF 3.
import { applyEvent } from '../../src/core/events.ts';
import { initialRoutes } from '../../src/core/placement.ts';
import { planMoves } from '../../src/core/planner.ts';
import type { IndexEntry } from '../../src/core/routing.ts';
import type { Topology } from '../../src/core/topology.ts';
import { type BenchResult, median, round, say } from './print.ts';

const NODES = 1_000;
const SHARDS = 65_536;
const ROUNDS = 3;
const MB = 1_000_000;

export async function benchPlanner(): Promise<BenchResult> {
  const topology: Topology = {
    version: 1,
    nodes: Array.from({ length: NODES }, (_, at) => ({
      id: `n${at}`,
      group: 0,
      url: `http://10.0.0.1:${at}`,
      state: 'active',
    })),
  };
  const entry: IndexEntry = { uid: 'large', primaryKey: 'id', shards: SHARDS, replicationFactor: 3, groups: [0] };
  const table = { index: entry.uid, epoch: 1, shards: initialRoutes(entry, topology) };
  const seconds: number[] = [];
  let moves = 0;
  let peakBytes = 0;
  for (let turn = 0; turn < ROUNDS; turn += 1) {
    const event = { type: 'NodeAdded', nodeId: `new${turn}`, group: 0, url: 'http://10.0.0.2:1' } as const;
    const startedMs = performance.now();
    const plan = planMoves({ topology: applyEvent(topology, event).topology, indexes: [{ entry, table }] });
    seconds.push((performance.now() - startedMs) / 1_000);
    moves = plan.moves.length;
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  }
  say(
    `${NODES} nodes, ${SHARDS} shards, RF 3: ${moves} moves planned in ${round(median(seconds), 2)} s, ${Math.round(peakBytes / MB)} MB`,
  );
  return {
    valid: true,
    figures: {
      planner_s: round(median(seconds)),
      planner_max_s: round(Math.max(...seconds)),
      planner_rss_mb: Math.round(peakBytes / MB),
      moves,
    },
  };
}
