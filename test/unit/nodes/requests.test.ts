import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import {
  ConfigError,
  NodeBusyError,
  NodeOriginError,
  NodeProtocolError,
  NodeRefusedError,
  NodeUnreachableError,
  PageTooLargeError,
} from '../../../src/errors.ts';
import { createNodes } from '../../../src/nodes/index.ts';
import { ACCEPTED, clientOf, failure, free, json, KEY, refusal, serve, tasksServer } from './wire.ts';

const PAGE = '{"results":[{"id":1,"n":18446744073709551615},{"id":2,"x":1.0}],"offset":0,"limit":20,"total":5}';

describe('what is sent', () => {
  it('is the documented route, the key as a bearer token, and no wish for compression', async () => {
    const { url, seen } = await serve((response) => json(response, 202, ACCEPTED));
    const client = clientOf(url);
    expect(await client.putDocuments('cities', 'id', '[{"id":1}]', 'move 1&fence=2')).toBe(7);
    expect(await client.deleteDocuments('cities', ['1', '"a"'], 't')).toBe(7);
    expect(await client.createIndex('cities', 'id')).toBe(7);
    expect(await client.updateSettings('cities', { stopWords: ['a'] })).toBe(7);
    expect(seen.map(({ method, url: path, body }) => `${method} ${path} ${body}`)).toEqual([
      'POST /indexes/cities/documents?primaryKey=id&customMetadata=move+1%26fence%3D2 [{"id":1}]',
      'POST /indexes/cities/documents/delete-batch?customMetadata=t [1,"a"]',
      'POST /indexes {"uid":"cities","primaryKey":"id"}',
      'PATCH /indexes/cities/settings {"stopWords":["a"]}',
    ]);
    expect(seen[0]?.headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      'accept-encoding': 'identity',
      'content-type': 'application/json',
    });
  });

  it('goes nowhere but to allowed origins', async () => {
    expect(await failure(clientOf('http://127.0.0.2:7700').count('cities'))).toBeInstanceOf(NodeOriginError);
  });

  it('lists tasks by every filter of the port', async () => {
    const { url, seen } = await serve((response) => json(response, 200, '{"results":[],"total":0}'));
    const client = clientOf(url);
    const query = { index: 'cities', uids: [1, 2], statuses: ['enqueued', 'processing'], limit: 9, from: 3 } as const;
    expect(await client.tasks({ ...query, types: ['documentDeletion'], reverse: true })).toEqual([]);
    expect(Object.fromEntries(new URL(seen[0]?.url ?? '', url).searchParams)).toEqual({
      limit: '9',
      indexUids: 'cities',
      uids: '1,2',
      statuses: 'enqueued,processing',
      types: 'documentDeletion',
      from: '3',
      reverse: 'true',
    });
  });
});

describe('tasks with filters of megabytes', () => {
  it('are listed in pages that fit, and with the beginnings of the filters', async () => {
    const { url } = await serve(tasksServer(5, 2_000_000));
    const uidsOf = async (reverse: boolean) =>
      (await clientOf(url, free(30_000)).tasks({ index: 'cities', limit: 6, reverse })).map(({ uid }) => uid);
    expect(await uidsOf(false)).toEqual([4, 3, 2, 1, 0]);
    expect(await uidsOf(true)).toEqual([0, 1, 2, 3, 4]);
    const [task] = await clientOf(url).tasks({ index: 'cities', limit: 1 });
    expect(JSON.stringify(task).length).toBeLessThan(30_000);
  });

  it('no more of them than are asked for, and one that is larger than a page', async () => {
    const { url } = await serve(tasksServer(3, 9_000_000));
    const tasks = await clientOf(url, free(30_000)).tasks({ index: 'cities', limit: 2, from: 1 });
    expect(tasks.map(({ uid }) => uid)).toEqual([1, 0]);
  });
});

describe('assertAllowed', () => {
  it('judges a node by its URL and key without asking it', () => {
    const config = { nodeOrigins: ['http://n1:*'], keysDir: '', nodeKeys: new Map(), nodeKeyOrigins: new Map() };
    const nodes = createNodes({ config, clock: systemClock });
    expect(() => nodes.assertAllowed({ id: 'n1', url: 'http://n1:7700' })).not.toThrow();
    expect(() => nodes.assertAllowed({ id: 'n1', url: 'http://n2:7700' })).toThrow(NodeOriginError);
    expect(() => nodes.assertAllowed({ id: 'n1', url: 'http://n1:7700', apiKeyRef: 'no' })).toThrow(ConfigError);
  });
});

describe('pages', () => {
  it('are the bytes of the documents as answered', async () => {
    const { url, seen } = await serve((response) => json(response, 200, PAGE));
    const page = await clientOf(url).page('cities', { filter: '_miroir_shard = 1', limit: 20, maxBytes: 1_000 });
    expect(page.total).toBe(5);
    expect(page.documents.toString()).toBe('[{"id":1,"n":18446744073709551615},{"id":2,"x":1.0}]');
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ filter: '_miroir_shard = 1', limit: 20 });
  });

  it.each(['announced', 'chunked'])('over the bound are not read (%s length)', async (kind) => {
    let closedAtBytes = 0;
    const { url, seen } = await serve((response) => {
      response.writeHead(200, kind === 'announced' ? { 'content-length': '50000000' } : {});
      const chunk = Buffer.alloc(65_536, 'x');
      const pump = (): void => {
        while (closedAtBytes < 50_000_000 && response.writable) {
          closedAtBytes += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', pump);
        }
      };
      pump();
    });
    const error = await failure(clientOf(url).page('cities', { limit: 20, maxBytes: 100_000 }));
    expect(error).toBeInstanceOf(PageTooLargeError);
    expect(closedAtBytes).toBeLessThan(20_000_000);
    expect(seen).toHaveLength(1);
  });

  it('do not mistake a long error body for a large page', async () => {
    const { url } = await serve((response) => json(response, 400, refusal('invalid_document_filter', 'x'.repeat(900))));
    const error = await failure(clientOf(url).page('cities', { limit: 20, maxBytes: 10 }));
    expect(error).toBeInstanceOf(NodeRefusedError);
  });

  it('ends the reading of an endless error page', async () => {
    const { url } = await serve((response) => {
      response.writeHead(400);
      const pump = (): void => {
        while (response.writable && response.write('x'.repeat(65_536))) continue;
        response.once('drain', pump);
      };
      pump();
    });
    const error = await failure(clientOf(url).count('cities'));
    expect(error).toBeInstanceOf(NodeRefusedError);
    expect((error as Error).message.length).toBeLessThan(1_000);
  });

  it('of another shape are no pages', async () => {
    const { url } = await serve((response) => json(response, 200, '{"hits":[]}'));
    expect(await failure(clientOf(url).page('cities', { limit: 1, maxBytes: 100 }))).toBeInstanceOf(NodeProtocolError);
  });
});

describe('answers that are faults', () => {
  it.each([
    [401, 'missing_authorization_header', NodeRefusedError, 1],
    [403, 'invalid_api_key', NodeRefusedError, 1],
    [404, 'index_not_found', NodeRefusedError, 1],
    [400, 'invalid_document_filter', NodeRefusedError, 1],
    [422, 'no_space_left_on_device', NodeBusyError, 1],
    [422, 'io_error', NodeBusyError, 1],
    [500, 'database_size_limit_reached', NodeBusyError, 1],
    [408, '', NodeBusyError, 3],
    [429, '', NodeBusyError, 3],
    [500, 'internal', NodeBusyError, 3],
    [502, '', NodeUnreachableError, 3],
    [503, 'too_many_search_requests', NodeBusyError, 3],
    [504, '', NodeUnreachableError, 3],
    [307, '', NodeProtocolError, 1],
    [418, '', NodeRefusedError, 1],
  ])('a read answered with %i %s -> %o after %i attempts', async (status, code, expected, attempts) => {
    const body = code === '' ? '<h1>proxy</h1>' : refusal(code);
    const { url, seen } = await serve((response) => json(response, status, body, { location: '/elsewhere' }));
    const error = await failure(clientOf(url).count('cities'));
    expect(error).toBeInstanceOf(expected);
    expect(error).toMatchObject({ details: { node: 'n1', operation: 'count', status, nodeCode: code || null } });
    expect((error as Error).message).toContain(code === '' ? 'proxy' : 'words of the node');
    expect(seen).toHaveLength(attempts);
  });

  it('hold the remedy for a key, and never the key, even when the node says it', async () => {
    const { url } = await serve((response) => json(response, 403, refusal('invalid_api_key', `${KEY} is invalid`)));
    const error = await failure(clientOf(url).indexStats('cities'));
    expect(error).toMatchObject({ remedy: expect.stringContaining('key') as string });
    expect(inspect(error, { depth: 9 })).not.toContain(KEY);
  });

  it('are null where the port says so: no such index, no right to see the version', async () => {
    const { url } = await serve((response, _, { url: path }) =>
      path === '/version'
        ? json(response, 403, refusal('invalid_api_key'))
        : json(response, 404, refusal('index_not_found')),
    );
    const client = clientOf(url);
    expect(await client.index('cities')).toBeNull();
    expect(await client.version()).toBeNull();
    expect(await failure(client.settings('cities'))).toBeInstanceOf(NodeRefusedError);
  });

  it('tell the time in whole seconds, where no proxy keeps that back', async () => {
    const dates = ['Sun, 29 Nov 2026 21:00:00 GMT', 'yesterday', null];
    const { url } = await serve((response, attempt) => {
      const date = dates[attempt - 1] ?? null;
      response.sendDate = false;
      if (date !== null) response.setHeader('date', date);
      json(response, 200, '{"status":"available"}');
    });
    const client = clientOf(url);
    expect(await client.clockMs()).toBe(Date.UTC(2026, 10, 29, 21));
    expect(await client.clockMs()).toBeNull();
    expect(await client.clockMs()).toBeNull();
  });

  it('that are no JSON are named without quoting them', async () => {
    const { url } = await serve((response) => json(response, 200, `{"leaked":"${KEY}`));
    const error = await failure(clientOf(url).nodeStats());
    expect(error).toBeInstanceOf(NodeProtocolError);
    expect(inspect(error, { depth: 9 })).not.toContain(KEY);
  });
});
