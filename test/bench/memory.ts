// Resident memory of a worker over a long move: flat, and under the bar.
import { readFileSync } from 'node:fs';
import { createProducer } from '../../src/queue/producer.ts';
import { untilTrue } from '../support/until.ts';
import { startBuiltWorker } from '../support/built.ts';
import { chunks, citiesIndex, cityTexts } from './cities.ts';
import { type BenchResult, median, round, say } from './print.ts';
import { openStage } from './stage.ts';

const entry = citiesIndex();
const MB = 1_000_000;
const LOOK_MS = 250;
/** Fast nodes, so that the worker and not the node is what works. */
const FAST = { batchMs: 20, docsPerS: 60_000 };

export const residentMb = (pid: number): number => {
  const kb = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kb) * 1_024) / MB;
};

/** All documents of one node go to another: it drains. */
export async function benchMemory(documents: number, config: Readonly<Record<string, string>>): Promise<BenchResult> {
  const stage = await openStage({ aof: 'off', config });
  try {
    for (const id of ['n1', 'n2']) await stage.startNode(id, FAST);
    await stage.register(['n1'], [entry]);
    for (const id of ['n1', 'n2']) await stage.prepareIndex(id, entry);
    say(`loading ${documents} documents into one node`);
    await stage.load(entry, chunks(cityTexts(documents)));
    await stage.startWorkers(['planner']);
    const worker = await startBuiltWorker('rebalancer', stage.env);
    stage.workers.push(worker);
    const { records } = stage.base;
    const producer = createProducer({ redis: stage.env['MIROIR_REDIS_URL'] ?? '' });
    await producer.nodeAdded({ nodeId: 'n2', replicaGroup: 0, url: stage.nodes.get('n2')?.url ?? '' });
    await untilTrue(async () => (await records.unfinishedMoves()).length > 0, 60_000);
    await producer.nodeDraining({ nodeId: 'n1' });
    const samples: number[] = [];
    let moved = 0;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const moves = await records.unfinishedMoves();
      moved = moves.reduce((sum, move) => sum + move.docsMigrated, 0);
      if (moves.length === entry.shards && moves.every((move) => move.phase === 'DualWriteStopped')) break;
      samples.push(residentMb(worker.pid));
    }
    await producer.close();
    const quarter = Math.floor(samples.length / 4);
    const [early, late] = [median(samples.slice(quarter, quarter * 2)), median(samples.slice(-quarter))];
    say(
      `${moved} documents moved; resident ${round(early, 0)} MB in the second quarter, ${round(late, 0)} MB in the last`,
    );
    return {
      valid: true,
      figures: {
        documents: moved,
        rss_max_mb: Math.round(Math.max(...samples)),
        rss_early_mb: Math.round(early),
        rss_late_mb: Math.round(late),
        rss_growth: round(late / early),
      },
    };
  } finally {
    await stage.close();
  }
}
