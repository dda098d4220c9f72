// The control API with 10,000 moves in the records: how long each read takes over HTTP, beside one that reads nothing in the
// same run; what watchers cost Redis and workers; and a poll of the board over the queues of 200 indexes.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Client } from 'undici';
import { loadConfig } from '../../src/config.ts';
import { status } from '../../src/control/status.ts';
import { startWorker } from '../../src/fleet/processes.ts';
import { indexQueue, QUEUE_PREFIX } from '../../src/queue/names.ts';
import { createAudit } from '../../src/redis/audit.ts';
import { connect } from '../../src/redis/connection.ts';
import { openControl } from '../../src/service.ts';
import { fillRecords, type ManyMoves } from './many-moves.ts';
import { type BenchResult, round, say } from './print.ts';
import { openStage, type Stage } from './stage.ts';

export interface ApiBenchOptions {
  /** Requests for each path. */
  readonly rounds: number;
  readonly config: Readonly<Record<string, string>>;
}

/** Steps of moves a second while it is measured: two workers that write windows. */
const CHANGES_PER_S = 50;
const WARM_UP = 20;
/** What a command works out by itself is no answer of the API, and takes long. */
const COMMAND_ROUNDS = 10;
/** Ms: 99 of 100 answers of the control API are there by then, and a poll of the board over 200 queues. */
const ANSWER_GOAL_MS = 20;
const POLL_GOAL_MS = 200;
const WATCHERS = 100;
const WATCHED_S = 10;
const JOBS_PER_QUEUE = 20;
/** A page of a browser asks for the queue that it shows. */
const boardPoll = (queue: string): string =>
  `/queues/api/queues?activeQueue=${queue}&status=latest&page=1&jobsPerPage=10`;
/** Of Linux: the unit of times in /proc. */
const TICKS_PER_S = 100;

interface Times {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly firstMs: number;
}

function timesOf(tookMs: readonly number[], firstMs: number): Times {
  const sorted = [...tookMs].sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), firstMs };
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
};

/** All paths in turn, so that whatever else the machine does meets each of them. */
async function measure(
  works: ReadonlyMap<string, () => Promise<unknown>>,
  rounds: number,
  warmUp = WARM_UP,
): Promise<Map<string, Times>> {
  const first = new Map<string, number>();
  for (const [name, work] of works) first.set(name, await timed(work));
  for (let turn = 0; turn < warmUp; turn += 1) for (const work of works.values()) await work();
  const took = new Map([...works.keys()].map((name): [string, number[]] => [name, []]));
  for (let turn = 0; turn < rounds; turn += 1) {
    for (const [name, work] of works) took.get(name)?.push(await timed(work));
  }
  return new Map([...took].map(([name, all]) => [name, timesOf(all, first.get(name) ?? NaN)]));
}

/** Workers' progress, for as long as it is measured. */
function keepChanging(filled: ManyMoves): () => Promise<void> {
  const { begun } = filled;
  const closing = new AbortController();
  const run = async (): Promise<void> => {
    for (let at = 0; !closing.signal.aborted; at += 1) {
      const move = begun[at % begun.length];
      if (move === undefined) throw new Error('no move has begun');
      await filled.writerOf(move.index).note(move.id, { fields: { docsMigrated: 800 + at } });
      await sleep(1_000 / CHANGES_PER_S);
    }
  };
  const running = run();
  return async () => {
    closing.abort();
    await running;
  };
}

const cpuS = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
};

const callsOf = (stats: string, command: string): number =>
  Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);

interface Watched {
  readonly entries: number;
  readonly reads: number;
  readonly workerCpuS: number;
}

/** What a span costs in which the audit stream grows and this many watch it. */
async function watch(stage: Stage, url: string, workerPid: number, watchers: number): Promise<Watched> {
  const { redis, config, logger } = stage.base;
  const openFollower = () => connect({ url: config.redisUrl, kind: 'queue', logger });
  const audit = createAudit({ redis, maxEntries: config.auditMaxEntries, openFollower, logger });
  const closing = new AbortController();
  let entries = 0;
  const read = async (): Promise<void> => {
    const response = await fetch(new URL('/v1/events', url), { signal: closing.signal });
    if (!response.ok || response.body === null) throw new Error(`events: ${response.status}`);
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body) entries += decoder.decode(chunk).match(/^id: /gm)?.length ?? 0;
    } catch (error) {
      if (!closing.signal.aborted) throw error;
    }
  };
  const reading = Array.from({ length: watchers }, read);
  await sleep(1_000);
  const count = async (): Promise<number> => callsOf(await redis.info('commandstats'), 'xread');
  const [readsBefore, cpuBefore] = [await count(), cpuS(workerPid)];
  for (let at = 0; at < WATCHED_S * 10; at += 1) {
    await audit.note({ what: 'bench', at: String(at) });
    await sleep(100);
  }
  const watched = { entries, reads: (await count()) - readsBefore, workerCpuS: cpuS(workerPid) - cpuBefore };
  closing.abort();
  await Promise.all(reading);
  return watched;
}

async function addJobs(stage: Stage, indexes: readonly string[]): Promise<void> {
  const connection = connect({ url: stage.base.config.redisUrl, kind: 'queue', logger: stage.base.logger });
  for (const index of indexes) {
    const queue = new Queue(indexQueue(index), { connection, prefix: QUEUE_PREFIX });
    const jobs = Array.from({ length: JOBS_PER_QUEUE }, (_, shard) => ({
      name: `${index}/${shard} n1→n2 MigrationInProgress`,
      data: { v: 1, move: `m-${shard}`, index, phase: 'MigrationInProgress', docs_migrated: 0, last_offset: 0 },
      opts: shard % 2 === 0 ? {} : { delay: 3_600_000 },
    }));
    await queue.addBulk(jobs);
    await queue.close();
  }
  connection.disconnect();
}

export async function benchApi({ rounds, config }: ApiBenchOptions): Promise<BenchResult> {
  // One process holds all leases, and everything waits for everything: none may run out.
  const leases = { lease_ttl_secs: 300, lease_renewal_interval_ms: 60_000 };
  const open = { api_port: 0, api_requests_per_minute: 1_000_000 };
  const stage = await openStage({ aof: 'off', config: { ...leases, ...open, ...config } });
  const control = await openControl(loadConfig(stage.env));
  try {
    const filled = await fillRecords(stage.base);
    await addJobs(stage, filled.indexes);
    const { child, ready } = await startWorker('api', stage.env);
    const worker = await startWorker('rebalancer', stage.env);
    stage.workers.push(child, worker.child);
    const url = new URL('/', ready.board).href;
    const client = new Client(url);
    const get = (path: string) => async (): Promise<void> => {
      const { statusCode, body } = await client.request({ method: 'GET', path });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`GET ${path}: ${statusCode} ${text.slice(0, 500)}`);
    };
    const plan = filled.plans.at(-1) ?? '';
    const paths = [
      '/livez',
      '/v1/nodes',
      '/v1/topology',
      '/v1/indexes',
      '/v1/plans',
      `/v1/plans/${plan}`,
      '/v1/moves',
      '/v1/moves?state=ended',
      `/v1/moves?plan=${plan}`,
      boardPoll(indexQueue(filled.indexes[0] ?? '')),
    ];
    const shown = (path: string): string => path.replace(plan, '{id}').replace(/\?active.*/, '');
    const works = new Map<string, () => Promise<unknown>>(paths.map((path) => [shown(path), get(path)]));
    const stopChanging = keepChanging(filled);
    const measuring = async (): Promise<Map<string, Times>> => {
      const answers = await measure(works, rounds);
      const command = await measure(new Map([['status', () => status(control)]]), COMMAND_ROUNDS, 1);
      return new Map([...answers, ...command]);
    };
    const measured = measuring();
    await Promise.allSettled([measured]);
    await stopChanging();
    const times = await measured;
    const alone = await watch(stage, url, worker.child.pid, 1);
    const many = await watch(stage, url, worker.child.pid, WATCHERS);
    await client.close();
    await filled.close();
    const rssMb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1_024;
    const isSlow = ([name, { p99Ms }]: [string, Times]): boolean =>
      name !== 'status' && p99Ms >= (name.startsWith('/queues') ? POLL_GOAL_MS : ANSWER_GOAL_MS);
    const slow = [...times].filter(isSlow).map(([name]) => name);
    if (slow.length > 0) say(`over the goal: ${slow.join(', ')}`);
    return { valid: slow.length === 0, figures: told(filled.moves, times, alone, many, rssMb) };
  } finally {
    await control.close();
    await stage.close();
  }
}

function told(
  moves: number,
  times: ReadonlyMap<string, Times>,
  alone: Watched,
  many: Watched,
  rssMb: number,
): BenchResult['figures'] {
  const base = times.get('/livez')?.p50Ms ?? NaN;
  say(`${moves} moves in the records, ${CHANGES_PER_S} changes a second; ms, and p50 beside that of /livez`);
  say(`${'read'.padEnd(24)} ${['p50', 'p99', 'first', 'ratio'].map((head) => head.padStart(9)).join('')}`);
  const figures: Record<string, number> = { moves };
  for (const [name, { p50Ms, p99Ms, firstMs }] of times) {
    const columns = [round(p50Ms, 2), round(p99Ms, 2), round(firstMs, 1), round(p50Ms / base, 1)];
    say(`${name.padEnd(24)} ${columns.map((value) => String(value).padStart(9)).join('')}`);
    figures[`${name} p50_ms`] = round(p50Ms);
    figures[`${name} p99_ms`] = round(p99Ms);
    figures[`${name} first_ms`] = round(firstMs);
  }
  for (const [watchers, { entries, reads, workerCpuS }] of [
    [1, alone],
    [WATCHERS, many],
  ] as const) {
    say(`${watchers} watching for ${WATCHED_S} s: ${entries} entries sent, ${reads} XREAD, a worker's ${workerCpuS} s`);
    figures[`watchers_${watchers}_entries`] = entries;
    figures[`watchers_${watchers}_xread`] = reads;
    figures[`watchers_${watchers}_worker_cpu_s`] = round(workerCpuS);
  }
  figures['api_rss_mb'] = Math.round(rssMb);
  return figures;
}
