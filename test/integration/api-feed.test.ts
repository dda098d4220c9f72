// The audit stream over server-sent events: nothing is missed over a reconnect, one reader serves all, the slow are cut off.
import { request, type IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isAfter } from '../../src/api/feed.ts';
import { loadConfig } from '../../src/config.ts';
import { type Control, openControl, type Running, startApi } from '../../src/service.ts';
import { connect } from '../../src/redis/connection.ts';
import { apiCode, askApi, apiSettings } from '../support/api.ts';
import { said } from '../support/observed.ts';
import { withRedis } from '../support/redis.ts';
import { untilTrue } from '../support/until.ts';

const redis = withRedis();
let api: Running & { readonly apiUrl: string };
let control: Control;

interface Watching {
  readonly response: IncomingMessage;
  readonly text: () => string;
  readonly isOver: () => boolean;
}
const open: Watching[] = [];

const watch = (lastId?: string, query = ''): Promise<Watching> =>
  new Promise((resolve, reject) => {
    const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
    request(`${api.apiUrl}/v1/events${query}`, { headers }, (response) => {
      let text = '';
      let isOver = false;
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('close', () => (isOver = true)).on('error', () => (isOver = true));
      const watching = { response, text: () => text, isOver: () => isOver };
      open.push(watching);
      resolve(watching);
    })
      .on('error', reject)
      .end();
  });
const seen = ({ text }: Watching): { id: string; n: number }[] =>
  [...text().matchAll(/^id: (.+)\ndata: (.+)\n\n/gm)].map(([, id = '', data = '']) => ({
    id,
    n: Number((JSON.parse(data) as { n: string }).n),
  }));
const numbers = (watching: Watching): number[] => seen(watching).map(({ n }) => n);
const note = (n: number): Promise<void> => control.audit.note({ what: 'test', n: String(n) });

beforeAll(async () => {
  const config = loadConfig(apiSettings(redis.url));
  api = await startApi(config);
  control = await openControl(config);
});
afterEach(() => {
  for (const { response } of open.splice(0)) response.destroy();
});
afterAll(async () => {
  await control.close();
  await api.close();
});

describe('GET /v1/events', () => {
  it('tells what comes, and goes on where somebody was cut off', async () => {
    await note(1);
    const first = await watch();
    expect(first.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'x-content-type-options': 'nosniff',
    });
    await note(2);
    await untilTrue(() => numbers(first).length === 1);
    expect(numbers(first)).toEqual([2]);
    const last = seen(first)[0]?.id;
    first.response.destroy();
    for (let n = 3; n < 500; n += 1) await note(n);
    const again = await watch(last);
    await note(500);
    await untilTrue(() => numbers(again).at(-1) === 500);
    expect(numbers(again)).toEqual(Array.from({ length: 498 }, (_, at) => at + 3));
  });

  it('misses nothing and tells nothing twice while entries come all the time', async () => {
    const from = await control.audit.newest();
    let n = 0;
    const writing = (async () => {
      for (; n < 1_500; n += 1) await note(n);
    })();
    const watchers = [];
    for (let at = 0; at < 5; at += 1) watchers.push(await watch(from));
    await writing;
    for (const watching of watchers) {
      await untilTrue(() => numbers(watching).length >= 1_500);
      expect(numbers(watching)).toEqual(Array.from({ length: 1_500 }, (_, at) => at));
    }
    const connection = connect({
      url: redis.url,
      kind: 'queue',
      logger: said().logger,
    });
    const clients = String(await connection.client('LIST'));
    connection.disconnect();
    expect(clients.match(/cmd=xread /g)).toHaveLength(1);
  });

  it('cuts off who does not read', async () => {
    const slow = await watch();
    const quick = await watch();
    slow.response.pause();
    const text = 'x'.repeat(50_000);
    for (let at = 0; at < 300; at += 1) await control.audit.note({ what: 'test', n: String(at), text });
    await untilTrue(() => numbers(quick).length === 300);
    slow.response.resume();
    await untilTrue(() => slow.isOver());
    expect(numbers(slow).length).toBeLessThan(300);
    expect(quick.isOver()).toBe(false);
  });

  it('tells only of the plan, node or index that is asked for, what is kept and what comes', async () => {
    const from = await control.audit.newest();
    const about = async (n: number, fields: Record<string, string>): Promise<void> =>
      control.audit.note({ what: 'test', n: String(n), ...fields });
    await about(1, { plan: 'p1', node: 'n1', index: 'cities' });
    await about(2, { plan: 'p2', node: 'n2', index: 'films' });
    const queries = ['?plan=p1', '?node=n2', '?index=cities', '?plan=p1&node=n2'];
    const watching = await Promise.all(queries.map((query) => watch(from, query)));
    const all = await watch(from);
    await about(3, { plan: 'p2', node: 'n2', index: 'films' });
    await about(4, { move: 'p1-0-0-aa' });
    await about(5, { plan: 'p1', node: 'n1', index: 'cities' });
    await untilTrue(() => numbers(all).length === 5 && watching.slice(0, 3).every((one) => numbers(one).length >= 2));
    await untilTrue(() => numbers(watching[2]!).at(-1) === 5);
    expect(watching.map(numbers)).toEqual([[1, 4, 5], [2, 3], [1, 5], []]);
    for (const [query, named] of [
      ['?plan=films', 'plan'],
      ['?node=n%201', 'node'],
      ['?index=*', 'index'],
      ['?colour=red', 'colour'],
    ] as const) {
      const wrong = await askApi(api.apiUrl, { path: `/v1/events${query}` });
      expect([wrong.status, apiCode(wrong)]).toEqual([400, 'miroir_invalid_input']);
      expect((JSON.parse(wrong.text) as { message: string }).message).toContain(named);
    }
  });

  it('refuses what is no id, and serves only so many', async () => {
    const wrong = await askApi(api.apiUrl, { path: '/v1/events', headers: { 'last-event-id': '$' } });
    expect([wrong.status, apiCode(wrong)]).toEqual([400, 'miroir_invalid_input']);
    await Promise.all(Array.from({ length: 100 }, () => watch()));
    const full = await askApi(api.apiUrl, { path: '/v1/events' });
    expect([full.status, apiCode(full), full.headers['retry-after']]).toEqual([503, 'miroir_overloaded', '1']);
  });
});

it.each([
  ['2-0', '1-9', true],
  ['10-0', '9-0', true],
  ['1-10', '1-9', true],
  ['1-1', '1-1', false],
  ['1-0', '1-1', false],
])('%s is after %s: %s', (one, other, expected) => {
  expect(isAfter(one, other)).toBe(expected);
});
