// The demo's clients must see what goes wrong: each fault is planted by a proxy in front of one development node.
import { once } from 'node:events';
import { type IncomingMessage, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { readCities } from '../../src/cli/demo/cities.ts';
import { Clients, type ClientsSummary, untilServing } from '../../src/cli/demo/clients.ts';
import { Truth } from '../../src/cli/demo/truth.ts';
import { type DevNodeProcess, startDevNode } from '../../src/fleet/nodes.ts';
import { untilTrue } from '../support/until.ts';

/** What becomes of a request; `swallow`: acknowledged and not done. */
type Fate = 'pass' | 'swallow' | 'refuse' | 'cut' | 'double';
type Tamper = (method: string, path: string, gateway: number) => Fate;

const PREPARED_MS = 20_000;
const cities = readCities(200);
let node: DevNodeProcess;
let servers: Server[];
let tamper: Tamper;
let clients: Clients | undefined;
let failures: unknown[];

async function ask(method: string, path: string, body?: string): Promise<{ status: number; body: string }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${node.url}${path}`, { method, ...(body === undefined ? {} : { headers, body }) });
  return { status: response.status, body: await response.text() };
}

async function answer(request: IncomingMessage, gateway: number): Promise<{ status: number; body: string } | null> {
  const { method = '', url = '' } = request;
  const body = await text(request);
  const fate = tamper(method, url, gateway);
  if (fate === 'cut') return null;
  if (fate === 'refuse') return { status: 503, body: JSON.stringify({ code: 'miroir_write_waited' }) };
  // A delete of nothing is a task as any other.
  if (fate === 'swallow') return ask('POST', '/indexes/cities/documents/delete-batch', '[]');
  const found = await ask(method, url, body === '' ? undefined : body);
  if (fate === 'pass') return found;
  const { hits, ...rest } = JSON.parse(found.body) as { hits: unknown[] };
  return { status: found.status, body: JSON.stringify({ ...rest, hits: [...hits, ...hits] }) };
}

beforeAll(async () => {
  node = await startDevNode({ id: 'n1', switches: true, batchMs: 0, docsPerS: 0 });
});
afterAll(() => node.stop());

beforeEach(async () => {
  await ask('POST', '/_dev/wipe', '{}');
  await ask('PATCH', '/indexes/cities/settings', '{"searchableAttributes":["name","altName"]}');
  await ask('POST', '/indexes/cities/documents?primaryKey=cityId', JSON.stringify(cities));
  await untilTrue(async () => (await ask('GET', '/indexes/cities/stats')).body.includes(':200,'), PREPARED_MS);
  tamper = () => 'pass';
  failures = [];
  servers = [0, 1].map((gateway) =>
    createServer((request, response) => {
      void answer(request, gateway).then((found) => {
        if (found === null) response.destroy();
        else response.writeHead(found.status, { 'content-type': 'application/json' }).end(found.body);
      });
    }).listen(0, '127.0.0.1'),
  );
  await Promise.all(servers.map((server) => once(server, 'listening')));
});
afterEach(async () => {
  await clients?.abandon();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

const urls = (): string[] => servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);

/** Runs them until the condition holds, and ends them. */
async function run(until: (clients: Clients) => boolean): Promise<{ summary: ClientsSummary; truth: Truth }> {
  const { signal } = new AbortController();
  await untilServing(urls(), signal);
  const truth = new Truth(cities);
  const one = new Clients({
    urls: urls(),
    cities,
    truth,
    tolerance: 0,
    signal,
    onFailure: (error) => failures.push(error),
  });
  clients = one;
  await untilTrue(
    () => failures.length > 0 || until(one),
    PREPARED_MS,
    () => one.text,
  );
  expect(failures).toEqual([]);
  return { summary: await one.end(), truth };
}

const acknowledged = (one: Clients): number => Number(/^\d+/.exec(one.text)?.[0]);
const isWrong = (one: Clients): boolean => one.text.includes('wrong');

it('nothing is wrong where nothing is planted, and the truth is what the node has', { timeout: 60_000 }, async () => {
  const { summary, truth } = await run((one) => acknowledged(one) >= 60);
  expect(summary.seen).toMatchObject({ problems: 0, examples: [] });
  expect(summary).toMatchObject({ refused: 0, givenUp: 0, openTasks: 0 });
  expect(summary.searches).toBeGreaterThan(0);
  const { results } = JSON.parse((await ask('GET', '/indexes/cities/documents?limit=10000')).body) as {
    results: { cityId: number }[];
  };
  const there = new Map(results.map((document) => [document.cityId, document]));
  for (const id of truth.ids()) {
    const [state, ...more] = truth.statesOf(id);
    expect(more).toEqual([]);
    expect(there.get(id) ?? null).toEqual(state === null ? null : JSON.parse(JSON.stringify(state)));
  }
  expect([...there.keys()].filter((id) => !truth.knows(id))).toEqual([]);
});

it.each<[string, Tamper, readonly string[]]>([
  ['deletes', (method, path) => (isDelete(method, path) ? 'swallow' : 'pass'), ['resurrected']],
  ['partial updates', (method) => (method === 'PUT' ? 'swallow' : 'pass'), ['lost', 'stale']],
  ['whole documents', (method, path) => (isPut(method, path) ? 'swallow' : 'pass'), ['lost', 'stale']],
  ['single hits', (_method, path) => (path.endsWith('/search') ? 'double' : 'pass'), ['doubled']],
])('%s that are acknowledged and not done, or done twice, are seen', { timeout: 60_000 }, async (_, fault, kinds) => {
  tamper = fault;
  const { summary } = await run(isWrong);
  const found = Object.entries(summary.seen.counts).flatMap(([kind, many]) => (many > 0 ? [kind] : []));
  expect(found.length).toBeGreaterThan(0);
  expect(kinds).toEqual(expect.arrayContaining(found));
});

it('what is refused or not answered is sent again, and ends up as it should', { timeout: 60_000 }, async () => {
  let calls = 0;
  tamper = (method, path) => {
    if (!isPut(method, path) && !isDelete(method, path)) return 'pass';
    calls += 1;
    return calls % 5 === 0 ? 'refuse' : calls % 7 === 0 ? 'cut' : 'pass';
  };
  const { summary } = await run((one) => acknowledged(one) >= 60);
  expect(summary.seen).toMatchObject({ problems: 0, examples: [] });
  expect(summary.refused).toBeGreaterThan(5);
  expect(summary).toMatchObject({ givenUp: 0, openTasks: 0 });
});

it('clients of a gateway that is gone go on at the other one', { timeout: 60_000 }, async () => {
  let isGone = false;
  tamper = (_method, _path, gateway) => (isGone && gateway === 0 ? 'cut' : 'pass');
  const { summary } = await run((one) => {
    isGone ||= acknowledged(one) >= 20;
    return acknowledged(one) >= 60;
  });
  expect(summary.seen.problems).toBe(0);
  expect(summary.refused).toBeGreaterThan(0);
  await clients?.untilElsewhere(0, AbortSignal.timeout(1_000));
});

function isDelete(method: string, path: string): boolean {
  return method === 'DELETE' || path.endsWith('/delete-batch');
}

function isPut(method: string, path: string): boolean {
  return method === 'POST' && path.endsWith('/documents');
}
