// What is changed through the control API, over real HTTP with a real planner: accepted, followed, refused, and by whom.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newApiKey } from '../../src/api/keys.ts';
import { loadConfig } from '../../src/config.ts';
import { type Control, openControl, type Running, startApi } from '../../src/service.ts';
import { type ApiAnswered, apiCode, askApi, JSON_BODY, apiSettings } from '../support/api.ts';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';
import { untilTrue } from '../support/until.ts';

const operator = newApiKey({ name: 'ci-bot', scope: 'operate' });
const admin = newApiKey({ name: 'root', scope: 'admin' });
const planner = newApiKey({ name: 'planner', scope: 'plan' });
let fleet: PlanningFleet;
let api: Running & { readonly apiUrl: string };
let control: Control;
let dir: string;

/** DELETE has no body. */
const send = (
  key: string,
  [method, path]: readonly [method: string, path: string],
  body: unknown = {},
  headers: Record<string, string> = {},
): Promise<ApiAnswered> =>
  askApi(api.apiUrl, {
    method,
    path,
    headers: { authorization: `Bearer ${key}`, ...(method === 'POST' ? JSON_BODY : {}), ...headers },
    ...(method === 'POST' ? { body: JSON.stringify(body) } : {}),
  });
const json = ({ text }: ApiAnswered): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
async function ended(answer: ApiAnswered): Promise<Record<string, unknown>> {
  expect(answer.status, answer.text).toBe(202);
  const location = answer.headers.location ?? '';
  let seen: Record<string, unknown> = {};
  await untilTrue(async () => {
    seen = json(await send(planner.key, ['GET', location]));
    return seen['state'] !== 'waiting';
  });
  return seen;
}

beforeAll(async () => {
  fleet = await startPlanningFleet(3);
  control = await openControl(fleet.config);
  dir = await mkdtemp(join(tmpdir(), 'miroir-api-'));
  const file = join(dir, 'keys.json');
  await writeFile(file, JSON.stringify([operator, admin, planner].map(({ entry }) => entry)));
  api = await startApi({
    ...fleet.config,
    ...loadConfig({
      ...apiSettings(fleet.redis.url),
      MIROIR_API_KEYS_FILE: file,
    }),
  });
}, 60_000);
afterAll(async () => {
  await api.close();
  await control.close();
  await fleet.stop();
  await rm(dir, { recursive: true });
});
beforeEach(async () => {
  await fleet.reset(2);
});

describe('a change of nodes', () => {
  it('is accepted, says where it is followed, and what it came to', async () => {
    await fleet.createIndex('cities', 8);
    await fleet.startPlanner().worker.leading;
    const added = await send(operator.key, ['POST', '/v1/nodes'], { node_id: 'n3', url: fleet.url('n3') });
    const seen = await ended(added);
    expect(seen).toMatchObject({ state: 'planned', error: null, outcome: { change: 'changed', blocked: 0 } });
    const { plan } = seen['outcome'] as { plan: string };
    expect(json(await send(planner.key, ['GET', `/v1/plans/${plan}`]))).toMatchObject({ why: 'NodeAdded n3' });
    const repeated = await ended(
      await send(operator.key, ['POST', '/v1/events'], { name: 'NodeAdded', data: { node_id: 'n3' } }),
    );
    expect(repeated).toMatchObject({ outcome: { change: 'repeated', plan } });
  });

  it('shows what it was refused with', async () => {
    await fleet.startPlanner().worker.leading;
    const seen = await ended(await send(operator.key, ['POST', '/v1/nodes/n9/drain']));
    expect(seen).toMatchObject({ state: 'refused', outcome: null, error: { code: 'miroir_node_unknown' } });
    const removed = await send(admin.key, ['DELETE', '/v1/nodes/n1']);
    expect([removed.status, apiCode(removed)]).toEqual([409, 'miroir_node_not_drained']);
    const lost = await ended(await send(operator.key, ['POST', '/v1/nodes/n2/fail'], { repair_now: true }));
    expect(lost).toMatchObject({ state: 'planned' });
    expect((await send(admin.key, ['DELETE', '/v1/nodes/n2'])).status).toBe(200);
  });

  it('is sent once by one key of its own', async () => {
    const once = { 'idempotency-key': 'e2a4' };
    const answers = [];
    for (let time = 0; time < 2; time += 1)
      answers.push(await send(operator.key, ['POST', '/v1/nodes/n1/drain'], {}, once));
    expect(answers[1]?.headers.location).toBe(answers[0]?.headers.location);
    expect(await fleet.events.count()).toBe(1);
    const other = await send(operator.key, ['POST', '/v1/nodes/n2/drain'], {}, once);
    expect([other.status, apiCode(other)]).toEqual([409, 'miroir_idempotency']);
  });

  it('a plan is applied once by one key of its own, and answered as then, whatever has changed through it', async () => {
    await fleet.createIndex('cities', 8);
    const planOf = async (node: string): Promise<string> =>
      (json(await send(planner.key, ['POST', '/v1/plans'], { add: [], drain: [node] })) as { id: string }).id;
    const [plan, another] = [await planOf('n1'), await planOf('n2')];
    const once = { 'idempotency-key': 'f3b5', 'if-match': '"1"' };
    const apply = (id: string, headers: Record<string, string> = once) =>
      send(operator.key, ['POST', `/v1/plans/${id}/apply`], {}, headers);
    const stale = await apply(plan, { ...once, 'if-match': '"2"' });
    expect([stale.status, apiCode(stale)]).toEqual([412, 'miroir_stale_version']);
    const first = await apply(plan);
    expect([first.status, json(first)]).toEqual([202, { id: plan, state: 'waiting' }]);
    const other = await apply(another);
    expect([other.status, apiCode(other)]).toEqual([409, 'miroir_idempotency']);
    expect(await fleet.events.count()).toBe(1);
    await fleet.startPlanner().worker.leading;
    await ended(first);
    const again = await apply(plan);
    expect([again.status, again.text, again.headers.location]).toEqual([202, first.text, first.headers.location]);
    // One that is there already stands for its key, too.
    const anew = { 'idempotency-key': 'f3b6' };
    expect((await apply(plan, anew)).status).toBe(202);
    expect(apiCode(await apply(another, anew))).toBe('miroir_idempotency');
  });

  it('is refused when the topology is another than it was decided by', async () => {
    const fits = await send(operator.key, ['POST', '/v1/nodes/n1/drain'], {}, { 'if-match': '"1"' });
    expect(fits.status).toBe(202);
    const stale = await send(operator.key, ['POST', '/v1/nodes/n1/drain'], {}, { 'if-match': '"2"' });
    expect([stale.status, apiCode(stale)]).toEqual([412, 'miroir_stale_version']);
    const wrong = await send(operator.key, ['POST', '/v1/nodes/n1/drain'], {}, { 'if-match': 'now' });
    expect([wrong.status, apiCode(wrong)]).toEqual([400, 'miroir_invalid_input']);
  });
});

describe('every change', () => {
  interface Described {
    readonly parameters?: readonly { readonly in: string; readonly name: string }[];
    readonly requestBody?: {
      readonly content: { readonly 'application/json': { example?: unknown } };
    };
  }
  const path = (template: string): string =>
    template
      .replace('{replica_group}', '0')
      .replace('{shard}', '0')
      .replace(/\{\w+\}/g, 'n1');

  it('heeds If-Match, or refuses it by name; and takes no empty key for none', async () => {
    const spec = json(await send(admin.key, ['GET', '/openapi.json'])) as {
      paths: Record<string, Record<string, Described>>;
    };
    const changes = Object.entries(spec.paths).flatMap(([template, methods]) =>
      Object.entries(methods).flatMap(([method, described]) =>
        method === 'get' ? [] : [{ template, method, described }],
      ),
    );
    expect(changes.length).toBeGreaterThan(25);
    const heeding: string[] = [];
    for (const { template, method, described } of changes) {
      const name = `${method.toUpperCase()} ${template}`;
      const body = described.requestBody?.content['application/json'].example;
      const ask = (headers: Record<string, string>): Promise<ApiAnswered> =>
        askApi(api.apiUrl, {
          method: method.toUpperCase(),
          path: path(template),
          headers: { authorization: `Bearer ${admin.key}`, ...(method === 'delete' ? {} : JSON_BODY), ...headers },
          ...(method === 'delete' ? {} : { body: JSON.stringify(body ?? {}) }),
        });
      const isHeeded = described.parameters?.some((one) => one.in === 'header' && one.name === 'if-match') ?? false;
      if (isHeeded) heeding.push(name);
      const answer = await ask({ 'if-match': '"999"' });
      expect([answer.status, apiCode(answer)], `${name}: ${answer.text}`).toEqual(
        isHeeded ? [412, 'miroir_stale_version'] : [400, 'miroir_invalid_input'],
      );
      expect(isHeeded || answer.text.includes('If-Match'), name).toBe(true);
      const keyless = await ask({ 'idempotency-key': '' });
      expect([keyless.status, json(keyless)['message']], name).toEqual([400, 'Idempotency-Key: it is empty']);
    }
    expect(heeding).toContain('POST /v1/nodes/{node_id}/drain');
    expect(await fleet.events.count()).toBe(0);
  });
});

describe('other changes', () => {
  it('an index is created, once', async () => {
    const wanted = { uid: 'pages', shards: 4, searchableAttributes: ['title'] };
    const made = await send(operator.key, ['POST', '/v1/indexes'], wanted);
    expect([made.status, made.headers.location]).toEqual([201, '/v1/indexes/pages']);
    expect(json(made)).toEqual({ uid: 'pages', primaryKey: 'id', shards: 4, replicationFactor: 1, groups: [0] });
    expect(apiCode(await send(operator.key, ['POST', '/v1/indexes'], wanted))).toBe('miroir_index_conflict');
    const thawed = await send(admin.key, ['POST', '/v1/indexes/pages/settings/thaw']);
    expect(json(thawed)).toEqual({ thawed: false });
  });

  it('an index is deleted: out of the registry at once, off its nodes by and by', async () => {
    await send(operator.key, ['POST', '/v1/indexes'], { uid: 'gone', shards: 2 });
    const seen = await send(planner.key, ['GET', '/v1/indexes/gone/deletion']);
    expect(json(seen)).toMatchObject({ state: 'registered', shards: 2 });
    expect(apiCode(await send(operator.key, ['DELETE', '/v1/indexes/gone']))).toBe('miroir_key_scope');
    const deleted = await send(admin.key, ['DELETE', '/v1/indexes/gone']);
    expect([deleted.status, deleted.headers.location]).toEqual([202, '/v1/indexes/gone/deletion']);
    expect(json(deleted)).toMatchObject({ index: 'gone', state: 'deleting' });
    expect(apiCode(await send(admin.key, ['GET', '/v1/indexes/gone']))).toBe('miroir_index_unknown');
    expect(json(await send(planner.key, ['GET', '/v1/indexes/gone/deletion']))).toEqual(json(deleted));
    // Nobody creates one of that name before its nodes have been told.
    expect((await send(admin.key, ['DELETE', '/v1/indexes/gone'])).status).toBe(202);
    expect(apiCode(await send(admin.key, ['DELETE', '/v1/indexes/never']))).toBe('miroir_index_unknown');
    const entries = (await control.audit.after('0-0', 100)).map(({ fields }) => fields);
    expect(entries).toContainEqual({ what: 'asked', verb: 'index delete', actor: 'key:root', index: 'gone' });
  });

  it('a pass of anti-entropy is wished for', async () => {
    expect((await send(operator.key, ['POST', '/v1/anti-entropy'])).status).toBe(202);
    expect(json(await send(planner.key, ['GET', '/v1/anti-entropy']))).toEqual({ results: [] });
  });

  it.each([
    [['POST', '/v1/events'], { name: 'NodeGone', data: {} }, 400, 'miroir_unknown_event'],
    [['POST', '/v1/events'], { name: 'NodeAdded', data: { node_id: 'n 1' } }, 400, 'miroir_invalid_input'],
    [['POST', '/v1/events'], { name: 'NodeAdded' }, 400, 'miroir_invalid_input'],
    [['POST', '/v1/nodes'], { node_id: 'n3', url: 'http://a/b' }, 400, 'miroir_invalid_input'],
    [['POST', '/v1/nodes'], { node_id: 'n3', colour: 'red' }, 400, 'miroir_invalid_input'],
    [['POST', '/v1/indexes'], { uid: 'a b' }, 400, 'miroir_invalid_input'],
    [['POST', '/v1/groups/x/drain'], {}, 400, 'miroir_invalid_input'],
    [['GET', '/v1/events/no-such'], {}, 404, 'miroir_event_unknown'],
    [['GET', '/v1/groups/7'], {}, 404, 'miroir_group_unknown'],
    [['GET', '/v1/moves/p1-0/loss'], {}, 404, 'miroir_move_unknown'],
    [['POST', '/v1/moves/p1-0/revert'], {}, 404, 'miroir_move_unknown'],
    [['POST', '/v1/indexes/nope/thaw'], { shard: null }, 404, 'miroir_index_unknown'],
  ] as const)('%j %j: %i', async (route, body, status, code) => {
    const answer = await send(admin.key, route, body);
    expect([answer.status, apiCode(answer)], answer.text).toEqual([status, code]);
    expect(await fleet.events.count()).toBe(0);
  });

  it.each([
    ['plan', ['POST', '/v1/events']],
    ['plan', ['POST', '/v1/indexes']],
    ['operate', ['DELETE', '/v1/nodes/n1']],
    ['operate', ['DELETE', '/v1/groups/0']],
    ['operate', ['POST', '/v1/moves/p1-0/accept-loss']],
    ['operate', ['POST', '/v1/indexes/pages/thaw']],
  ] as const)('a key that may %s is refused: %j', async (scope, route) => {
    const answer = await send((scope === 'plan' ? planner : operator).key, route);
    expect([answer.status, apiCode(answer)]).toEqual([403, 'miroir_key_scope']);
  });

  it('are in the audit stream with the key’s name', async () => {
    await send(operator.key, ['POST', '/v1/nodes/n1/drain']);
    await send(admin.key, ['POST', '/v1/indexes/nope/settings/thaw']);
    const entries = await control.audit.after('0-0', 100);
    const verbs = entries.map(({ fields }) => fields).filter(({ what }) => what === 'asked' || what === 'refused');
    expect(verbs.map(({ actor, verb, code }) => [actor, verb, code])).toEqual([
      ['key:ci-bot', 'event send', undefined],
      ['key:root', 'settings thaw', undefined],
      ['key:root', 'settings thaw', 'miroir_index_unknown'],
    ]);
  });
});
