/** For tests of the driver on the wire: a server of node:http that behaves in one way per test, and a client of it. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { createNodes } from '../../../src/nodes/index.ts';
import type { NodesOptions } from '../../../src/nodes/index.ts';
import type { NodeClient, Nodes, Permit } from '../../../src/ports.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
export type Respond = (response: ServerResponse, attempt: number, request: IncomingMessage) => void;

export const KEY = 's3cret-key-of-n1';
export const ACCEPTED = '{"taskUid":7,"indexUid":"cities","status":"enqueued","type":"x","enqueuedAt":"now"}';

export const servers: Server[] = [];
const opened: Nodes[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((nodes) => nodes.close()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

export const free = (budgetMs = 2_000): Permit & { stop(reason: unknown): void } => {
  const controller = new AbortController();
  return { signal: controller.signal, budgetMs: () => budgetMs, stop: (reason) => controller.abort(reason) };
};

/** A server that reads each request whole, remembers it, and then lets `respond` do what the test is about. */
export async function serve(respond: Respond): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      respond(response, seen.length, request);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

export function clientOf(url: string, permit: Permit = free(), options: Partial<NodesOptions> = {}): NodeClient {
  const config = {
    nodeOrigins: ['http://127.0.0.1:*'],
    keysDir: '',
    nodeKeys: new Map([['N1', KEY]]),
    nodeKeyOrigins: new Map(),
  };
  const nodes = createNodes({ config, clock: systemClock, ...options });
  opened.push(nodes);
  return nodes.client({ id: 'n1', group: 0, url, apiKeyRef: 'n1', state: 'active' }, permit);
}

export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
export const json = (
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
};
export const refusal = (code: string, message = 'words of the node'): string =>
  JSON.stringify({ message, code, type: 'system', link: '' });

export async function eventually(isTrue: () => boolean): Promise<void> {
  for (let tries = 0; !isTrue(); tries += 1) {
    if (tries > 200) throw new Error('it did not come true in 2 s');
    await systemClock.sleep(10);
  }
}

/** A node with so many tasks of one index, each with a filter so long, that lists them as it is asked. */
export const tasksServer = (count: number, filterChars: number): Respond => {
  const originalFilter = 'x'.repeat(filterChars);
  return (response, _attempt, request) => {
    const query = new URL(request.url ?? '', 'http://node').searchParams;
    const [limit, isReverse] = [Number(query.get('limit')), query.get('reverse') === 'true'];
    const from = Number(query.get('from') ?? (isReverse ? 0 : count - 1));
    const wanted = query.get('uids')?.split(',').map(Number) ?? [...Array(count).keys()];
    const uids = wanted
      .filter((uid) => (isReverse ? uid >= from : uid <= from))
      .sort((a, b) => (isReverse ? a - b : b - a));
    const results = uids.slice(0, limit).map((uid) => ({
      uid,
      indexUid: 'cities',
      status: 'failed',
      type: 'documentDeletion',
      error: { code: 'invalid_document_filter', message: originalFilter.slice(0, 20_000) },
      details: { deletedDocuments: 0, originalFilter },
      enqueuedAt: 'now',
      startedAt: null,
      finishedAt: null,
    }));
    json(response, 200, JSON.stringify({ results, total: count }));
  };
};
