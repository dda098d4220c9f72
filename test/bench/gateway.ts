// What the gateway adds: the same client straight to one node, through a gateway before that very node, and through one
// before three. Small writes and searches over 50 connections at a fixed rate, and bulk loads until their task ended.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { SHARD_FIELD } from '../../src/routing/fields.ts';
import { startBuiltGateway } from '../support/built.ts';
import { chunks, citiesIndex, cityTexts } from './cities.ts';
import { badOf, LoadProcess } from './client-load.ts';
import type { LoadFigures, LoadWork } from './load-work.ts';
import { type BenchResult, median, round, say } from './print.ts';
import { openStage, type Stage } from './stage.ts';

/** Read and written in small, and loaded in bulk; each once behind the gateway and once only its node's. */
const SMALL = citiesIndex('cities');
const BULK = citiesIndex('bulk');
const DIRECT_SMALL = citiesIndex('direct-cities');
const DIRECT_BULK = citiesIndex('direct-bulk');

const CONNECTIONS = 50;
const BULK_DOCUMENTS = 10_000;
const POLL_MS = 5;
/** A client that does not get its rate from the node alone measures itself. */
const RATE_SHARE = 0.95;
/** Small writes go to so many documents. */
const WRITTEN = 1_000;

export interface GatewayBenchOptions {
  readonly pairs: number;
  readonly documents: number;
  /** Requests a second of all connections together. */
  readonly perS: number;
  readonly seconds: number;
  readonly config: Readonly<Record<string, string>>;
}

/** A way to the documents: where it is and how its indexes are called there. */
interface Way {
  readonly url: string;
  readonly small: string;
  readonly bulk: string;
}

const WAYS = ['direct', 'one', 'three'] as const;
type WayName = (typeof WAYS)[number];
const KINDS = ['write', 'search'] as const;
type Kind = (typeof KINDS)[number];

interface Row {
  /** Through a proxy that does nothing but hand on: what no gateway on this machine can go below. */
  readonly floor: Readonly<Record<Kind, LoadFigures>>;
  readonly loads: Readonly<Record<Kind, Readonly<Record<WayName, LoadFigures>>>>;
  /** Searches straight to the node, asked as the gateway asks it: what the question itself costs there. */
  readonly asked: LoadFigures;
  readonly bulkS: Readonly<Record<WayName, number>>;
}

async function fleet(
  ids: readonly string[],
  texts: readonly string[],
  config: Readonly<Record<string, string>>,
): Promise<Stage> {
  const stage = await openStage({ config });
  try {
    for (const id of ids) await stage.startNode(id);
    await stage.register(ids, [SMALL, BULK]);
    for (const id of ids) for (const entry of [SMALL, BULK]) await stage.prepareIndex(id, entry);
    await stage.load(SMALL, chunks(texts));
  } catch (error) {
    await stage.close();
    throw error;
  }
  return stage;
}

async function bareProxy(
  nodeUrl: string,
  redisUrl: string,
): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const file = fileURLToPath(new URL('./bare-proxy.ts', import.meta.url));
  const child = fork(file, [nodeUrl, redisUrl], { execArgv: ['--import', 'tsx'] });
  const [url] = (await once(child, 'message')) as [string];
  return { child, url };
}

async function gatewayOf(stage: Stage): Promise<Way> {
  const { child, url } = await startBuiltGateway(stage.env);
  stage.workers.push(child);
  return { url, small: SMALL.uid, bulk: BULK.uid };
}

async function directWay(stage: Stage, texts: readonly string[]): Promise<Way> {
  for (const entry of [DIRECT_SMALL, DIRECT_BULK]) await stage.prepareIndex('n1', entry);
  const client = stage.client('n1');
  for (const documents of chunks(texts))
    await stage.ended(client, await client.putDocuments(DIRECT_SMALL.uid, SMALL.primaryKey, documents, ''));
  return { url: stage.nodes.get('n1')?.url ?? '', small: DIRECT_SMALL.uid, bulk: DIRECT_BULK.uid };
}

/** Queries of two words' beginnings each, as people type them. */
function queriesOf(texts: readonly string[], extra: object = {}): string[] {
  const names = texts.slice(0, WRITTEN).map((text) => (JSON.parse(text) as { name: string }).name);
  return names.map((name) => JSON.stringify({ q: name.slice(0, 5), limit: 20, ...extra }));
}

function workOf(kind: Kind, way: Way, texts: readonly string[], perS: number | null): LoadWork {
  const path = `/indexes/${way.small}`;
  const common = { urls: [way.url], method: 'POST', connections: CONNECTIONS, perS } as const;
  if (kind === 'search') return { ...common, path: `${path}/search`, bodies: queriesOf(texts) };
  const bodies = texts.slice(0, WRITTEN).map((text) => `[${text.slice(0, -1)},"written":"%n"}]`);
  return { ...common, path: `${path}/documents?primaryKey=${SMALL.primaryKey}`, bodies };
}

let bulkLoads = 0;

/** Seconds from sending 10,000 documents until the task of that has succeeded. */
async function bulkLoad(agent: Agent, way: Way, texts: readonly string[]): Promise<number> {
  // Each time others: a node passes over what has not changed.
  bulkLoads += 1;
  const body = `[${texts.map((text) => `${text.slice(0, -1)},"load":${bulkLoads}}`).join(',')}]`;
  const startedMs = performance.now();
  const answer = await request(`${way.url}/indexes/${way.bulk}/documents?primaryKey=${BULK.primaryKey}`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const { taskUid } = (await answer.body.json()) as { taskUid?: number };
  if (taskUid === undefined) throw new Error(`bulk load refused: ${answer.statusCode}`);
  for (;;) {
    const task = await request(`${way.url}/tasks/${taskUid}`, { dispatcher: agent });
    const { status } = (await task.body.json()) as { status: string };
    if (status === 'succeeded') return (performance.now() - startedMs) / 1_000;
    if (status === 'failed') throw new Error('a bulk load failed');
    await sleep(POLL_MS);
  }
}

/** As it is asked through the gateway where one node has every shard. */
function askedWork(url: string, texts: readonly string[], perS: number): LoadWork {
  const filter = `${SHARD_FIELD} IN [${Array.from({ length: SMALL.shards }, (_, shard) => shard).join(', ')}]`;
  const way = { url, small: SMALL.uid, bulk: BULK.uid };
  return { ...workOf('search', way, texts, perS), bodies: queriesOf(texts, { filter, offset: 0 }) };
}

const told = ({ good, seconds, p50Ms, p99Ms }: LoadFigures): string =>
  `${round(p50Ms, 2)}/${round(p99Ms, 2)} ms at ${Math.round(good / seconds)}/s`;

export async function benchGateway(options: GatewayBenchOptions): Promise<BenchResult> {
  const { pairs, perS, seconds, config } = options;
  const texts = cityTexts(options.documents);
  const bulkTexts = cityTexts(BULK_DOCUMENTS);
  const loads = new LoadProcess();
  const agent = new Agent({ connections: 2, pipelining: 1 });
  const stages: Stage[] = [];
  let proxy: ChildProcess | null = null;
  try {
    const one = await fleet(['n1'], texts, config);
    stages.push(one);
    const three = await fleet(['n1', 'n2', 'n3'], texts, config);
    stages.push(three);
    const ways: Readonly<Record<WayName, Way>> = {
      direct: await directWay(one, texts),
      one: await gatewayOf(one),
      three: await gatewayOf(three),
    };
    const bare = await bareProxy(ways.direct.url, one.env['MIROIR_REDIS_URL'] ?? '');
    proxy = bare.child;
    const floor: Way = { ...ways.direct, url: bare.url };
    say(`${texts.length} documents; ${CONNECTIONS} connections, ${perS} requests/s, ${seconds} s each; p50/p99`);
    for (const way of WAYS) {
      for (const kind of KINDS) await loads.run(workOf(kind, ways[way], texts, perS), 2);
      await bulkLoad(agent, ways[way], bulkTexts);
    }
    for (const kind of KINDS) await loads.run(workOf(kind, floor, texts, perS), 2);
    const rows: Row[] = [];
    for (let pair = 1; pair <= pairs; pair += 1) {
      // In turn from the front and from the back, so that no way always comes first.
      const order = pair % 2 === 1 ? WAYS : WAYS.toReversed();
      const each = async <T>(measure: (way: Way) => Promise<T>): Promise<Record<WayName, T>> => {
        const found: Partial<Record<WayName, T>> = {};
        for (const way of order) found[way] = await measure(ways[way]);
        return found as Record<WayName, T>;
      };
      const row: Row = {
        floor: {
          write: await loads.run(workOf('write', floor, texts, perS), seconds),
          search: await loads.run(workOf('search', floor, texts, perS), seconds),
        },
        loads: {
          write: await each((way) => loads.run(workOf('write', way, texts, perS), seconds)),
          search: await each((way) => loads.run(workOf('search', way, texts, perS), seconds)),
        },
        asked: await loads.run(askedWork(ways.direct.url, texts, perS), seconds),
        bulkS: await each((way) => bulkLoad(agent, way, bulkTexts)),
      };
      rows.push(row);
      for (const kind of KINDS) {
        say(
          `pair ${pair} ${kind}: floor ${told(row.floor[kind])} · ${WAYS.map((way) => `${way} ${told(row.loads[kind][way])}`).join(' · ')}`,
        );
      }
      say(`pair ${pair} search with the gateway's filter, straight to the node: ${told(row.asked)}`);
      say(`pair ${pair} bulk: ${WAYS.map((way) => `${way} ${round(row.bulkS[way], 2)} s`).join(' · ')}`);
    }
    // How much one gateway serves at most, beside what its node does by itself: for orientation.
    const most: Partial<Record<string, number>> = {};
    for (const way of ['direct', 'one'] as const) {
      for (const kind of KINDS) {
        const { good, seconds: took } = await loads.run(workOf(kind, ways[way], texts, null), Math.min(5, seconds));
        most[`${kind}_${way}_most_per_s`] = Math.round(good / took);
      }
    }
    return judge(rows, { perS, pairs, most });
  } finally {
    loads.close();
    proxy?.disconnect();
    await agent.close();
    for (const stage of stages) await stage.close();
  }
}

function judge(
  rows: readonly Row[],
  { perS, pairs, most }: { perS: number; pairs: number; most: Partial<Record<string, number>> },
): BenchResult {
  const figures: Record<string, number | string | boolean> = {};
  for (const kind of KINDS) {
    for (const way of ['one', 'three'] as const) {
      const added = (of: (load: LoadFigures) => number): number =>
        round(median(rows.map(({ loads }) => of(loads[kind][way]) - of(loads[kind].direct))), 2);
      figures[`${kind}_${way}_added_p50_ms`] = added(({ p50Ms }) => p50Ms);
      figures[`${kind}_${way}_added_p99_ms`] = added(({ p99Ms }) => p99Ms);
    }
    const floor = (of: (load: LoadFigures) => number): number =>
      round(median(rows.map((row) => of(row.floor[kind]) - of(row.loads[kind].direct))), 2);
    figures[`${kind}_floor_added_p50_ms`] = floor(({ p50Ms }) => p50Ms);
    figures[`${kind}_floor_added_p99_ms`] = floor(({ p99Ms }) => p99Ms);
    figures[`${kind}_direct_p50_ms`] = round(median(rows.map(({ loads }) => loads[kind].direct.p50Ms)), 2);
    figures[`${kind}_direct_p99_ms`] = round(median(rows.map(({ loads }) => loads[kind].direct.p99Ms)), 2);
  }
  const asks = (of: (load: LoadFigures) => number): number =>
    round(median(rows.map(({ loads, asked }) => of(asked) - of(loads.search.direct))), 2);
  figures['search_filter_at_node_p50_ms'] = asks(({ p50Ms }) => p50Ms);
  figures['search_filter_at_node_p99_ms'] = asks(({ p99Ms }) => p99Ms);
  for (const way of ['one', 'three'] as const)
    figures[`bulk_${way}_rate_ratio`] = round(median(rows.map(({ bulkS }) => bulkS.direct / bulkS[way])));
  for (const [name, value] of Object.entries(most)) figures[name] = value ?? 0;
  const problems = rows.flatMap(({ loads }) =>
    KINDS.flatMap((kind) =>
      WAYS.flatMap((way) => {
        const load = loads[kind][way];
        if (badOf(load) > 0) return [`${kind} ${way}: ${JSON.stringify(load.bad)}`];
        const isSlow = way === 'direct' && load.good / load.seconds < perS * RATE_SHARE;
        return isSlow ? [`${kind}: the node alone did not answer ${perS} requests/s`] : [];
      }),
    ),
  );
  for (const problem of new Set(problems)) say(`invalid: ${problem}`);
  const valid = problems.length === 0;
  return { valid, figures: { ...figures, per_s: perS, pairs, valid } };
}
