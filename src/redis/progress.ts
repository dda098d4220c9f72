/** Reading what the scripts of moves keep of progress (include/progress.lua). */
import type { Redis } from 'ioredis';
import type { RunningMove, Sample } from '../core/eta.ts';
import type { Prediction } from '../core/plan-report.ts';
import type { MoveState, ProgressHistory, Records } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import { redisNowMs } from './time.ts';

/** As in include/progress.lua. */
const BUCKET_MS = 5_000;
const BUCKETS = 180;

const numbers = (text: string): number[] => text.split(' ').map(Number);

const runningOf = ({ documents, docsMigrated, startedAtMs, phases }: MoveState): RunningMove => ({
  documents,
  copied: docsMigrated,
  startedAtMs: startedAtMs ?? 0,
  copyAtMs: phases.DualWriteStarted ?? null,
  copiedAtMs: phases.MigrationInProgress ?? null,
});

export function createProgressHistory(redis: Redis, records: Pick<Records, 'topology' | 'moves'>): ProgressHistory {
  /** Those of the plan that have places: begun and not settled. */
  async function atWork(planId: string): Promise<MoveState[]> {
    const { nodes } = await records.topology();
    if (nodes.length === 0) return [];
    const ids = await redis.sunion(nodes.map(({ id }) => keys.nodeMoves(id, 'in')));
    const moves = await records.moves(ids.sort());
    return moves.filter((move) => move.planId === planId && move.startedAtMs !== null && move.outcome === undefined);
  }

  return {
    of({ id, moves, startedAtMs }) {
      return reading('progress of a plan', async () => {
        const [nowMs, sums, texts, running] = await Promise.all([
          redisNowMs(redis),
          redis.hgetall(keys.plan(id)),
          redis.lrange(keys.planSamples(id), 0, -1),
          atWork(id),
        ]);
        const sum = (name: string): number => Number(sums[name] ?? '0');
        const progressAtMs = sums['progressAt'] === undefined ? null : sum('progressAt');
        const samples = texts.map((text): Sample => {
          const [atMs = 0, documents = 0, over = 0] = numbers(text);
          return { atMs, documents, over };
        });
        // What came soon after the last one, or in its very millisecond, is in the sums only.
        if (progressAtMs !== null) {
          if (samples.at(-1)?.atMs === progressAtMs) samples.pop();
          samples.push({ atMs: progressAtMs, documents: sum('copied'), over: sum('over') });
        }
        return {
          nowMs,
          startedAtMs,
          progressAtMs,
          planned: sums['planned'] === undefined ? null : sum('planned'),
          left: sums['state'] === 'done' ? 0 : Math.max(0, moves - sum('over')),
          running: running.map(runningOf),
          settled: {
            moves: sum('settledMoves'),
            documents: sum('settledDocuments'),
            lastedMs: sum('settledMs'),
            copyMs: sum('settledCopyMs'),
          },
          samples,
        };
      });
    },
    predicted(planId) {
      return reading('prediction of a plan', async () => {
        const text = await redis.hget(keys.plan(planId), 'predicted');
        return text === null ? null : (parseJson(text, `prediction of plan ${planId}`) as Prediction);
      });
    },
    throughput() {
      return reading('throughput', async () => {
        const since = (Math.floor((await redisNowMs(redis)) / BUCKET_MS) - BUCKETS + 1) * BUCKET_MS;
        const results = (await redis.hvals(keys.throughput))
          .map((text) => {
            const [atMs = 0, documents = 0, longestWriteWaitMs = 0] = numbers(text);
            return { atMs, documents, longestWriteWaitMs };
          })
          .filter(({ atMs }) => atMs >= since)
          .sort((a, b) => a.atMs - b.atMs);
        return { bucketMs: BUCKET_MS, results };
      });
    },
  };
}
