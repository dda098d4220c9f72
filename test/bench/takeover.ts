// SIGKILL of the worker that holds the lease, with the real TTL of 10 s: how long until another one copies on.
import { createProducer } from '../../src/queue/producer.ts';
import { keys, rebalanceScope } from '../../src/redis/keys.ts';
import { untilTrue } from '../support/until.ts';
import { chunks, citiesIndex, cityTexts } from './cities.ts';
import { type BenchResult, median, round, say } from './print.ts';
import { openStage } from './stage.ts';

const entry = citiesIndex();
const DOCUMENTS = 60_000;
const KILLS = 4;
/** Small windows and slow batches: the copy lasts over all kills, and documents are accepted every half second. */
const SLOW = { batchMs: 400, docsPerS: 2_000 };
const SMALL = { migration_batch_size: 50, target_tasks: 2 };

export async function benchTakeover(): Promise<BenchResult> {
  const stage = await openStage({ config: SMALL });
  try {
    for (const id of ['n1', 'n2', 'n3']) await stage.startNode(id);
    await stage.startNode('n4', SLOW);
    await stage.register(['n1', 'n2', 'n3'], [entry]);
    for (const id of ['n1', 'n2', 'n3']) await stage.prepareIndex(id, entry);
    await stage.load(entry, chunks(cityTexts(DOCUMENTS)));
    await stage.startWorkers(['planner']);
    let [worker] = await stage.startWorkers(['rebalancer']);
    const { records, redis } = stage.base;
    const producer = createProducer({ redis: stage.env['MIROIR_REDIS_URL'] ?? '' });
    await producer.nodeAdded({ nodeId: 'n4', replicaGroup: 0, url: stage.nodes.get('n4')?.url ?? '' });
    const copied = async (): Promise<number> =>
      (await records.unfinishedMoves()).reduce((sum, move) => sum + move.docsMigrated, 0);
    const fence = async (): Promise<string> => (await redis.hget(keys.lease(rebalanceScope(entry.uid)), 'fence')) ?? '';
    await untilTrue(async () => (await copied()) > 0, 60_000);
    const seconds: number[] = [];
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const [next] = await stage.startWorkers(['rebalancer']);
      // The standby has to have watched for a while, as in a fleet that runs.
      await untilTrue(async () => (await copied()) > 0, 60_000);
      await new Promise((resolve) => setTimeout(resolve, 4_000 + 500 * kill));
      const [docsBefore, fenceBefore] = [await copied(), await fence()];
      const killedMs = performance.now();
      worker?.kill('SIGKILL');
      await untilTrue(async () => (await fence()) !== fenceBefore && (await copied()) > docsBefore, 60_000);
      seconds.push((performance.now() - killedMs) / 1_000);
      say(`kill ${kill}: first documents of the successor accepted after ${round(seconds.at(-1) ?? 0, 1)} s`);
      worker = next;
    }
    await producer.close();
    return {
      valid: true,
      figures: {
        takeover_median_s: round(median(seconds), 1),
        takeover_max_s: round(Math.max(...seconds), 1),
        kills: KILLS,
      },
    };
  } finally {
    await stage.close();
  }
}
