// Many small indexes: 200 indexes × 16 moves over 4 workers, empty shards, no grace. What the queue and records cost.
import type { IndexEntry } from '../../src/core/routing.ts';
import { createProducer } from '../../src/queue/producer.ts';
import { untilTrue } from '../support/until.ts';
import { type BenchResult, round, say } from './print.ts';
import { openStage } from './stage.ts';

const SHARDS = 64;
const WORKERS = 4;
/** 64 shards on three nodes give a fourth 16 on average. */
const FREE = { batchMs: 0, docsPerS: 0 };
const PHASES = 5;

const commandCount = (info: string): number => Number(/total_commands_processed:(\d+)/.exec(info)?.[1] ?? '0');

/** Commands that clients sent, and all that ran, inside scripts too. */
async function counters(redis: { info(section: string): Promise<string> }): Promise<{ sent: number; all: number }> {
  const stats = await redis.info('commandstats');
  let all = 0;
  for (const [, name, calls] of stats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g))
    if (name !== 'info') all += Number(calls);
  return { sent: commandCount(await redis.info('stats')), all };
}

/** `--docs` is the number of indexes here. */
export async function benchFleet(indexes: number, config: Readonly<Record<string, string>>): Promise<BenchResult> {
  const stage = await openStage({ config: { grace_ms: 0, ...config } });
  try {
    const old = ['n1', 'n2', 'n3'];
    for (const id of [...old, 'n4']) await stage.startNode(id, FREE);
    const entries: IndexEntry[] = Array.from({ length: indexes }, (_, at) => ({
      uid: `index-${at}`,
      primaryKey: 'id',
      shards: SHARDS,
      replicationFactor: 1,
      groups: [0],
    }));
    say(`creating ${indexes} indexes on 4 nodes`);
    for (const entry of entries) await Promise.all([...old, 'n4'].map((id) => stage.prepareIndex(id, entry)));
    await stage.register(old, entries);
    await stage.startWorkers(['planner', ...Array.from({ length: WORKERS }, () => 'rebalancer')]);
    const { records, redis } = stage.base;
    const producer = createProducer({ redis: stage.env['MIROIR_REDIS_URL'] ?? '' });
    await redis.config('RESETSTAT');
    const before = await counters(redis);
    await producer.nodeAdded({ nodeId: 'n4', replicaGroup: 0, url: stage.nodes.get('n4')?.url ?? '' });
    let planId = '';
    await untilTrue(async () => {
      planId = (await records.plans(0))[0]?.id ?? planId;
      return planId !== '' && (await records.plan(planId))?.state === 'running';
    }, 120_000);
    await untilTrue(
      async () => ((await records.plan(planId))?.left ?? 1) === 0,
      1_200_000,
      async () => JSON.stringify(await records.plan(planId)),
    );
    const after = await counters(redis);
    const plan = await records.plan(planId);
    const moves = plan?.moves ?? 0;
    const seconds = ((plan?.endedAtMs ?? 0) - (plan?.startedAtMs ?? 0)) / 1_000;
    await producer.close();
    const figures = {
      moves,
      fleet_s: round(seconds, 1),
      moves_per_s: round(moves / seconds, 1),
      redis_commands_per_phase_sent: round((after.sent - before.sent) / moves / PHASES, 1),
      redis_commands_per_phase_all: round((after.all - before.all) / moves / PHASES, 1),
    };
    if (process.env['BENCH_TRACE'] !== undefined) say(await redis.info('commandstats'));
    say(JSON.stringify(figures));
    return { valid: true, figures };
  } finally {
    await stage.close();
  }
}
