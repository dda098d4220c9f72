// What the control API shows, over real HTTP and real records: pages, one thing by its id, and that every route is described.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { type Running, startApi } from '../../src/service.ts';
import { apiCode, askApi, apiSettings } from '../support/api.ts';
import { makeWorld, MOVES_PER_NODE, type World } from '../support/records-world.ts';
import { createObservations } from '../../src/redis/observations.ts';
import { withRedis } from '../support/redis.ts';

const redis = withRedis();
let world: World;
let api: Running & { readonly apiUrl: string };

interface Page {
  readonly results: readonly Record<string, unknown>[];
  readonly total: number;
  readonly limit: number;
  readonly from: string | null;
  readonly next: string | null;
}
async function get<T>(path: string): Promise<T> {
  const answer = await askApi(api.apiUrl, { path });
  expect([answer.status, path], answer.text).toEqual([200, path]);
  return JSON.parse(answer.text) as T;
}

beforeAll(async () => {
  world = await makeWorld(redis.url);
  const settings = { ...apiSettings(redis.url), MIROIR_MOVES_PER_NODE: String(MOVES_PER_NODE) };
  api = await startApi(loadConfig(settings));
});
afterAll(async () => {
  await api.close();
  await world.stop();
});

describe('lists', () => {
  it('come page by page, each with where the next one begins', async () => {
    const ids = (await world.records.unfinishedMoves()).map(({ id }) => id);
    const seen: unknown[] = [];
    let from: string | null = null;
    do {
      const page: Page = await get<Page>(`/v1/moves?limit=4${from === null ? '' : `&from=${from}`}`);
      expect(page).toMatchObject({ total: 6, limit: 4 });
      expect(page.from).toBe(page.results[0]?.['id']);
      seen.push(...page.results.map(({ id }) => id));
      from = page.next;
    } while (from !== null);
    expect(seen).toEqual([...ids].sort());
  });

  it('go on behind a move that has ended since', async () => {
    const ids = (await world.records.unfinishedMoves()).map(({ id }) => id).sort();
    const page = await get<Page>(`/v1/moves?limit=2&from=${ids[2]}0`);
    expect(page.results.map(({ id }) => id)).toEqual(ids.slice(3, 5));
  });

  it('show nodes, indexes and plans, and moves of a plan', async () => {
    const nodes = await get<Page>('/v1/nodes?limit=1');
    expect(nodes).toMatchObject({ results: [{ id: 'n1', state: 'active', shards: 6 }], total: 2, next: 'n2' });
    expect(nodes.results[0]).toMatchObject({ drained: false, drainWished: false });
    expect((await get<Page>('/v1/nodes?from=n2')).results).toMatchObject([{ id: 'n2', shards: 0 }]);
    expect((await get<Page>('/v1/indexes')).results).toMatchObject([{ uid: 'books', shards: 6, copies: { n1: 6 } }]);
    const plans = await get<Page>('/v1/plans');
    expect(plans).toMatchObject({ results: [{ state: 'running', moves: 6, left: 6 }], total: 1, next: null });
    const plan = String(plans.results[0]?.['id']);
    expect(await get<Page>(`/v1/moves?plan=${plan}&limit=6`)).toMatchObject({ total: 6, next: null });
    expect(await get<Page>('/v1/moves?state=ended')).toMatchObject({ results: [], total: 0 });
  });

  it.each([
    ['/v1/moves?limit=0', 400, 'miroir_invalid_input', 'limit'],
    ['/v1/moves?limit=1001', 400, 'miroir_invalid_input', 'limit'],
    ['/v1/moves?state=all', 400, 'miroir_invalid_input', 'state'],
    ['/v1/moves?colour=red', 400, 'miroir_invalid_input', 'colour'],
    ['/v1/nodes?from=n9', 400, 'miroir_invalid_input', 'from'],
    ['/v1/plans?from=nope', 400, 'miroir_invalid_input', 'from'],
    ['/v1/moves?state=ended&from=nope', 400, 'miroir_invalid_input', 'from'],
    ['/v1/moves?from=-1', 400, 'miroir_invalid_input', 'from'],
    ['/v1/moves?plan=nope', 404, 'miroir_plan_unknown', 'nope'],
    ['/v1/moves?plan=p1&from=nope', 400, 'miroir_invalid_input', 'from'],
    ['/v1/moves/p-1', 404, 'miroir_move_unknown', 'p-1'],
    ['/v1/plans/p-1', 404, 'miroir_plan_unknown', 'p-1'],
    ['/v1/indexes/nope', 404, 'miroir_index_unknown', 'nope'],
  ])('%s: %i', async (path, status, code, named) => {
    const answer = await askApi(api.apiUrl, { path });
    expect([answer.status, apiCode(answer)]).toEqual([status, code]);
    const body = JSON.parse(answer.text) as { message: string; next_steps: string[] };
    expect(body.message).toContain(named);
    expect(body.next_steps.length).toBeGreaterThan(0);
    // A command is told once: by itself where the remedy is nothing but that.
    const commands = body.next_steps.filter((step) => !step.includes('`'));
    expect(body.next_steps.filter((step) => commands.some((one) => step === `see \`${one}\``))).toEqual([]);
    expect(new Set(commands).size).toBe(commands.length);
  });
});

describe('one thing', () => {
  it('a move, a plan, an index', async () => {
    const [first] = await world.records.unfinishedMoves();
    expect(await get(`/v1/moves/${first?.id}`)).toMatchObject({ id: first?.id, phase: 'Idle', startedAtMs: null });
    const plan = await get<Record<string, unknown>>(`/v1/plans/${first?.planId}`);
    expect(plan).toMatchObject({ why: 'a test', progress: { moves: 6, settled: 0 } });
    const index = await get<{ routes: unknown[] }>('/v1/indexes/books');
    expect(index.routes).toHaveLength(6);
  });

  it('the topology with its version, and the doctor’s findings', async () => {
    const answer = await askApi(api.apiUrl, { path: '/v1/topology' });
    expect(JSON.parse(answer.text)).toMatchObject({
      version: 1,
      nodes: [{ id: 'n1' }, { id: 'n2' }],
      groups: [{ group: 0 }],
    });
    expect(answer.headers.etag).toBe('"1"');
    const { results } = await get<{ results: { level: string; subject: string }[] }>('/v1/doctor');
    expect(results.find(({ subject }) => subject === 'node n1')?.level).toBe('fail');
  });
});

describe('a move that does not get on', () => {
  const reasons = async (): Promise<string[]> => {
    const { results } = await get<{ results: { waiting: { reason: string; unblock: string } | null }[] }>('/v1/moves');
    return results.map(({ waiting }) => waiting?.reason ?? 'none');
  };

  it('has one reason, noted or not, with since when and what unblocks it', async () => {
    expect(await reasons()).toEqual(Array.from({ length: 6 }, () => 'queued'));
    for (const shard of [0, 1]) await world.start(shard);
    expect(await reasons()).toEqual(['none', 'none', ...Array.from({ length: 4 }, () => 'source_full')]);
    await world.writer.note('p1-1', { waiting: 'barrier: router r1 is behind' });
    const { waiting } = await get<{ waiting: { sinceMs: number } }>('/v1/moves/p1-1');
    expect(waiting).toMatchObject({ reason: 'barrier', text: 'barrier: router r1 is behind' });
    expect(waiting.sinceMs).toBeLessThanOrEqual(await world.records.nowMs());
    // Its worker was killed a moment ago: that is told at once, however short a while ago the move got on.
    const lease = '{miroir}:rebalance:books';
    const until = (await world.connection.hget(lease, 'until')) ?? '';
    const lostAt = (await world.records.nowMs()) - 1;
    await world.connection.hset(lease, 'until', lostAt);
    expect(await get('/v1/moves/p1-0')).toMatchObject({ waiting: { reason: 'no_worker', sinceMs: lostAt } });
    await world.connection.hset(lease, 'until', until);
    // As if nothing of it had come to an end for longer than a working move takes.
    const longAgo = (await world.records.nowMs()) - 31_000;
    await world.connection.hset('{miroir}:move:p1-0', 'startedAt', longAgo, 'createdAt', longAgo);
    expect(await get('/v1/moves/p1-0')).toMatchObject({ waiting: { reason: 'at_work', sinceMs: longAgo } });
    await world.connection.hset('{miroir}:rebalance:books', 'state', 'clean');
    expect(await get('/v1/moves/p1-0')).toMatchObject({
      waiting: { reason: 'no_worker', unblock: expect.stringContaining('`miroir worker`') as string },
    });
    await world.connection.hset('{miroir}:rebalance:books', 'state', 'held');
  });

  it('is told to wait for a node that observers get no answer from, by whom and since when', async () => {
    const observations = createObservations({ scripts: world.scripts, reportMs: 10_000 });
    const observer = { id: 'o1', process: 'host/9', name: 'host/9 planner' };
    await observations.report(observer, new Map([['n2', { what: 'silent', forMs: 40_000, looks: 20 }]]));
    const { waiting } = await get<{ waiting: { sinceMs: number } }>('/v1/moves/p1-0');
    expect(waiting).toMatchObject({
      reason: 'miroir_node_unreachable',
      text: 'miroir_node_unreachable: n2: no answer, as seen by host/9 planner',
      unblock: expect.stringContaining('`miroir node fail n2`') as string,
    });
    expect((await world.records.nowMs()) - waiting.sinceMs).toBeGreaterThanOrEqual(40_000);
    await observations.withdraw(observer);
    expect(await get('/v1/moves/p1-0')).toMatchObject({ waiting: { reason: 'at_work' } });
  });

  it('is explained by its nodes, its route and its routers; and so is a shard', async () => {
    expect(await get('/v1/moves/p1-1/explain')).toMatchObject({
      id: 'p1-1',
      waiting: { reason: 'barrier' },
      route: { state: 'tracking', owners: ['n1'] },
      nodes: [
        { node: 'n1', role: 'source', movesOut: 2, unreachable: expect.stringContaining('n1') as string },
        { node: 'n2', role: 'target', movesIn: 2, oldestTask: null },
      ],
      places: MOVES_PER_NODE,
      routers: [],
    });
    const { decisions, ...shard } = await get<{ decisions: Record<string, unknown>[] }>(
      '/v1/indexes/books/shards/1/explain',
    );
    expect(shard).toMatchObject({ route: { move: 'p1-1' }, moves: [{ id: 'p1-1' }] });
    const said = decisions.map(
      ({ node, decider, decision }) => `${String(node)} ${String(decider)} ${String(decision)}`,
    );
    expect(said).toEqual(
      expect.arrayContaining(['n1 copy yes', 'n2 copy no', 'n1 reach no', 'n2 places throttle', 'n1 places yes']),
    );
    const none = await askApi(api.apiUrl, { path: '/v1/indexes/books/shards/6/explain' });
    expect([none.status, apiCode(none)]).toEqual([400, 'miroir_invalid_input']);
  });
});

describe('the report of a plan', () => {
  it('tells of one that runs what is known so far, and of none that there is not', async () => {
    const report = await get<{ moves: unknown[] }>('/v1/plans/p1/report');
    expect(report).toMatchObject({
      id: 'p1',
      why: 'a test',
      isSettled: false,
      predicted: null,
      totals: { moves: 6, settled: 0, byReason: { balance: 6 }, longestWriteWaitMs: null },
    });
    expect(report.moves).toHaveLength(6);
    const none = await askApi(api.apiUrl, { path: '/v1/plans/p-1/report' });
    expect([none.status, apiCode(none)]).toEqual([404, 'miroir_plan_unknown']);
    expect(await get('/v1/throughput')).toEqual({ bucketMs: 5_000, results: [] });
    expect(await get('/v1/plans/p1')).toMatchObject({ progress: { etaSeconds: null, stalledMs: null } });
  });
});

describe('/openapi.json', () => {
  interface Media {
    readonly content?: Record<string, { readonly schema?: unknown; readonly example?: unknown }>;
  }
  interface Operation {
    readonly summary?: string;
    readonly description?: string;
    readonly requestBody?: Media;
    readonly responses: Record<string, Media>;
  }

  it('has every route, each with what it is for, its key, an answer by example, and errors', async () => {
    const docs = await readFile(join(import.meta.dirname, '../../docs/api.md'), 'utf8');
    const { paths } = await get<{ paths: Record<string, Record<string, Operation>> }>('/openapi.json');
    expect(Object.keys(paths)).toContain('/v1/moves/{id}');
    expect(Object.keys(paths).filter((path) => !/^\/(?:v1|_miroir)\//.test(path))).toEqual([]);
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, { summary, description, requestBody, responses }] of Object.entries(operations)) {
        const name = `${method.toUpperCase()} ${path}`;
        expect(docs, `docs/api.md has no ${name}`).toContain(`\`${name}\``);
        expect(summary?.length ?? 0, name).toBeGreaterThan(5);
        expect(description, name).toMatch(/scope `(?:read|plan|operate|admin)`/);
        expect(Object.keys(responses), name).toContain('default');
        for (const { content = {} } of [...Object.values(responses), ...(requestBody ? [requestBody] : [])]) {
          for (const { schema, example } of Object.values(content)) {
            expect(schema, name).toBeDefined();
            expect(example, name).toBeDefined();
          }
        }
      }
    }
  });
});
