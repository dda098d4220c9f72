// Moves while clients write: a node comes and drains again and again, under writes and searches through two gateways and,
// in turn, with the same gateways idle. On nodes as they are, and on nodes that need a second for every batch.
import { setTimeout as sleep } from 'node:timers/promises';
import type { IndexEntry } from '../../src/core/routing.ts';
import type { MoveState } from '../../src/ports.ts';
import { createProducer, type Producer } from '../../src/queue/producer.ts';
import { keys } from '../../src/redis/keys.ts';
import { untilTrue } from '../support/until.ts';
import { startBuiltGateway } from '../support/built.ts';
import { chunks, cityTexts } from './cities.ts';
import { badOf, LoadProcess, type RunningLoad } from './client-load.ts';
import type { LoadFigures } from './load-work.ts';
import { type BenchResult, median, round, say } from './print.ts';
import { openStage, REAL_PRICE, type Stage } from './stage.ts';
import { afterKill } from './writes-kill.ts';

const entry: IndexEntry = { uid: 'cities', primaryKey: 'cityId', shards: 16, replicationFactor: 1, groups: [0] };
const OLD = ['n1', 'n2', 'n3'];
const NEW = 'n4';
const SLOW_PRICE = { batchMs: 1_000, docsPerS: 15_000 };
const CONNECTIONS = 20;
const SEARCHES_PER_S = 20;
/** Documents that get a third of all writes, so that some are written again while they settle. */
const HOT = 32;
const CYCLE_MS = 600_000;
/** Until gateways and clients are as fast as they get. */
const WARM_UP_MS = 8_000;
/** What a write may wait beyond the batches that it waits for. */
const SLACK_MS = 200;

export interface WritesBenchOptions {
  readonly pairs: number;
  readonly documents: number;
  readonly perS: number;
  /** Of writing without a move, before each pair's moves. */
  readonly seconds: number;
  readonly config: Readonly<Record<string, string>>;
}

interface Clients {
  readonly writes: RunningLoad;
  readonly searches: RunningLoad;
}

interface Seen {
  readonly writes: LoadFigures;
  readonly searches: LoadFigures;
}

/** A move that has ended, and how long it took until its shard was settled on its new owners. */
interface Ended {
  readonly move: MoveState;
  readonly tookMs: number;
}

interface Pair {
  readonly idle: readonly Ended[];
  readonly loaded: readonly Ended[];
  readonly before: Seen;
  readonly moving: Seen;
}

async function startClients(loads: LoadProcess, urls: readonly string[], texts: readonly string[], perS: number) {
  const bodies = texts.map((text) => `[${text.slice(0, -1)},"written":"%n"}]`);
  const hot = Array.from({ length: Math.ceil(bodies.length / 2) }, (_, at) => bodies[at % HOT] ?? '');
  const path = `/indexes/${entry.uid}`;
  const common = { urls, method: 'POST', connections: CONNECTIONS } as const;
  const queries = texts.slice(0, 500).map((text) => {
    const { name } = JSON.parse(text) as { name: string };
    return JSON.stringify({ q: name.slice(0, 5), limit: 20 });
  });
  return {
    writes: await loads.start({ ...common, path: `${path}/documents`, bodies: [...bodies, ...hot], perS }),
    searches: await loads.start({ ...common, path: `${path}/search`, bodies: queries, perS: SEARCHES_PER_S }),
  };
}

const cut = async ({ writes, searches }: Clients): Promise<Seen> => ({
  writes: await writes.cut(),
  searches: await searches.cut(),
});

/** The moves of the plan that an event brings about, once it has ended. */
async function planOf(stage: Stage, known: string, what: string): Promise<readonly Ended[]> {
  const { records } = stage.base;
  let id = known;
  await untilTrue(async () => (id = (await records.plans(0))[0]?.id ?? known) !== known, 60_000);
  const ended = async (): Promise<boolean> => {
    const plan = await records.plan(id);
    return plan?.state !== 'opening' && (plan?.left ?? 1) === 0;
  };
  const describe = async (): Promise<string> => `${what}: ${JSON.stringify(await records.plan(id))}`;
  await untilTrue(ended, CYCLE_MS, describe);
  const moves = await records.moves(await records.planMoveIds(id));
  const settledAt = await settledTimes(stage);
  return moves.map((move) => ({ move, tookMs: (settledAt.get(move.id) ?? NaN) - (move.startedAtMs ?? NaN) }));
}

/** Move → when its shard was settled; what is cleaned up after that holds up nobody. */
async function settledTimes({ base: { redis } }: Stage): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number>();
  for (const [id, fields] of await redis.xrange(keys.audit, '-', '+')) {
    const [what, move] = ['what', 'move'].map((name) => fields[fields.indexOf(name) + 1] ?? '');
    if (what === 'DualWriteStopped' && move !== undefined) times.set(move, Number(id.split('-')[0]));
  }
  return times;
}

/** The node comes, and drains again. */
async function cycle(stage: Stage, producer: Producer): Promise<readonly Ended[]> {
  const last = async (): Promise<string> => (await stage.base.records.plans(0))[0]?.id ?? '';
  const url = stage.nodes.get(NEW)?.url ?? '';
  const beforeAdd = await last();
  await producer.nodeAdded({ nodeId: NEW, replicaGroup: 0, url });
  const added = await planOf(stage, beforeAdd, 'the node comes');
  const beforeDrain = await last();
  await producer.nodeDraining({ nodeId: NEW });
  return [...added, ...(await planOf(stage, beforeDrain, 'the node drains'))];
}

const medianMs = (moves: readonly Ended[]): number => median(moves.map(({ tookMs }) => tookMs));

const told = ({ p95Ms, maxMs }: LoadFigures): string => `p95 ${round(p95Ms, 1)} ms, most ${round(maxMs, 0)} ms`;

async function onePair(
  stage: Stage,
  producer: Producer,
  loads: LoadProcess,
  urls: readonly string[],
  texts: readonly string[],
  { perS, seconds }: WritesBenchOptions,
): Promise<Pair> {
  const idle = await cycle(stage, producer);
  const clients = await startClients(loads, urls, texts, perS);
  try {
    await sleep(WARM_UP_MS);
    await cut(clients);
    await sleep(seconds * 1_000);
    const before = await cut(clients);
    const loaded = await cycle(stage, producer);
    return { idle, loaded, before, moving: await cut(clients) };
  } finally {
    await Promise.all([clients.writes.stop(), clients.searches.stop()]);
  }
}

/** The longest batch of each of these nodes (ms). */
async function batchMs(stage: Stage, ids: readonly string[]): Promise<number> {
  const all = await Promise.all(
    ids.map(async (id) => {
      const answer = await fetch(`${stage.nodes.get(id)?.url}/batches?limit=1000`);
      const { results } = (await answer.json()) as { results: { startedAt: string; finishedAt: string | null }[] };
      return results.map(({ startedAt, finishedAt }) =>
        finishedAt === null ? 0 : Date.parse(finishedAt) - Date.parse(startedAt),
      );
    }),
  );
  return Math.max(...all.flat());
}

async function onNodes(
  price: typeof REAL_PRICE,
  options: WritesBenchOptions,
  loads: LoadProcess,
): Promise<{ figures: Record<string, number>; problems: string[] }> {
  const { pairs, config } = options;
  // One move after another: what is measured is a move, not how many share a node.
  const stage = await openStage({ config: { grace_ms: 0, max_concurrent_migrations: 1, ...config } });
  try {
    for (const id of [...OLD, NEW]) await stage.startNode(id, price);
    await stage.register(OLD, [entry]);
    for (const id of [...OLD, NEW]) await stage.prepareIndex(id, entry);
    const texts = cityTexts(options.documents);
    await stage.load(entry, chunks(texts));
    await stage.startWorkers(['planner', 'rebalancer']);
    const gateways = [await startBuiltGateway(stage.env), await startBuiltGateway(stage.env)];
    stage.workers.push(...gateways.map(({ child }) => child));
    const urls = gateways.map(({ url }) => url);
    const producer = createProducer({ redis: stage.env['MIROIR_REDIS_URL'] ?? '' });
    const rows: Pair[] = [];
    for (let pair = 1; pair <= pairs; pair += 1) {
      const row = await onePair(stage, producer, loads, urls, texts, options);
      rows.push(row);
      const ms = (moves: readonly Ended[]): number => Math.round(medianMs(moves));
      say(`pair ${pair}: ${row.loaded.length} moves, ${ms(row.idle)} ms each idle, ${ms(row.loaded)} ms under writes`);
      say(`  writes before ${told(row.before.writes)}; moving ${told(row.moving.writes)}`);
      say(`  searches before ${told(row.before.searches)}; moving ${told(row.moving.searches)}`);
      say(`  not accepted: ${JSON.stringify([row.before.writes.bad, row.moving.writes.bad])}`);
    }
    await producer.close();
    const bound = 2 * (await batchMs(stage, OLD)) + 2 * (await batchMs(stage, [NEW])) + SLACK_MS;
    return judge(rows, bound, options);
  } finally {
    await stage.close();
  }
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? NaN;
}

function judge(
  rows: readonly Pair[],
  boundMs: number,
  { perS }: WritesBenchOptions,
): { figures: Record<string, number>; problems: string[] } {
  const loaded = rows.flatMap((row) => row.loaded);
  const holds = loaded.flatMap(({ move: { holdMs } }) => (holdMs === null ? [] : [holdMs]));
  const ratio = (of: (row: Pair) => number): number => round(median(rows.map(of)));
  const problems: string[] = [];
  if (holds.length === 0) problems.push('no move was held under writes');
  if (
    [...loaded, ...rows.flatMap(({ idle }) => idle)].some(
      ({ move, tookMs }) => move.outcome !== 'done' || Number.isNaN(tookMs),
    )
  )
    problems.push('a move did not end well');
  if (rows.some(({ before: { writes } }) => writes.good / writes.seconds < perS * 0.9))
    problems.push(`the fleet did not take ${perS} writes/s without a move`);
  return {
    problems,
    figures: {
      moves: loaded.length,
      hold_p50_ms: round(quantile(holds, 0.5), 1),
      hold_p99_ms: round(quantile(holds, 0.99), 1),
      // Whatever it waited for: a settling document's wait is not longer.
      write_longest_ms: round(Math.max(...rows.map(({ moving }) => moving.writes.maxMs)), 1),
      settling_bound_ms: round(boundMs, 1),
      writes_acknowledged: rows.reduce((sum, { moving }) => sum + moving.writes.good, 0),
      writes_refused: rows.reduce((sum, { moving }) => sum + badOf(moving.writes), 0),
      writes_per_s_moving: ratio(({ moving: { writes } }) => writes.good / writes.seconds),
      write_p95_ratio: ratio(({ before, moving }) => moving.writes.p95Ms / before.writes.p95Ms),
      search_p95_ratio: ratio(({ before, moving }) => moving.searches.p95Ms / before.searches.p95Ms),
      move_time_ratio: ratio(({ idle, loaded: under }) => medianMs(under) / medianMs(idle)),
    },
  };
}

export async function benchWrites(options: WritesBenchOptions): Promise<BenchResult> {
  const loads = new LoadProcess();
  try {
    const figures: Record<string, number | boolean | null> = {};
    const problems: string[] = [];
    for (const [name, price] of [
      ['', REAL_PRICE],
      ['slow_', SLOW_PRICE],
    ] as const) {
      say(`nodes that need ${price.batchMs} ms a batch; ${options.documents} documents, ${options.perS} writes/s`);
      const found = await onNodes(price, options, loads);
      problems.push(...found.problems);
      for (const [key, value] of Object.entries(found.figures)) figures[`${name}${key}`] = value;
    }
    const refusedS = await afterKill(loads, options.documents, options.config);
    figures['refused_after_kill_s'] = refusedS;
    for (const problem of new Set(problems)) say(`invalid: ${problem}`);
    const valid = problems.length === 0;
    return { valid, figures: { ...figures, per_s: options.perS, pairs: options.pairs, valid } };
  } finally {
    loads.close();
  }
}
