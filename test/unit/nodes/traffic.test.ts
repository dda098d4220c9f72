import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import {
  ConfigError,
  NodeBusyError,
  NodeOriginError,
  NodeRefusedError,
  NodeUnreachableError,
  PageTooLargeError,
} from '../../../src/errors.ts';
import { createTraffic } from '../../../src/nodes/index.ts';
import type { TrafficOptions } from '../../../src/nodes/index.ts';
import type { NodeTraffic, RequestLimits, Traffic } from '../../../src/ports.ts';
import { ACCEPTED, eventually, failure, json, KEY, refusal, serve, tasksServer } from './wire.ts';

const opened: Traffic[] = [];
const stalled: { server: Server; sockets: Set<Socket> }[] = [];
afterEach(async () => {
  for (const { server, sockets } of stalled.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
  await Promise.all(opened.splice(0).map((traffic) => traffic.close()));
});

function trafficOf(options: Partial<TrafficOptions> = {}): Traffic {
  const config = {
    nodeOrigins: ['http://127.0.0.1:*'],
    keysDir: '',
    nodeKeys: new Map([['N1', KEY]]),
    nodeKeyOrigins: new Map(),
  };
  const traffic = createTraffic({ config, clock: systemClock, ...options });
  opened.push(traffic);
  return traffic;
}

const nodeAt = (url: string, traffic = trafficOf()): NodeTraffic =>
  traffic.of({ id: 'n1', group: 0, url, apiKeyRef: 'n1', state: 'active' });

const within = (deadlineMs = 2_000, more: Partial<RequestLimits> = {}): RequestLimits => ({
  deadlineMs,
  signal: new AbortController().signal,
  maxBytes: 10_000,
  ...more,
});

/** Accepts connections, reads everything and never answers. */
async function stall(): Promise<{ url: string; sockets: Set<Socket>; received: () => string }> {
  const sockets = new Set<Socket>();
  let text = '';
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  stalled.push({ server, sockets });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, received: () => text };
}

const WRITE = {
  mode: 'replace',
  primaryKey: 'id',
  tag: '{"router":"r"}',
  documents: Buffer.from('[{"id":1}]'),
} as const;

describe('tasks', () => {
  it('that are more than an answer may be are asked for in parts', async () => {
    const { url } = await serve(tasksServer(6, 4_000));
    const tasks = await nodeAt(url).tasks([0, 1, 2, 4, 5], within());
    expect(tasks.map(({ uid }) => uid)).toEqual([5, 4, 2, 1, 0]);
  });
});

describe('what traffic sends', () => {
  it('is the documented route with the tag and the key', async () => {
    const { url, seen } = await serve((response) => json(response, 202, ACCEPTED));
    const node = nodeAt(url);
    await node.writeDocuments('cities', WRITE, within());
    await node.writeDocuments('cities', { ...WRITE, mode: 'update' }, within());
    await node.deleteDocuments('cities', ['1', '"a"'], 't', within());
    await node.deleteByFilter('cities', '["a = 1"]', 't', within());
    await node.search('a/b', '{"q":"x"}', within());
    await node.fetchDocuments('cities', '{"limit":1}', within());
    await node.document('cities', 'a b', 'fields=a,b', within());
    await node.stats('cities', within());
    await node.stats(null, within());
    await node.settings('cities', within());
    await node.multiSearch('{"queries":[]}', within());
    expect(seen.map(({ method, url: path, body }) => `${method} ${path} ${body}`)).toEqual([
      'POST /indexes/cities/documents?primaryKey=id&customMetadata=%7B%22router%22%3A%22r%22%7D [{"id":1}]',
      'PUT /indexes/cities/documents?primaryKey=id&customMetadata=%7B%22router%22%3A%22r%22%7D [{"id":1}]',
      'POST /indexes/cities/documents/delete-batch?customMetadata=t [1,"a"]',
      'POST /indexes/cities/documents/delete?customMetadata=t {"filter":["a = 1"]}',
      'POST /indexes/a%2Fb/search {"q":"x"}',
      'POST /indexes/cities/documents/fetch {"limit":1}',
      'GET /indexes/cities/documents/a%20b?fields=a%2Cb ',
      'GET /indexes/cities/stats ',
      'GET /stats ',
      'GET /indexes/cities/settings ',
      'POST /multi-search {"queries":[]}',
    ]);
    expect(seen.every(({ headers }) => headers.authorization === `Bearer ${KEY}`)).toBe(true);
  });

  it('goes nowhere but to allowed origins, and not without the key that is named', async () => {
    const traffic = trafficOf();
    const elsewhere = traffic.of({ id: 'n1', group: 0, url: 'http://127.0.0.2:7700', state: 'active' });
    expect(await failure(elsewhere.stats('cities', within()))).toBeInstanceOf(NodeOriginError);
    const keyless = traffic.of({ id: 'n1', group: 0, url: 'http://127.0.0.1:1', apiKeyRef: 'n2', state: 'active' });
    expect(await failure(keyless.stats('cities', within()))).toBeInstanceOf(ConfigError);
  });

  it('uses connections again', async () => {
    const ports = new Set<number | undefined>();
    const { url } = await serve((response, _attempt, request) => {
      ports.add(request.socket.remotePort);
      json(response, 200, '{}');
    });
    const node = nodeAt(url);
    for (let i = 0; i < 20; i += 1) await node.stats('cities', within());
    // An answer is handed on before its connection is free, so the next request may open a second one.
    expect(ports.size).toBeLessThanOrEqual(2);
  });
});

describe('an answer', () => {
  it.each([200, 202, 400, 404, 500, 503])('of %i is handed on as it is, and nothing is sent again', async (status) => {
    const { url, seen } = await serve((response) => json(response, status, refusal('x'), { 'retry-after': '10' }));
    const answer = await nodeAt(url).writeDocuments('cities', WRITE, within());
    expect({ ...answer, body: answer.body.toString() }).toEqual({ status, body: refusal('x'), retryAfterS: 10 });
    expect(seen).toHaveLength(1);
  });

  it('that redirects is not followed', async () => {
    const other = await serve((response) => json(response, 200, '{}'));
    const { url } = await serve((response) => json(response, 307, '', { location: other.url }));
    expect(await nodeAt(url).stats('cities', within())).toMatchObject({ status: 307, retryAfterS: null });
    expect(other.seen).toHaveLength(0);
  });

  it('larger than allowed is not read', async () => {
    const { url } = await serve((response) => json(response, 200, 'x'.repeat(20_000)));
    expect(await failure(nodeAt(url).search('cities', '{}', within()))).toBeInstanceOf(PageTooLargeError);
  });

  it('with tasks is read, and refusals are errors', async () => {
    const { url, seen } = await serve((response, attempt) =>
      attempt === 1 ? json(response, 200, '{"results":[]}') : json(response, 403, refusal('invalid_api_key')),
    );
    const node = nodeAt(url);
    expect(await node.tasks([], within())).toEqual([]);
    expect(await node.tasks([3, 4], within())).toEqual([]);
    expect(seen.map(({ url: path }) => path)).toEqual(['/tasks?limit=2&uids=3%2C4']);
    expect(await failure(node.tasks([3], within()))).toBeInstanceOf(NodeRefusedError);
  });
});

describe('a node that hangs', () => {
  it('fails a read at its deadline, a write as ambiguous, and is asked once', async () => {
    const { url, received } = await stall();
    const node = nodeAt(url);
    const [read, write] = await Promise.all([
      failure(node.search('cities', '{}', within(150))),
      failure(node.writeDocuments('cities', WRITE, within(150))),
    ]);
    expect(read).toBeInstanceOf(NodeUnreachableError);
    expect(write).toBeInstanceOf(NodeUnreachableError);
    expect(write).toMatchObject({ details: { ambiguous: true, reason: 'timeout' } });
    expect(received().match(/POST \//g)).toHaveLength(2);
  });

  it('gets a bounded number of requests; over it they are refused at once, and another node is served', async () => {
    const { url, sockets } = await stall();
    const good = await serve((response) => json(response, 200, '{}'));
    const traffic = trafficOf({ connectionsPerNode: 2, waitingPerNode: 3 });
    const stop = new AbortController();
    const calls = Array.from({ length: 5 }, () =>
      failure(nodeAt(url, traffic).search('cities', '{}', within(60_000, { signal: stop.signal }))),
    );
    await eventually(() => sockets.size === 2);
    const over = await failure(nodeAt(url, traffic).writeDocuments('cities', WRITE, within(60_000)));
    expect(over).toBeInstanceOf(NodeBusyError);
    expect(over).toMatchObject({ details: { ambiguous: false, node: 'n1' } });
    const late = failure(nodeAt(url, trafficOf({ connectionsPerNode: 0 })).stats('cities', within(20)));
    expect(await late).toBeInstanceOf(NodeBusyError);
    expect(await nodeAt(good.url, traffic).stats('cities', within())).toMatchObject({ status: 200 });
    expect(sockets.size).toBe(2);
    const reason = new Error('the client went away');
    stop.abort(reason);
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 5 }, () => reason));
    // Every place is free again.
    expect(await failure(nodeAt(url, traffic).stats('cities', within(50)))).toBeInstanceOf(NodeUnreachableError);
  });

  it('lets those who wait in when others end, in order', async () => {
    const held: (() => void)[] = [];
    const { url, seen } = await serve((response) => held.push(() => json(response, 200, '{}')));
    const node = nodeAt(url, trafficOf({ connectionsPerNode: 1, waitingPerNode: 9 }));
    const calls = ['a', 'b', 'c'].map((uid) => node.stats(uid, within(10_000)));
    for (let i = 0; i < 3; i += 1) {
      await eventually(() => held.length === i + 1);
      expect(seen).toHaveLength(i + 1);
      held[i]?.();
    }
    await Promise.all(calls);
    expect(seen.map(({ url: path }) => path)).toEqual(['a', 'b', 'c'].map((uid) => `/indexes/${uid}/stats`));
  });

  it('does not get a request whose deadline passed in line', async () => {
    const held: (() => void)[] = [];
    const { url, seen } = await serve((response) => held.push(() => json(response, 200, '{}')));
    const node = nodeAt(url, trafficOf({ connectionsPerNode: 1 }));
    const first = node.stats('a', within(10_000));
    await eventually(() => held.length === 1);
    expect(await failure(node.writeDocuments('b', WRITE, within(30)))).toMatchObject({
      code: 'miroir_node_busy',
      details: { ambiguous: false },
    });
    held[0]?.();
    await first;
    const last = node.stats('c', within());
    await eventually(() => held.length === 2);
    held[1]?.();
    await last;
    expect(seen.map(({ url: path }) => path)).toEqual(['/indexes/a/stats', '/indexes/c/stats']);
  });
});

describe('a write', () => {
  it('passes failpoints of its own name', async () => {
    const hits: string[] = [];
    const hit = (point: string, when: string): Promise<void> => {
      hits.push(`${point} ${when}`);
      return Promise.resolve();
    };
    const { url } = await serve((response) => json(response, 202, ACCEPTED));
    const node = nodeAt(url, trafficOf({ failpoint: { hit } }));
    await node.deleteDocuments('cities', ['1'], 't', within());
    await node.stats('cities', within());
    expect(hits).toEqual(['traffic:deleteDocuments before', 'traffic:deleteDocuments after']);
  });

  it('to a closed port was certainly not taken', async () => {
    const { url, sockets } = await stall();
    for (const { server } of stalled) server.close();
    expect(sockets.size).toBe(0);
    const error = await failure(nodeAt(url).writeDocuments('cities', WRITE, within()));
    expect(error).toMatchObject({ code: 'miroir_node_unreachable', details: { ambiguous: false } });
  });
});
