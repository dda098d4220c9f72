// Settings of an index on all its nodes: the original's seven tests by name, against real HTTP nodes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SettingsScene } from '../support/settings.ts';
import { untilTrue } from '../support/until.ts';

let scene: SettingsScene;
beforeAll(async () => {
  scene = await SettingsScene.open();
}, 60_000);
afterAll(() => scene.close());

const nodes = ['n1', 'n2', 'n3'];

describe('settings broadcast acceptance', () => {
  it('1 normal: proposed, verified on every node, committed once', async () => {
    await scene.index('normal');
    expect(await scene.record('normal')).toMatchObject({ version: 0, desired: null, broadcast: null });
    await scene.node('n1').pause();
    const answer = await scene.change('normal', { stopWords: ['the', 'a'] });
    expect(answer).toMatchObject({ status: 202, body: { type: 'settingsUpdate', status: 'enqueued' } });
    const { broadcast } = await scene.record('normal');
    expect(broadcast?.status).toMatchObject({ index: 'normal', phase: 'Verify', verify_ok: false, error: null });
    expect(Object.keys(broadcast?.status.node_task_uids ?? {}).sort()).toEqual(nodes);
    expect((await scene.calls.task(answer)).status).toBe('processing');
    expect((await scene.search('normal')).headers).toMatchObject({
      'x-miroir-settings-version': '0',
      'x-miroir-settings-inconsistent': 'true',
    });
    await scene.node('n1').resume();
    expect(await scene.calls.ended(answer)).toMatchObject({
      status: 'succeeded',
      details: { stopWords: ['a', 'the'] },
    });
    const kept = await scene.record('normal');
    expect(kept).toMatchObject({ version: 1, nodeVersions: { n1: 1, n2: 1, n3: 1 }, broadcast: null, frozen: null });
    expect(kept.desired?.settings['stopWords']).toEqual(['a', 'the']);
    expect(await scene.shown('normal', 'stopWords')).toEqual(nodes.map(() => ['a', 'the']));
    await untilTrue(async () => (await scene.search('normal')).headers['x-miroir-settings-version'] === '1');
    expect((await scene.search('normal')).headers).not.toHaveProperty('x-miroir-settings-inconsistent');
  });

  it('2 a node with another hash: divergence, writes frozen, no version used; the next round commits 1', async () => {
    await scene.index('wrong');
    scene.third.distort('{"stopWords":["wrong"]}');
    const task = await scene.changed('wrong', { stopWords: ['a'] });
    expect(task).toMatchObject({ status: 'failed', error: { code: 'miroir_settings_divergence' } });
    expect(task.error?.message).toContain('hash mismatch on n3');
    expect(await scene.record('wrong')).toMatchObject({ version: 0, broadcast: null });
    expect((await scene.record('wrong')).frozen).toContain('hash mismatch');
    // The others are set back.
    expect(await scene.shown('wrong', 'stopWords')).toEqual([[], [], ['wrong']]);
    await untilTrue(async () => (await scene.calls.put('wrong', [{ id: 1 }])).status === 503);
    const refused = await scene.calls.put('wrong', [{ id: 1 }]);
    expect(refused).toMatchObject({ body: { code: 'miroir_settings_divergence', type: 'system' } });
    expect(refused.headers['retry-after']).toBe('1');
    expect((await scene.search('wrong')).status).toBe(200);

    scene.third.distort(null);
    expect(await scene.changed('wrong', { stopWords: ['a'] })).toMatchObject({ status: 'succeeded' });
    expect(await scene.record('wrong')).toMatchObject({ version: 1, frozen: null });
    await untilTrue(async () => (await scene.calls.put('wrong', [{ id: 1 }])).status === 202);
  }, 40_000);

  it('retry: a node that shows them the second time commits, and uses up one version', async () => {
    await scene.index('again');
    scene.third.distort('{"stopWords":["wrong"]}');
    const answer = await scene.change('again', { stopWords: ['a'] });
    scene.third.distort(null);
    expect((await scene.calls.ended(answer)).status).toBe('succeeded');
    expect(await scene.record('again')).toMatchObject({ version: 1, frozen: null });
    expect(await scene.shown('again', 'stopWords')).toEqual(nodes.map(() => ['a']));
    expect(await scene.fleet.base.metrics.registry.metrics()).toMatch(/miroir_settings_hash_mismatch_total [1-9]/);
  });

  it('3 drift: what was changed past us is measured against what is desired, and repaired', async () => {
    await scene.index('drift');
    await scene.changed('drift', { rankingRules: ['words', 'typo', 'sort'] });
    const desired = (await scene.record('drift')).desired?.fingerprint;
    // A majority of two has drifted.
    for (const id of ['n1', 'n2']) await scene.changeOn(id, 'drift', { rankingRules: ['typo', 'words', 'sort'] });
    const before = await Promise.all(nodes.map((id) => scene.patches(id, 'drift')));
    expect(await scene.duty('settings-drift', 'drift')).toEqual({ nodes: 3, unreachable: 0, drifted: 2, repaired: 2 });
    expect(await scene.shown('drift', 'rankingRules')).toEqual(nodes.map(() => ['words', 'typo', 'sort']));
    const after = await Promise.all(nodes.map((id) => scene.patches(id, 'drift')));
    expect(after.map((count, at) => count - (before[at] ?? 0))).toEqual([1, 1, 0]);
    expect((await scene.record('drift')).desired?.fingerprint).toBe(desired);
    expect(await scene.duty('settings-drift', 'drift')).toMatchObject({ drifted: 0, repaired: 0 });
    const text = await scene.fleet.base.metrics.registry.metrics();
    expect(text).toContain('miroir_settings_drift_repair_total{index="drift",node_id="n1"} 1');
  });

  it('drift on other nodes is found and repaired while one of them still indexes a change', async () => {
    await scene.index('hours');
    await scene.changed('hours', { stopWords: ['desired'] });
    await scene.changeOn('n2', 'hours', { stopWords: ['drifted'] });
    await scene.node('n1').pause();
    await scene.fleet.client('n1').updateSettings('hours', { stopWords: ['past us'] });
    expect(await scene.duty('settings-drift', 'hours')).toEqual({ nodes: 2, unreachable: 1, drifted: 1, repaired: 1 });
    await scene.node('n1').resume();
    await untilTrue(async () => (await scene.duty('settings-drift', 'hours'))['drifted'] === 1);
    expect(await scene.shown('hours', 'stopWords')).toEqual(nodes.map(() => ['desired']));
    // Nor does one wait that others have indexed what they were sent.
    for (const id of nodes) await scene.changeOn(id, 'hours', { stopWords: ['drifted'] });
    for (const id of ['n1', 'n2']) await scene.node(id).pause();
    const looking = scene.duty('settings-drift', 'hours');
    await untilTrue(async () => JSON.stringify((await scene.shown('hours', 'stopWords'))[2]) === '["desired"]');
    expect((await scene.shown('hours', 'stopWords')).slice(0, 2)).toEqual([['drifted'], ['drifted']]);
    for (const id of ['n1', 'n2']) await scene.node(id).resume();
    expect(await looking).toMatchObject({ drifted: 3, repaired: 3 });
  });

  it('4 floor: a round that reaches only two nodes leaves the third behind, and reads may ask for more', async () => {
    await scene.index('floor');
    await scene.changed('floor', { stopWords: ['one'] });
    const { planWriter, base } = scene.fleet;
    const fail = async (state: 'failed' | 'active'): Promise<void> => {
      const { version, nodes: all } = await base.records.topology();
      const node = all.find(({ id }) => id === 'n2');
      if (node !== undefined) {
        await planWriter.commitTopology(version, [{ id: 'n2', node: { ...node, state } }], { why: 'a test' });
      }
    };
    await fail('failed');
    expect(await scene.changed('floor', { stopWords: ['two'] })).toMatchObject({ status: 'succeeded' });
    expect(await scene.record('floor')).toMatchObject({ version: 2, nodeVersions: { n1: 2, n2: 1, n3: 2 } });
    await fail('active');
    await untilTrue(async () => (await scene.search('floor')).headers['x-miroir-settings-version'] === '2');
    expect((await scene.search('floor', 1)).status).toBe(200);
    expect(await scene.search('floor', 2)).toMatchObject({
      status: 503,
      body: { code: 'miroir_settings_version_stale', type: 'system' },
      headers: { 'retry-after': '1' },
    });
    expect((await scene.search('floor', 3)).body['code']).toBe('miroir_settings_version_stale');
    // Back, it gets what has passed it by, and covers its shards for everybody.
    expect(await scene.duty('settings-drift', 'floor')).toMatchObject({ drifted: 1, repaired: 1 });
    expect((await scene.record('floor')).nodeVersions).toMatchObject({ n2: 2 });
    await untilTrue(async () => (await scene.search('floor', 2)).status === 200);
  });

  it('6 the fingerprint does not depend on the order of keys: nothing is sent a second time', async () => {
    await scene.index('keys');
    await scene.changed('keys', { synonyms: { a: ['b'], c: ['d'] }, stopWords: ['x'] });
    const { desired } = await scene.record('keys');
    const before = await scene.patches('n1', 'keys');
    expect(await scene.changed('keys', { stopWords: ['x'], synonyms: { c: ['d'], a: ['b'] } })).toMatchObject({
      status: 'succeeded',
      details: { stopWords: ['x'] },
    });
    expect((await scene.record('keys')).desired?.fingerprint).toBe(desired?.fingerprint);
    expect(await scene.patches('n1', 'keys')).toBe(before);
    expect((await scene.record('keys')).version).toBe(2);
  });

  it('7 the order of arrays changes the fingerprint, and only what differs is sent', async () => {
    await scene.index('arrays');
    await scene.changed('arrays', { rankingRules: ['words', 'typo'] });
    const first = (await scene.record('arrays')).desired?.fingerprint;
    await scene.changeOn('n1', 'arrays', { rankingRules: ['typo', 'words'] });
    const before = await Promise.all(nodes.map((id) => scene.patches(id, 'arrays')));
    await scene.changed('arrays', { rankingRules: ['typo', 'words'] });
    expect((await scene.record('arrays')).desired?.fingerprint).not.toBe(first);
    const after = await Promise.all(nodes.map((id) => scene.patches(id, 'arrays')));
    expect(after.map((count, at) => count - (before[at] ?? 0))).toEqual([0, 1, 1]);
  });
});

describe('one change at a time', () => {
  it('a second one waits a little, then is refused with 409; the first goes on', async () => {
    await scene.index('two');
    await scene.node('n1').pause();
    const first = await scene.change('two', { stopWords: ['a'] });
    const second = await scene.change('two', { stopWords: ['b'] });
    expect(second).toMatchObject({ status: 409, body: { code: 'miroir_settings_in_flight' } });
    const deleted = await scene.calls.router.deleteIndex('two', { signal: new AbortController().signal });
    expect(deleted.status).toBe(409);
    await scene.node('n1').resume();
    expect((await scene.calls.ended(first)).status).toBe('succeeded');
    expect((await scene.record('two')).version).toBe(1);
    expect((await scene.changed('two', { stopWords: ['b'] })).status).toBe('succeeded');
  });

  it('a refusal of one node ends it in that node’s words, and the others are set back', async () => {
    await scene.index('refused');
    const code = 'invalid_settings_stop_words';
    const match = { method: 'PATCH', path: '^/indexes/refused/settings' };
    await scene.node('n2').fault({ match, do: 'status', status: 400, code, message: 'No such words.', times: 1 });
    expect(await scene.change('refused', { stopWords: ['a'] })).toMatchObject({ status: 400, body: { code } });
    await untilTrue(async () => (await scene.record('refused')).broadcast === null);
    expect(await scene.shown('refused', 'stopWords')).toEqual([[], [], []]);
    expect(await scene.record('refused')).toMatchObject({ version: 0, frozen: null });
  });

  it('a task that fails on one node fails the client’s, with that node’s error, and the others are set back', async () => {
    await scene.index('failing');
    await scene.changed('failing', { stopWords: ['before'] });
    const match = { method: 'PATCH', path: '^/indexes/failing/settings' };
    const fault = { match, do: 'fail-task', code: 'no_space_left_on_device', message: 'Full.', times: 1 } as const;
    await scene.node('n1').fault(fault);
    const task = await scene.changed('failing', { stopWords: ['after'] });
    expect(task).toMatchObject({ status: 'failed', error: { code: 'no_space_left_on_device', message: 'Full.' } });
    expect(await scene.shown('failing', 'stopWords')).toEqual(nodes.map(() => ['before']));
    expect(await scene.record('failing')).toMatchObject({ version: 1, frozen: null });
  });

  it('nothing is sent while a node does not answer', async () => {
    await scene.index('silent');
    await scene.node('n2').fault({ match: { path: '^/indexes/silent/settings' }, do: 'status', status: 503 });
    const before = await scene.patches('n1', 'silent');
    expect((await scene.change('silent', { stopWords: ['a'] })).status).toBe(503);
    expect(await scene.patches('n1', 'silent')).toBe(before);
    expect(await scene.duty('settings-drift', 'silent')).toMatchObject({ nodes: 2, unreachable: 1, adopted: false });
    await scene.node('n2').clearFaults();
    expect(await scene.duty('settings-drift', 'silent')).toMatchObject({ unreachable: 0, adopted: true });
    expect((await scene.record('silent')).version).toBe(0);
  });
});
