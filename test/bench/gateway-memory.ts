// Resident memory of a gateway: 500 connections with small requests, and bodies of 100 MB one after the other, as JSON and
// as NDJSON in turn. Bounded, and flat over the time.
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { startBuiltGateway } from '../support/built.ts';
import { chunks, citiesIndex, cityTexts } from './cities.ts';
import { badOf, LoadProcess } from './client-load.ts';
import { residentMb } from './memory.ts';
import { type BenchResult, median, round, say } from './print.ts';
import { openStage } from './stage.ts';

const SMALL = citiesIndex('cities');
const BULK = citiesIndex('bulk');
const CONNECTIONS = 500;
/** Just under the largest body that a gateway takes. */
const BULK_BYTES = 99_900_000;
/** Between two large bodies, at the least. */
const PAUSE_MS = 2_000;
const LOOK_MS = 250;
/** A node that is busy with a large body lets small requests wait; refused with 503 they may be, lost they may not. */
const BUSY = /^(?:503|429)\b/;
/** Fast nodes, so that the gateway and not a node is what works. */
const FAST = { batchMs: 20, docsPerS: 200_000 };

export interface GatewayMemoryOptions {
  readonly seconds: number;
  readonly perS: number;
  readonly config: Readonly<Record<string, string>>;
}

type Format = 'json' | 'ndjson';
const TYPES: Readonly<Record<Format, string>> = { json: 'application/json', ndjson: 'application/x-ndjson' };

/** Cities under ever new ids until so many bytes are full. */
function largeBody(format: Format): Buffer {
  const body = Buffer.allocUnsafe(BULK_BYTES);
  const texts = cityTexts(100_000);
  let filled = format === 'json' ? body.write('[') : 0;
  for (let id = 1; ; id += 1) {
    const text = (texts[id % texts.length] ?? '').replace(/"cityId":\d+/, `"cityId":${id}`);
    const line = `${id === 1 ? '' : format === 'json' ? ',' : '\n'}${text}`;
    if (filled + Buffer.byteLength(line) + 1 > BULK_BYTES) break;
    filled += body.write(line, filled);
  }
  if (format === 'json') filled += body.write(']', filled);
  return body.subarray(0, filled);
}

/** Status of one large body after the other until the signal fires. */
async function bulkLoads(
  url: string,
  signal: AbortSignal,
  onStatus: (format: Format, status: number, s: number) => void,
) {
  const bodies = { json: largeBody('json'), ndjson: largeBody('ndjson') };
  const agent = new Agent({ connections: 1, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  for (let at = 0; !signal.aborted; at += 1) {
    const format: Format = at % 2 === 0 ? 'json' : 'ndjson';
    const startedMs = performance.now();
    const answer = await request(`${url}/indexes/${BULK.uid}/documents`, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': TYPES[format] },
      body: bodies[format],
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 202) say(`a large body was refused: ${answer.statusCode} ${text.slice(0, 200)}`);
    onStatus(format, answer.statusCode, (performance.now() - startedMs) / 1_000);
    await sleep(PAUSE_MS);
  }
  await agent.close();
}

export async function benchGatewayMemory({ seconds, perS, config }: GatewayMemoryOptions): Promise<BenchResult> {
  const stage = await openStage({ aof: 'off', config });
  const loads = new LoadProcess();
  try {
    const ids = ['n1', 'n2', 'n3'];
    for (const id of ids) await stage.startNode(id, FAST);
    await stage.register(ids, [SMALL, BULK]);
    for (const id of ids) for (const entry of [SMALL, BULK]) await stage.prepareIndex(id, entry);
    const texts = cityTexts(2_000);
    await stage.load(SMALL, chunks(texts));
    const { child, url } = await startBuiltGateway(stage.env);
    stage.workers.push(child);
    const atRestMb = residentMb(child.pid);
    const common = { urls: [url], method: 'POST', connections: CONNECTIONS / 2, perS: perS / 2 } as const;
    const path = `/indexes/${SMALL.uid}`;
    const small = await Promise.all([
      loads.start({
        ...common,
        path: `${path}/documents`,
        bodies: texts.map((text) => `[${text.slice(0, -1)},"written":"%n"}]`),
      }),
      loads.start({
        ...common,
        path: `${path}/search`,
        bodies: texts.map((_, at) => JSON.stringify({ q: 'san', offset: at % 50 })),
      }),
    ]);
    await sleep(5_000);
    const smallMb = residentMb(child.pid);
    say(`resident ${round(atRestMb, 0)} MB at rest, ${round(smallMb, 0)} MB under ${CONNECTIONS} connections`);
    const stop = new AbortController();
    const statuses: number[] = [];
    const bulk = bulkLoads(url, stop.signal, (format, status, tookS) => {
      statuses.push(status);
      say(`${format}: ${status} after ${round(tookS, 1)} s, resident ${round(residentMb(child.pid), 0)} MB`);
    });
    const samples: number[] = [];
    const endMs = performance.now() + seconds * 1_000;
    while (performance.now() < endMs && child.running) {
      samples.push(residentMb(child.pid));
      await sleep(LOOK_MS);
    }
    stop.abort();
    await bulk;
    const ended = await Promise.all(small.map((load) => load.stop()));
    const quarter = Math.max(1, Math.floor(samples.length / 4));
    const [early, late] = [median(samples.slice(quarter, quarter * 2)), median(samples.slice(-quarter))];
    const taken = statuses.filter((status) => status === 202).length;
    const lost = ended.flatMap(({ bad }) => Object.entries(bad).filter(([what]) => !BUSY.test(what)));
    if (lost.length > 0) say(`small requests that failed: ${JSON.stringify(Object.fromEntries(lost))}`);
    const valid = taken === statuses.length && taken > 1 && lost.length === 0;
    if (!valid) say(`invalid: ${taken} of ${statuses.length} large bodies were taken`);
    return {
      valid,
      figures: {
        large_bodies: taken,
        small_requests: ended.reduce((sum, { good }) => sum + good, 0),
        small_busy: ended.reduce((sum, load) => sum + badOf(load), 0),
        rss_rest_mb: Math.round(atRestMb),
        rss_small_mb: Math.round(smallMb),
        rss_max_mb: Math.round(samples.reduce((most, mb) => Math.max(most, mb), 0)),
        rss_early_mb: Math.round(early),
        rss_late_mb: Math.round(late),
        rss_growth: round(late / early),
        seconds,
        valid,
      },
    };
  } finally {
    loads.close();
    await stage.close();
  }
}
