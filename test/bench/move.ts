// Our moves against the bare loop and against one bulk load, on the same nodes in the same run.
import { createProducer } from '../../src/queue/producer.ts';
import { untilTrue } from '../support/until.ts';
import { type BareShard, bareLoop } from './bare-loop.ts';
import { chunks, citiesIndex, cityTexts } from './cities.ts';
import type { GivenNodes } from './given-nodes.ts';
import { type BenchResult, median, round, say } from './print.ts';
import { type Stage, openStage } from './stage.ts';

const entry = citiesIndex();
const OLD = ['n1', 'n2', 'n3'];
const NEW = 'n4';
/** A bare loop slower than this share of the bulk load is no floor to compare with. */
const FLOOR_SHARE = 0.5;

export interface MoveBenchOptions {
  readonly pairs: number;
  readonly documents: number;
  readonly config?: Readonly<Record<string, string>>;
  /** Four real nodes; without them development nodes are started. */
  readonly given?: GivenNodes | null;
}

interface Ours {
  readonly seconds: number;
  readonly moved: number;
  readonly shards: readonly BareShard[];
}

/** One whole NodeAdded, from the plan's start to the last shard that is settled. */
async function ourMoves(stage: Stage, unverified: boolean): Promise<Ours> {
  await stage.startNode(NEW);
  await stage.register(OLD, [entry]);
  await stage.startWorkers(['planner', 'rebalancer'], unverified ? { MIROIR_UNSAFE_SKIP_VERIFY: '1' } : {});
  const { records } = stage.base;
  const producer = createProducer({ redis: stage.env['MIROIR_REDIS_URL'] ?? '' });
  const targetUrl = stage.nodes.get(NEW)?.url ?? '';
  await producer.nodeAdded({ nodeId: NEW, replicaGroup: 0, url: targetUrl, ...stage.keyRef });
  const all = async (): Promise<Awaited<ReturnType<typeof records.moves>>> => {
    const [plan] = await records.plans(0);
    return plan === undefined || plan.state === 'opening' ? [] : records.moves(await records.planMoveIds(plan.id));
  };
  await untilTrue(
    async () => {
      const moves = await all();
      return moves.length > 0 && moves.every((move) => move.phase === 'DualWriteStopped');
    },
    300_000,
    async () => JSON.stringify(await all()).slice(0, 2_000),
  );
  const moves = await all();
  const [plan] = await records.plans(0);
  if (process.env['BENCH_TRACE'] !== undefined) await trace(stage);
  const seconds = (Math.max(...moves.map((move) => move.phaseAtMs ?? 0)) - (plan?.startedAtMs ?? 0)) / 1_000;
  await producer.close();
  await stage.stopWorkers();
  await stage.stopNode(NEW);
  const url = (id: string): string => stage.nodes.get(id)?.url ?? '';
  return {
    seconds,
    moved: moves.reduce((sum, move) => sum + move.docsMigrated, 0),
    shards: moves.map((move) => ({ shard: move.shard, source: url(move.source), documents: move.documents ?? 0 })),
  };
}

/** BENCH_TRACE=1: when each step of each move was written, ms since the first. */
async function trace(stage: Stage): Promise<void> {
  const entries = await stage.base.redis.xrange('{miroir}:audit', '-', '+');
  const start = Number(entries[0]?.[0].split('-')[0] ?? 0);
  for (const [id, fields] of entries) say(`${Number(id.split('-')[0]) - start} ${fields.join(' ')}`);
  const answer = await fetch(`${stage.nodes.get(NEW)?.url}/batches?limit=200`, { headers: stage.headers });
  const { results } = (await answer.json()) as {
    results: {
      startedAt: string;
      finishedAt: string;
      details: { receivedDocuments?: number };
      stats: { totalNbTasks: number };
    }[];
  };
  for (const batch of results.toReversed()) {
    const began = Date.parse(batch.startedAt) - start;
    say(
      `batch ${began} to ${Date.parse(batch.finishedAt) - start}: ${batch.stats.totalNbTasks} tasks, ${batch.details.receivedDocuments} documents`,
    );
  }
}

async function onFreshTarget<T>(stage: Stage, work: (url: string) => Promise<T>): Promise<T> {
  const node = await stage.startNode(NEW);
  await stage.prepareIndex(NEW, entry);
  try {
    return await work(node.url);
  } finally {
    await stage.stopNode(NEW);
  }
}

/** The same documents in one request straight into the target. */
async function bulkLoad(stage: Stage, shards: readonly BareShard[]): Promise<number> {
  const parts: string[] = [];
  for (const { shard, source } of shards) {
    const answer = await fetch(`${source}/indexes/${entry.uid}/documents/fetch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...stage.headers },
      body: JSON.stringify({ filter: `_miroir_shard = ${shard}`, limit: 1_000_000 }),
    });
    const text = await answer.text();
    parts.push(text.slice('{"results":['.length, text.lastIndexOf('],"offset":')));
  }
  return onFreshTarget(stage, async () => {
    const client = stage.client(NEW);
    const startedMs = performance.now();
    await stage.ended(client, await client.putDocuments(entry.uid, entry.primaryKey, `[${parts.join(',')}]`, 'bulk'));
    return (performance.now() - startedMs) / 1_000;
  });
}

export async function benchMove({
  pairs,
  documents,
  config = {},
  given = null,
}: MoveBenchOptions): Promise<BenchResult> {
  const stage = await openStage({ config, given });
  try {
    for (const id of OLD) await stage.startNode(id);
    await stage.register(OLD, [entry]);
    for (const id of OLD) await stage.prepareIndex(id, entry);
    const texts = cityTexts(documents);
    say(`loading ${texts.length} documents into ${OLD.join(', ')} (64 shards, RF 1)`);
    await stage.load(entry, chunks(texts));
    const warm = await ourMoves(stage, false);
    say(`warm-up: ${warm.shards.length} moves, ${warm.moved} documents, ${round(warm.seconds, 2)} s`);
    const rows: { ours: number; bare: number; unverified: number; bulk: number; moved: number; owed: number }[] = [];
    for (let pair = 1; pair <= pairs; pair += 1) {
      const ours = await ourMoves(stage, false);
      const bare = await onFreshTarget(stage, (target) =>
        bareLoop(
          entry.uid,
          ours.shards.map((shard) => ({ ...shard, target })),
          stage.headers,
        ),
      );
      const unverified = (await ourMoves(stage, true)).seconds;
      const bulk = await bulkLoad(stage, ours.shards);
      const owed = ours.shards.reduce((sum, shard) => sum + shard.documents, 0);
      rows.push({ ours: ours.seconds, bare, unverified, bulk, moved: ours.moved, owed });
      say(
        `pair ${pair}: ours ${round(ours.seconds, 2)} s · unverified ${round(unverified, 2)} s · bare loop ${round(bare, 2)} s · ` +
          `bulk load ${round(bulk, 2)} s · ${ours.moved} documents moved`,
      );
    }
    const ratio = (of: (row: (typeof rows)[number]) => number): number => round(median(rows.map(of)));
    const valid = rows.every((row) => row.bulk / row.bare >= FLOOR_SHARE);
    if (!valid) say(`invalid: the bare loop stayed under ${FLOOR_SHARE} of the bulk load`);
    return {
      valid,
      figures: {
        move_ratio: ratio((row) => row.ours / row.bare),
        move_ratio_unverified: ratio((row) => row.unverified / row.bare),
        ceiling_ratio: ratio((row) => row.ours / row.bulk),
        floor_share_of_ceiling: ratio((row) => row.bulk / row.bare),
        moved_over_minimum: ratio((row) => row.moved / row.owed),
        docs_per_s: Math.round(median(rows.map((row) => row.moved / row.ours))),
        floor_docs_per_s: Math.round(median(rows.map((row) => row.owed / row.bare))),
        pairs,
        valid,
      },
    };
  } finally {
    await stage.close();
  }
}
