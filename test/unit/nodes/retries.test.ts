import { describe, expect, it } from 'vitest';
import { NodeUnreachableError } from '../../../src/errors.ts';
import { ACCEPTED, clientOf, failure, free, json, refusal, serve, servers } from './wire.ts';
import type { Respond } from './wire.ts';

describe('retries', () => {
  it('repeat a read until it works, after the wait that the node asked for', async () => {
    const { url, seen } = await serve((response, attempt) =>
      attempt < 2
        ? json(response, 503, refusal('too_many_search_requests'), { 'retry-after': '1' })
        : json(response, 200, '{"results":[],"total":3}'),
    );
    const startedMs = performance.now();
    expect(await clientOf(url).count('cities')).toBe(3);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(990);
    expect(seen).toHaveLength(2);
  });

  it('leave a longer wait to the caller, and say how long', async () => {
    const { url, seen } = await serve((response) =>
      json(response, 503, refusal('too_many_search_requests'), { 'retry-after': '10' }),
    );
    expect(await failure(clientOf(url).count('cities'))).toMatchObject({ details: { retryAfterMs: 10_000 } });
    expect(seen).toHaveLength(1);
  });

  it('repeat a read whose connection broke', async () => {
    const { url, seen } = await serve((response, attempt) =>
      attempt < 2 ? response.socket?.resetAndDestroy() : json(response, 200, '{"results":[],"total":3}'),
    );
    expect(await clientOf(url).count('cities')).toBe(3);
    expect(seen).toHaveLength(2);
  });

  it('repeat a write that was refused before it was accepted', async () => {
    const { url, seen } = await serve((response, attempt) =>
      attempt < 2 ? json(response, 503, refusal('too_many_search_requests')) : json(response, 202, ACCEPTED),
    );
    expect(await clientOf(url).putDocuments('cities', 'id', '[]', 't')).toBe(7);
    expect(seen).toHaveLength(2);
  });

  it.each<[string, Respond]>([
    ['a reset after the request was read', (response) => response.socket?.resetAndDestroy()],
    [
      'an answer cut off',
      (response) => response.writeHead(202, { 'content-length': '99' }).write('{', () => response.destroy()),
    ],
    ['a gateway timeout', (response) => json(response, 504, '')],
    ['a bad gateway', (response) => json(response, 502, '')],
    ['a proxy that found nobody in time', (response) => json(response, 503, 'no upstream')],
    ['an internal error', (response) => json(response, 500, refusal('internal'))],
  ])('never repeat a write after %s: its outcome is unknown', async (_, respond) => {
    const { url, seen } = await serve(respond);
    const error = await failure(clientOf(url).putDocuments('cities', 'id', '[]', 't'));
    expect(error).toBeInstanceOf(NodeUnreachableError);
    expect(error).toMatchObject({ details: { ambiguous: true, operation: 'putDocuments' } });
    expect(seen).toHaveLength(1);
  });

  it('say that a write to a node that is down was not accepted', async () => {
    const { url } = await serve(() => undefined);
    const [server] = servers.splice(0);
    await new Promise((resolve) => server?.close(resolve));
    const error = await failure(clientOf(url).putDocuments('cities', 'id', '[]', 't'));
    expect(error).toMatchObject({
      code: 'miroir_node_unreachable',
      details: { ambiguous: false, systemCode: 'ECONNREFUSED' },
    });
  });

  it('mark an accepted write whose task is not named as unknown', async () => {
    const { url, seen } = await serve((response) => json(response, 202, '{"ok":true}'));
    expect(await failure(clientOf(url).createIndex('cities', 'id'))).toMatchObject({
      code: 'miroir_node_protocol',
      details: { ambiguous: true },
    });
    expect(seen).toHaveLength(1);
  });
});

describe('failpoints and metrics', () => {
  it('surround every write, before the permit is asked, and no read', async () => {
    const order: string[] = [];
    const { url } = await serve((response, _, { method }) => {
      order.push('node');
      json(response, method === 'GET' ? 200 : 202, method === 'GET' ? '{"results":[]}' : ACCEPTED);
    });
    const permit = {
      ...free(),
      budgetMs: () => {
        if (order.at(-1) !== 'permit') order.push('permit');
        return 2_000;
      },
    };
    const failpoint = {
      hit: (point: string, when: string) => {
        order.push(`${when} ${point}`);
        return Promise.resolve();
      },
    };
    const client = clientOf(url, permit, { failpoint });
    await client.putDocuments('cities', 'id', '[]', 't');
    await client.batches(5);
    expect(order).toEqual(['before node:putDocuments', 'permit', 'node', 'after node:putDocuments', 'permit', 'node']);
  });

  it('count attempts, errors and health', async () => {
    const { url } = await serve((response, attempt) =>
      attempt < 2 ? json(response, 503, '') : json(response, 200, '{"results":[],"total":3}'),
    );
    const told: unknown[] = [];
    const metrics = {
      nodeRequestDuration: { observe: (labels: object) => void told.push({ ...labels }) },
      nodeErrors: { inc: (labels: object) => void told.push({ ...labels }) },
      nodeReachable: { set: (_: object, value: number) => void told.push(value) },
    };
    await clientOf(url, free(), { metrics }).count('cities');
    const request = { node_id: 'n1', operation: 'count' };
    expect(told).toEqual([request, { node_id: 'n1', error_type: 'busy' }, 1, request, 1]);
  });
});
