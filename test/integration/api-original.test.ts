// The original's admin routes over real HTTP with a real planner: its fields, and the status that each case has.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { type Running, startApi } from '../../src/service.ts';
import { type ApiAnswered, apiCode, askApi, JSON_BODY, apiSettings } from '../support/api.ts';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';

let fleet: PlanningFleet;
let api: Running & { readonly apiUrl: string };

const send = (method: string, path: string, body?: unknown): Promise<ApiAnswered> =>
  askApi(api.apiUrl, {
    method,
    path: `/_miroir${path}`,
    ...(body === undefined ? {} : { headers: JSON_BODY, body: JSON.stringify(body) }),
  });
const json = ({ text }: ApiAnswered): unknown => JSON.parse(text);

beforeAll(async () => {
  fleet = await startPlanningFleet(4);
  api = await startApi(loadConfig(apiSettings(fleet.redis.url)));
}, 60_000);
afterAll(async () => {
  await api.close();
  await fleet.stop();
});
beforeEach(async () => {
  await fleet.reset(2);
  await fleet.createIndex('cities', 4);
  await fleet.startPlanner().worker.leading;
});

describe('/_miroir', () => {
  it('shows topology and shards', async () => {
    const topology = json(await send('GET', '/topology')) as { nodes: unknown[] };
    expect(topology).toMatchObject({
      shards: 4,
      replication_factor: 1,
      degraded_node_count: 0,
      rebalance_in_progress: false,
      fully_covered: true,
    });
    expect(topology.nodes[0]).toMatchObject({
      id: 'n1',
      address: fleet.url('n1'),
      status: 'active',
      last_seen_ms: null,
    });
    const { shards } = json(await send('GET', '/shards')) as { shards: Record<string, string[]> };
    expect(Object.keys(shards)).toEqual(['0', '1', '2', '3']);
    await fleet.createIndex('people', 1);
    expect(apiCode(await send('GET', '/shards'))).toBe('miroir_invalid_input');
    expect(json(await send('GET', '/shards?index_uid=people'))).toMatchObject({
      shards: { '0': [expect.any(String)] },
    });
    expect((await send('GET', '/ready')).status).toBe(200);
    expect((await send('GET', '/metrics')).text).toContain('miroir_rebalance_in_progress');
  });

  it('a node comes, is drained, and goes only when it owns nothing', async () => {
    const node = { id: 'n3', address: fleet.url('n3'), replica_group: 0 };
    const added = await send('POST', '/nodes', node);
    expect([added.status, json(added)]).toEqual([
      202,
      { miroir_task_id: expect.stringMatching(/^p/), node_id: 'n3', replica_group: 0, status: 'accepted' },
    ]);
    const status = json(await send('GET', '/rebalance/status')) as { phases: unknown[] };
    expect(status).toMatchObject({ in_progress: true, triggered_by: 'NodeAdded n3', metrics: { completed_jobs: 0 } });
    expect(status.phases[0]).toMatchObject({ state: 'Idle', destination: 'n3', pct_complete: 0 });
    for (const address of [node.address, fleet.url('n4')]) {
      const again = await send('POST', '/nodes', { ...node, address });
      expect([again.status, apiCode(again)]).toEqual([409, 'miroir_node_conflict']);
    }
    const early = await send('DELETE', '/nodes/n1', { force: true });
    expect([early.status, apiCode(early)]).toEqual([409, 'miroir_node_not_drained']);
    const drained = await send('POST', '/nodes/n1/drain', {});
    expect([drained.status, json(drained)]).toMatchObject([202, { node_id: 'n1', status: 'draining' }]);
    expect((await send('DELETE', '/nodes/n1')).status).toBe(409);
    const failed = await send('POST', '/nodes/n3/fail', {});
    expect([failed.status, json(failed)]).toEqual([
      200,
      { node_id: 'n3', replica_group: 0, message: 'node n3 has failed' },
    ]);
    expect((await send('POST', '/nodes/n3/recover', {})).status).toBe(200);
  });

  it('plans again what is asked, and says when there is nothing to do', async () => {
    const noop = await send('POST', '/rebalance', { index_uid: 'cities', reason: 'a look' });
    expect([noop.status, json(noop)]).toMatchObject([200, { status: 'noop' }]);
    expect(apiCode(await send('POST', '/rebalance', { index_uid: 'nope' }))).toBe('miroir_index_unknown');
    expect(json(await send('GET', '/rebalance/status'))).toMatchObject({ in_progress: false, operation_id: null });
  });

  it('a replica group comes, and is not read before it is equal', async () => {
    const nodes = ['n3'].map((id) => ({ id, address: fleet.url(id) }));
    const added = await send('POST', '/replica_groups', { group_id: 1, nodes });
    expect(added.status, added.text).toBe(202);
    expect(json(added)).toMatchObject({ addition_id: 'group-1', group_id: 1 });
    const status = json(await send('GET', '/replica_groups/1/status'));
    expect(status).toMatchObject({ group_id: 1, progress_percent: 0, shards: { total: 4, complete: 0 } });
    const early = await send('POST', '/replica_groups/1/activate', {});
    expect([early.status, apiCode(early)]).toEqual([412, 'miroir_group_not_ready']);
    const draining = await send('DELETE', '/replica_groups/1', { force: true });
    expect([draining.status, json(draining)]).toMatchObject([200, { group_id: 1, phase: 'draining' }]);
    expect((await send('DELETE', '/replica_groups/0', {})).status).toBe(409);
  });

  it.each([
    ['POST', '/nodes', { id: 'n3' }, 400, 'miroir_invalid_input'],
    ['POST', '/nodes', { id: 'n3', address: 'http://n3:1', replica_group: 9 }, 404, 'miroir_group_unknown'],
    ['POST', '/nodes', { id: 'n3', address: 'http://n3:1', replica_group: 0 }, 400, 'miroir_node_origin'],
    ['POST', '/nodes/n9/drain', {}, 404, 'miroir_node_unknown'],
    ['DELETE', '/nodes/n9', undefined, 404, 'miroir_node_unknown'],
    ['GET', '/replica_groups/9/status', undefined, 404, 'miroir_group_unknown'],
    ['POST', '/indexes/cities/reshard', {}, 404, 'miroir_route_unknown'],
  ])('%s %s %j: %i', async (method, path, body, status, code) => {
    const answer = await send(method, path, body);
    expect([answer.status, apiCode(answer)], answer.text).toEqual([status, code]);
  });
});
