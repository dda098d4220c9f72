// Settings one node after the other, and nodes that fall silent in the middle.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NodeState } from '../../src/core/topology.ts';
import { keys } from '../../src/redis/keys.ts';
import { SettingsScene } from '../support/settings.ts';
import { untilTrue } from '../support/until.ts';

let scene: SettingsScene;
beforeAll(async () => {
  scene = await SettingsScene.open({
    settings_strategy: 'sequential',
    settings_verify_timeout_s: 1,
    settings_drift_auto_repair: 'false',
  });
}, 60_000);
afterAll(() => scene.close());

it('5 sequential: one node at a time, rolled back when one does not take it', async () => {
  await scene.index('steps');
  const before = await Promise.all(['n1', 'n2', 'n3'].map((id) => scene.patches(id, 'steps')));
  await scene.node('n1').pause();
  const answer = await scene.change('steps', { stopWords: ['a'] });
  expect(answer.status).toBe(202);
  expect(await scene.patches('n2', 'steps')).toBe(before[1]);
  await scene.node('n1').resume();
  expect((await scene.calls.ended(answer)).status).toBe('succeeded');
  const after = await Promise.all(['n1', 'n2', 'n3'].map((id) => scene.patches(id, 'steps')));
  expect(after.map((count, at) => count - (before[at] ?? 0))).toEqual([1, 1, 1]);
  expect((await scene.record('steps')).version).toBe(1);

  scene.third.distort('{"stopWords":["a"],"dictionary":["wrong"]}');
  const failed = await scene.changed('steps', { stopWords: ['b'] });
  scene.third.distort(null);
  expect(failed).toMatchObject({ status: 'failed', error: { code: 'miroir_settings_divergence' } });
  expect((await scene.shown('steps', 'stopWords')).slice(0, 2)).toEqual([['a'], ['a']]);
  expect(await scene.record('steps')).toMatchObject({ version: 1, broadcast: null });
});

it('a node that falls silent ends the change after the timeout, the others are set back, and it is behind', async () => {
  await scene.index('falls');
  await scene.changed('falls', { stopWords: ['before'] });
  await scene.node('n1').pause();
  const answer = await scene.change('falls', { stopWords: ['after'] });
  await scene.node('n3').fault({ match: { path: '^/indexes/falls|^/tasks' }, do: 'status', status: 503 });
  await scene.node('n1').resume();
  expect((await scene.calls.ended(answer)).error?.code).toBe('miroir_node_unreachable');
  expect((await scene.shown('falls', 'stopWords').catch(() => [])).slice(0, 2)).toEqual([]);
  for (const id of ['n1', 'n2']) {
    expect((await scene.fleet.client(id).settings('falls'))['stopWords']).toEqual(['before']);
  }
  expect((await scene.record('falls')).nodeVersions).toEqual({ n1: 1, n2: 1, n3: 0 });
  await scene.node('n3').clearFaults();
  expect(await scene.duty('settings-drift', 'falls')).toMatchObject({ drifted: 0 });
  expect((await scene.record('falls')).nodeVersions).toEqual({ n1: 1, n2: 1, n3: 1 });
}, 30_000);

it('a change whose every owner fails meanwhile is not committed: it waits, and ends with who has failed', async () => {
  await scene.index('gone');
  await scene.changed('gone', { stopWords: ['before'] });
  await scene.node('n1').pause();
  const answer = await scene.change('gone', { stopWords: ['after'] });
  const { redis, records } = scene.fleet.base;
  const { nodes } = await records.topology();
  const store = (state: NodeState): Promise<unknown> =>
    redis.hset(
      keys.topology,
      Object.fromEntries(nodes.map((one) => [`node:${one.id}`, JSON.stringify({ v: 1, ...one, state })])),
    );
  await store('failed');
  await scene.node('n1').resume();
  const ended = await scene.calls.ended(answer);
  await store('active');
  expect(ended.error).toMatchObject({
    code: 'miroir_node_unreachable',
    message: expect.stringContaining('n1: has failed; n2: has failed; n3: has failed'),
  });
  expect(await scene.record('gone')).toMatchObject({
    version: 1,
    frozen: null,
    desired: { settings: { stopWords: ['before'] } },
  });
  expect(await scene.duty('settings-drift', 'gone')).toMatchObject({ nodes: 3, drifted: 1 });
}, 30_000);

it('a reconciler does not wait for ever for a node that indexes: the next round goes on', async () => {
  await scene.index('slow');
  const answer = await scene.leave('slow', { stopWords: ['a'] });
  expect(await scene.duty('settings-broadcast', 'slow')).toEqual({ left: 'nodes have not applied a change yet' });
  expect((await scene.record('slow')).broadcast).not.toBeNull();
  await scene.node('n1').resume();
  expect(await scene.duty('settings-broadcast', 'slow')).toEqual({ resumed: true });
  expect((await scene.calls.task(answer)).status).toBe('succeeded');
}, 40_000);

it('drift is told of and left alone where repairing is off, and reads at its version pass the node by', async () => {
  await scene.index('told');
  await scene.changed('told', { stopWords: ['desired'] });
  await scene.changeOn('n2', 'told', { stopWords: ['drifted'] });
  expect(await scene.duty('settings-drift', 'told')).toMatchObject({ drifted: 1, repaired: 0 });
  expect((await scene.shown('told', 'stopWords'))[1]).toEqual(['drifted']);
  expect((await scene.record('told')).nodeVersions).toMatchObject({ n2: 0 });
  await untilTrue(async () => (await scene.search('told', 1)).body['code'] === 'miroir_settings_version_stale');
});
