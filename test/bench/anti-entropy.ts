// A pass of anti-entropy over equal replicas against reading everything once; then planted differences, found and repaired
// in one pass. What nodes hold afterwards is read and summed here, without our comparing.
import { createHash } from 'node:crypto';
import type { IndexEntry } from '../../src/core/routing.ts';
import { locateKey } from '../../src/core/hashing.ts';
import type { Pass } from '../../src/ports.ts';
import type { Router } from '../../src/routing/api.ts';
import { openRouter } from '../../src/service/router.ts';
import { untilTrue } from '../support/until.ts';
import { chunks, citiesIndex, cityTexts } from './cities.ts';
import { type BenchResult, round, say } from './print.ts';
import { type Stage, openStage } from './stage.ts';

const entry: IndexEntry = { ...citiesIndex(), replicationFactor: 2 };
const NODES = ['n1', 'n2'] as const;
/** Of each kind: missing, stale, extra, expired. */
const PLANTED = 25;
const PAGE_DOCS = 1_000;
const HOUR_MS = 3_600_000;
const NEVER = new AbortController().signal;

interface Document {
  readonly cityId: number;
  readonly [field: string]: unknown;
}

/** Every document of a node, in the windows that a pass reads, one request at a time. */
async function* pagesOf(stage: Stage, node: string, documents: number): AsyncGenerator<string> {
  const url = `${stage.nodes.get(node)?.url}/indexes/${entry.uid}/documents/fetch`;
  const windows = Math.max(1, Math.ceil(documents / entry.shards / (PAGE_DOCS * 0.85)));
  for (let shard = 0; shard < entry.shards; shard += 1) {
    for (let at = 0; at < windows; at += 1) {
      const [from, to] = [at, at + 1].map((edge) => Math.ceil((edge * 65_536) / windows));
      const filter = `_miroir_shard = ${shard} AND _miroir_slot ${from} TO ${(to ?? 0) - 1}`;
      const body = JSON.stringify({ filter, limit: 100_000 });
      const headers = { 'content-type': 'application/json', ...stage.headers };
      yield await (await fetch(url, { method: 'POST', headers, body })).text();
    }
  }
}

const hashOf = (text: string): bigint => createHash('sha1').update(text).digest().readBigUInt64BE();

interface Held {
  readonly documents: number;
  readonly sum: bigint;
}
/** Count and sum of hashes: equal where nodes hold the same, in whatever order. */
async function heldBy(stage: Stage, node: string, documents: number): Promise<Held> {
  let [count, sum] = [0, 0n];
  for await (const page of pagesOf(stage, node, documents)) {
    for (const document of (JSON.parse(page) as { results: Document[] }).results) {
      count += 1;
      sum = BigInt.asUintN(64, sum + hashOf(JSON.stringify(document)));
    }
  }
  return { documents: count, sum };
}

/** Both nodes at the same time, as a pass reads them. */
async function readOnce(stage: Stage, documents: number): Promise<number> {
  const startedMs = performance.now();
  await Promise.all(
    NODES.map(async (node) => {
      for await (const page of pagesOf(stage, node, documents)) if (page === '') throw new Error(`${node}: no answer`);
    }),
  );
  return (performance.now() - startedMs) / 1_000;
}

async function nextPass(stage: Stage, known: number): Promise<Pass> {
  const { passes } = stage.base;
  await passes.wish();
  let newest: Pass | undefined;
  await untilTrue(
    async () => {
      const list = await passes.list();
      newest = list[0];
      return list.length > known && newest?.completed_at != null;
    },
    HOUR_MS,
    () => JSON.stringify(newest),
  );
  return newest!;
}

const secondsOf = (pass: Pass): number => ((pass.completed_at ?? NaN) - pass.started_at) / 1_000;

/** Ids of documents spread over the index, none twice. */
const someIds = (documents: number, kind: number): number[] =>
  Array.from({ length: PLANTED }, (_, at) => 1 + (at * 4 + kind) * Math.floor(documents / (PLANTED * 4)));

async function read(stage: Stage, node: string, ids: readonly number[]): Promise<Document[]> {
  const page = await stage
    .client(node)
    .page(entry.uid, { ids: ids.map(String), limit: ids.length, maxBytes: 50_000_000 });
  return JSON.parse(page.documents.toString()) as Document[];
}

async function put(stage: Stage, node: string, documents: readonly Document[]): Promise<void> {
  const client = stage.client(node);
  await stage.ended(
    client,
    await client.putDocuments(entry.uid, entry.primaryKey, JSON.stringify(documents), 'planted'),
  );
}

/** Returns the documents that are to be gone in the end. */
async function plant(stage: Stage, router: Router, documents: number): Promise<readonly Document[]> {
  const [missing, stale, extra, expired] = [0, 1, 2, 3].map((kind) => someIds(documents, kind));
  const client = stage.client('n2');
  await stage.ended(client, await client.deleteDocuments(entry.uid, (missing ?? []).map(String), 'planted'));
  const olds = await read(stage, 'n1', stale ?? []);
  const older = (document: Document): Document => ({
    ...document,
    name: 'stale',
    _miroir_updated_at: Number(document['_miroir_updated_at']) - 1_000,
  });
  await put(stage, 'n1', olds.map(older));
  const deleted = await read(stage, 'n2', extra ?? []);
  const answer = await router.deleteDocuments(entry.uid, (extra ?? []).map(String), { signal: NEVER });
  const { taskUid } = JSON.parse(answer.body) as { taskUid: number };
  await untilTrue(async () => (await router.task(taskUid, { signal: NEVER })).body.includes('"status":"succeeded"'));
  await put(stage, 'n2', deleted);
  const fresh = (expired ?? []).map((id): Document => {
    const cityId = documents + id;
    const { shard, slot } = locateKey(String(cityId), entry.shards);
    const atMs = Date.now() - HOUR_MS;
    return {
      cityId,
      name: 'expired',
      _miroir_expires_at: atMs + 1,
      _miroir_shard: shard,
      _miroir_slot: slot,
      _miroir_updated_at: atMs,
    };
  });
  await put(stage, 'n1', fresh);
  return deleted;
}

export async function benchAntiEntropy(
  documents: number,
  config: Readonly<Record<string, string>>,
): Promise<BenchResult> {
  const stage = await openStage({
    aof: 'off',
    config: { anti_entropy_node_percent: 100, anti_entropy_ttl_enabled: 'true', ...config },
  });
  const router = openRouter(stage.base, { role: 'bench' });
  try {
    for (const id of NODES) await stage.startNode(id);
    await stage.register(NODES, [entry]);
    for (const id of NODES) await stage.prepareIndex(id, entry);
    say(`loading ${documents} documents into 2 nodes (64 shards, RF 2)`);
    await stage.load(entry, chunks(cityTexts(documents)));
    const before = await heldBy(stage, 'n1', documents);
    const bareS = await readOnce(stage, documents);
    say(`reading both once, page by page: ${round(bareS, 2)} s`);
    await stage.startWorkers(['reconciler', 'reconciler']);
    const first = await nextPass(stage, 0);
    say(`first pass: ${round(secondsOf(first), 2)} s`);
    const equal = await nextPass(stage, (await stage.base.passes.list()).length);
    say(`equal replicas: ${JSON.stringify(equal)}, ${round(secondsOf(equal), 2)} s`);
    await untilTrue(() => router.readiness() === true);
    const gone = await plant(stage, router, documents);
    const repaired = await nextPass(stage, (await stage.base.passes.list()).length);
    say(`planted ${PLANTED * 4} differences: ${JSON.stringify(repaired)}, ${round(secondsOf(repaired), 2)} s`);
    const wanted = gone.reduce(
      (sum, document) => BigInt.asUintN(64, sum - hashOf(JSON.stringify(document))),
      before.sum,
    );
    const after = await Promise.all(NODES.map((node) => heldBy(stage, node, documents)));
    const isRight = after.every(({ documents: count, sum }) => count === documents - PLANTED && sum === wanted);
    const valid =
      isRight &&
      equal.shards_scanned === entry.shards &&
      equal.repairs_performed === 0 &&
      repaired.shards_scanned === entry.shards &&
      repaired.repairs_performed === PLANTED * 4 &&
      repaired.documents_left === 0;
    if (!valid)
      say(`wrong: ${after.map(({ documents: count }) => count).join(' and ')} documents, the same: ${isRight}`);
    return {
      valid,
      figures: {
        documents,
        pass_s: round(secondsOf(equal), 2),
        documents_per_s: Math.round(documents / secondsOf(equal)),
        read_once_s: round(bareS, 2),
        pass_over_reading_once: round(secondsOf(equal) / bareS, 2),
        planted: PLANTED * 4,
        repaired: repaired.repairs_performed,
        repair_pass_s: round(secondsOf(repaired), 2),
        wrongly: isRight ? 0 : null,
      },
    };
  } finally {
    await router.close();
    await stage.close();
  }
}
