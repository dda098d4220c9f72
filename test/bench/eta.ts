// What is said of a plan's end while it runs, against its end: after a tenth, a quarter and half of its copy, with and
// without clients that write through a gateway meanwhile.
import type { IndexEntry } from '../../src/core/routing.ts';
import { etaOf } from '../../src/core/eta.ts';
import { createProducer } from '../../src/queue/producer.ts';
import { createProgressHistory } from '../../src/redis/progress.ts';
import { startBuiltGateway } from '../support/built.ts';
import { untilTrue } from '../support/until.ts';
import { chunks, citiesIndex, cityTexts } from './cities.ts';
import { LoadProcess } from './client-load.ts';
import { type BenchResult, median, round, say } from './print.ts';
import { openStage, type Stage } from './stage.ts';

const entry: IndexEntry = citiesIndex();
const OLD = ['n1', 'n2', 'n3'];
const NEW = 'n4';
const SHARES = [0.1, 0.25, 0.5] as const;
/** After a tenth of the copy what is said is within a fifth of the truth. */
const GOAL_SHARE = 0.1;
const GOAL = 0.2;

export interface EtaBenchOptions {
  readonly pairs: number;
  readonly documents: number;
  readonly perS: number;
  readonly config: Readonly<Record<string, string>>;
}

interface Told {
  readonly share: number;
  readonly atMs: number;
  readonly seconds: number | null;
  readonly low: number;
  readonly high: number;
}

/** A node comes: what was said at each share, as predicted seconds to the real ones. */
async function onePlan(stage: Stage, what: string): Promise<readonly (number | null)[]> {
  const { records, redis } = stage.base;
  const history = createProgressHistory(redis, records);
  const producer = createProducer({ redis: stage.env['MIROIR_REDIS_URL'] ?? '' });
  await producer.nodeAdded({ nodeId: NEW, replicaGroup: 0, url: stage.nodes.get(NEW)?.url ?? '' });
  await producer.close();
  const told: Told[] = [];
  let overAtMs = 0;
  await untilTrue(
    async () => {
      const [plan] = await records.plans(1);
      if (plan === undefined || plan.state === 'opening') return false;
      const read = await history.of(plan);
      const eta = etaOf(read);
      const copied = read.samples.at(-1)?.documents ?? 0;
      const share = copied / (copied + (eta.documentsLeft ?? Infinity));
      const next = SHARES[told.length];
      if (next !== undefined && share >= next) {
        const { etaSeconds, etaLowSeconds, etaHighSeconds } = eta;
        if (process.env['BENCH_TRACE'] !== undefined) say(JSON.stringify({ share: next, history: read }));
        told.push({ share, atMs: read.nowMs, seconds: etaSeconds, low: etaLowSeconds ?? 0, high: etaHighSeconds ?? 0 });
      }
      overAtMs = read.progressAtMs ?? 0;
      return read.left === 0;
    },
    600_000,
    async () => JSON.stringify((await records.unfinishedMoves()).slice(0, 3)),
  );
  return SHARES.map((_, at) => {
    const one = told[at];
    if (one === undefined || one.seconds === null) return null;
    const really = (overAtMs - one.atMs) / 1_000;
    const range = `${round(one.low, 1)} to ${round(one.high, 1)} s`;
    say(
      `${what}, ${Math.round(one.share * 100)} % copied: ${round(one.seconds, 1)} s (${range}) predicted, ${round(really, 1)} s really`,
    );
    return one.seconds / really;
  });
}

async function run(stage: Stage, { perS }: EtaBenchOptions, texts: readonly string[], writes: boolean) {
  await stage.startNode(NEW);
  await stage.register(OLD, [entry]);
  await stage.startWorkers(['planner', 'rebalancer']);
  const gateway = writes ? await startBuiltGateway(stage.env) : null;
  const loads = writes ? new LoadProcess() : null;
  try {
    if (gateway !== null && loads !== null) {
      await loads.start({
        urls: [gateway.url],
        method: 'POST',
        path: `/indexes/${entry.uid}/documents`,
        bodies: texts.slice(0, 5_000).map((text) => `[${text}]`),
        connections: 20,
        perS,
      });
    }
    return await onePlan(stage, writes ? `${perS} writes/s` : 'no writes');
  } finally {
    loads?.close();
    await gateway?.child.stop();
    await stage.stopWorkers();
    await stage.stopNode(NEW);
  }
}

export async function benchEta(options: EtaBenchOptions): Promise<BenchResult> {
  const stage = await openStage({ config: options.config });
  try {
    for (const id of OLD) await stage.startNode(id);
    await stage.register(OLD, [entry]);
    for (const id of OLD) await stage.prepareIndex(id, entry);
    const texts = cityTexts(options.documents);
    say(`loading ${texts.length} documents into ${OLD.join(', ')} (64 shards, RF 1)`);
    await stage.load(entry, chunks(texts));
    const figures: Record<string, number | null> = {};
    let valid = true;
    for (const writes of [false, true]) {
      const rows: (readonly (number | null)[])[] = [];
      for (let pair = 1; pair <= options.pairs; pair += 1) rows.push(await run(stage, options, texts, writes));
      for (const [at, share] of SHARES.entries()) {
        const ratios = rows.flatMap((row) => row[at] ?? []);
        const ratio = ratios.length === 0 ? null : round(median(ratios), 2);
        figures[`predicted_to_actual_at_${share * 100}${writes ? '_with_writes' : ''}`] = ratio;
        if (share === GOAL_SHARE) valid &&= ratio !== null && Math.abs(ratio - 1) <= GOAL;
      }
    }
    say(JSON.stringify(figures));
    return { valid, figures };
  } finally {
    await stage.close();
  }
}
