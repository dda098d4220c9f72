// Changes of settings beside what goes on in a fleet: processes that die, secrets, moves, nodes that join.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proposed } from '../../src/core/settings-broadcast.ts';
import { RedisUnreachableError } from '../../src/errors.ts';
import { keys, settingsScope } from '../../src/redis/keys.ts';
import { createScripts } from '../../src/redis/scripts.ts';
import { createSettingsRecords } from '../../src/redis/settings.ts';
import { openLeases } from '../../src/service.ts';
import { HandMover } from '../support/hand-mover.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { SettingsScene } from '../support/settings.ts';
import { untilTrue } from '../support/until.ts';

let scene: SettingsScene;
beforeAll(async () => {
  scene = await SettingsScene.open({ embedder_key_open_ai: 'sk-by-name', embedder_key_other: 'sk-other' });
}, 60_000);
afterAll(() => scene.close());

/** Everything that Redis holds, as one text. */
async function everythingIn({ fleet }: SettingsScene): Promise<string> {
  const { redis } = fleet.base;
  const texts: unknown[] = [];
  for (const key of await redis.keys('*')) {
    const type = await redis.type(key);
    if (type === 'hash') texts.push(await redis.hgetall(key));
    if (type === 'string') texts.push(await redis.get(key));
    if (type === 'stream') texts.push(await redis.xrange(key, '-', '+'));
    if (type === 'zset') texts.push(await redis.zrange(key, '0', '-1'));
    if (type === 'list') texts.push(await redis.lrange(key, 0, -1));
  }
  return JSON.stringify(texts);
}

describe('a process that dies in the middle', () => {
  it('is followed by a reconciler, which commits once', async () => {
    await scene.index('left');
    const answer = await scene.leave('left', { stopWords: ['a'] });
    await scene.node('n1').resume();
    expect(await scene.duty('settings-broadcast', 'left')).toEqual({ resumed: true });
    expect(await scene.duty('settings-broadcast', 'left')).toEqual({ resumed: false });
    expect((await scene.record('left')).version).toBe(1);
    expect(await scene.shown('left', 'stopWords')).toEqual([['a'], ['a'], ['a']]);
    const ended = await scene.calls.task(answer);
    expect(ended).toMatchObject({ status: 'succeeded', details: { stopWords: ['a'] } });
  });

  it('is followed by the next router that is asked, where no reconciler runs', async () => {
    await scene.index('next');
    await scene.leave('next', { stopWords: ['a'] });
    await scene.node('n1').resume();
    await untilTrue(async () => (await scene.change('next', { dictionary: ['x'] })).status === 202);
    await untilTrue(async () => (await scene.record('next')).version === 2);
    expect((await scene.record('next')).desired?.settings).toMatchObject({ stopWords: ['a'], dictionary: ['x'] });
  });

  it('is set back where it had been given a key that nobody else knows', async () => {
    await scene.index('own');
    const answer = await scene.leave('own', {
      embedders: { e: { source: 'openAi', apiKey: 'sk-own' } },
      stopWords: ['a'],
    });
    expect(await everythingIn(scene)).not.toContain('sk-own');
    await scene.node('n1').resume();
    expect(await scene.duty('settings-broadcast', 'own')).toEqual({ resumed: true });
    expect(await scene.shown('own', 'stopWords')).toEqual([[], [], []]);
    expect(await scene.shown('own', 'embedders')).toEqual([{}, {}, {}]);
    expect(await scene.record('own')).toMatchObject({ version: 0, frozen: null });
    const ended = await scene.calls.task(answer);
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'miroir_node_task_failed' } });
  });
});

describe('a Redis that is away for a moment', () => {
  /** What is asked of a router one of whose scripts does not come to Redis: its run of that number. */
  async function without(script: string, number: number, act: () => Promise<void>): Promise<void> {
    const { base } = scene.fleet;
    const mine = scene.calls;
    let runs = 0;
    const hit = (point: string, when: 'before' | 'after'): Promise<void> => {
      if (point !== `script:${script}` || when === 'after' || ++runs !== number) return Promise.resolve();
      return Promise.reject(new RedisUnreachableError(`script ${script}: away`));
    };
    const scripts = createScripts(base.redis, { hit });
    const settings = createSettingsRecords({ ...base, auditMaxEntries: 100, scripts });
    scene.calls = await RouterCalls.open({ ...base, scripts, settings });
    try {
      await act();
    } finally {
      await scene.calls.close();
      scene.calls = mine;
    }
  }

  it('while a task is noted: the client has it, and the change is committed', async () => {
    await scene.index('noted');
    await without('settings-step', 2, async () => {
      expect((await scene.changed('noted', { stopWords: ['a'] })).status).toBe('succeeded');
      expect((await scene.changed('noted', { stopWords: ['b'] })).status).toBe('succeeded');
    });
    expect((await scene.record('noted')).version).toBe(2);
  });

  it('while a refused change ends: a reconciler ends it, and another one is taken', async () => {
    await scene.index('refusing');
    await without('settings-end', 1, async () => {
      expect((await scene.change('refusing', { stopWords: 5 })).status).toBe(400);
      expect((await scene.record('refusing')).broadcast).not.toBeNull();
      expect(await scene.duty('settings-broadcast', 'refusing')).toEqual({ resumed: true });
    });
    expect(await scene.record('refusing')).toMatchObject({ broadcast: null, version: 0, frozen: null });
    expect((await scene.changed('refusing', { stopWords: ['b'] })).status).toBe('succeeded');
  });
});

it('a change that came to no node is sent again, and never taken for what nodes make of it', async () => {
  await scene.index('dropped', 1);
  const [owner = ''] = (await scene.fleet.base.records.route('dropped', 0)).route.owners;
  const match = { method: 'PATCH', path: '^/indexes/dropped/settings' };
  await scene.node(owner).fault({ match, do: 'drop-before', times: 1 });
  expect((await scene.changed('dropped', { stopWords: ['a'] })).status).toBe('succeeded');
  expect((await scene.fleet.client(owner).settings('dropped'))['stopWords']).toEqual(['a']);
});

it('a node that falls silent while it is set back is told when it answers, without waiting for drift', async () => {
  await scene.index('silent');
  await scene.changed('silent', { stopWords: ['before'] });
  const match = { method: 'PATCH', path: '^/indexes/silent/settings' };
  for (const id of ['n2', 'n3']) await scene.node(id).fault({ match, do: 'fail-task', times: 1 });
  await scene.node('n2').pause();
  const answer = await scene.change('silent', { stopWords: ['after'] });
  await untilTrue(async () => JSON.stringify(await scene.shown('silent', 'stopWords')).startsWith('[["after"]'));
  // Every try of one request.
  await scene.node('n1').fault({ match: { ...match, method: 'GET' }, do: 'status', status: 503, times: 3 });
  await scene.node('n2').resume();
  expect((await scene.calls.ended(answer)).status).toBe('failed');
  expect(await scene.shown('silent', 'stopWords')).toEqual([['before'], ['before'], ['before']]);
  expect((await scene.record('silent')).nodeVersions).toEqual({ n1: 1, n2: 1, n3: 1 });
}, 30_000);

describe('keys of embedders', () => {
  it('are kept by name, looked up by each process, and given to a node that drifted', async () => {
    await scene.index('named');
    const embedders = { e: { source: 'openAi', apiKey: { ref: 'open-ai' } } };
    expect((await scene.changed('named', { embedders })).status).toBe('succeeded');
    const given = { e: { source: 'openAi', apiKey: 'sk-by-name' } };
    expect(await scene.shown('named', 'embedders')).toMatchObject([given, given, given]);
    expect((await scene.record('named')).desired?.settings['embedders']).toMatchObject(embedders);
    await scene.changeOn('n2', 'named', { embedders: { e: null } });
    expect(await scene.duty('settings-drift', 'named')).toMatchObject({ drifted: 1, repaired: 1 });
    expect(await scene.shown('named', 'embedders')).toMatchObject([given, given, given]);
    expect(await everythingIn(scene)).not.toContain('sk-by-name');
  });

  it('are named otherwise only when every node has the other key, and as before when it is set back', async () => {
    const named = (apiKey: unknown) => ({ embedders: { e: { source: 'openAi', apiKey } } });
    await scene.index('renamed');
    await scene.changed('renamed', named({ ref: 'open-ai' }));
    // The first to be asked does not answer: it is sent the key again.
    const match = { method: 'PATCH', path: '^/indexes/renamed/settings' };
    await scene.node('n1').fault({ match, do: 'drop-before', times: 1 });
    expect((await scene.changed('renamed', named({ ref: 'other' }))).status).toBe('succeeded');
    const other = { e: { apiKey: 'sk-other' } };
    expect(await scene.shown('renamed', 'embedders')).toMatchObject([other, other, other]);
    await scene.node('n2').fault({ match, do: 'fail-task', code: 'internal', message: 'No.', times: 1 });
    expect((await scene.changed('renamed', named({ ref: 'open-ai' }))).status).toBe('failed');
    expect(await scene.shown('renamed', 'embedders')).toMatchObject([other, other, other]);
  });

  it('are refused by a name that nobody here knows, before anything is sent', async () => {
    await scene.index('unknown');
    const before = await scene.patches('n1', 'unknown');
    const answer = await scene.change('unknown', { embedders: { e: { source: 'openAi', apiKey: { ref: 'none' } } } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_settings_embedders' } });
    expect(String(answer.body['message'])).toContain('MIROIR_EMBEDDER_KEY_NONE');
    expect(await scene.patches('n1', 'unknown')).toBe(before);
  });

  it('as text are sent to every node, changed ones too, and kept nowhere', async () => {
    await scene.index('texts');
    for (const apiKey of ['sk-first', 'sk-second']) {
      await scene.changed('texts', { embedders: { e: { source: 'openAi', apiKey } } });
      const given = { e: { apiKey } };
      expect(await scene.shown('texts', 'embedders')).toMatchObject([given, given, given]);
      expect(await everythingIn(scene)).not.toContain(apiKey);
    }
  });
});

describe('changes of settings and moves', () => {
  it('a move that begins while settings are changed waits, and its target has the new ones', async () => {
    const { fleet } = scene;
    await scene.index('moving', 1);
    const [owner = ''] = (await fleet.base.records.route('moving', 0)).route.owners;
    const target = owner === 'n1' ? 'n2' : 'n1';
    await scene.node(owner).pause();
    const change = await scene.change('moving', { stopWords: ['new'] });
    expect(change.status).toBe(202);
    const worker = await fleet.startWorker();
    const { id } = await fleet.orderMove({ index: 'moving', target });
    await fleet.untilMove(id, ({ waiting }) => waiting?.reason.startsWith('settings:') === true);
    expect((await fleet.base.records.move(id))?.phase).toBe('Idle');
    await scene.node(owner).resume();
    expect((await scene.calls.ended(change)).status).toBe('succeeded');
    await fleet.untilEnded(id);
    expect((await fleet.client(target).settings('moving'))['stopWords']).toEqual(['new']);
    await worker.close();
    fleet.workers.splice(0);
  }, 40_000);

  it('a move that waits for a person and has not begun holds up no change, and begins with what came of it', async () => {
    const { fleet } = scene;
    await scene.index('idle', 1);
    const [owner = ''] = (await fleet.base.records.route('idle', 0)).route.owners;
    const target = owner === 'n1' ? 'n2' : 'n1';
    await scene.node(target).fault({ match: { path: '^/version$' }, do: 'status', status: 503 });
    const worker = await fleet.startWorker();
    const { id } = await fleet.orderMove({ index: 'idle', target });
    await fleet.untilMove(id, ({ waiting }) => waiting !== null);
    expect((await scene.changed('idle', { stopWords: ['meanwhile'] })).status).toBe('succeeded');
    expect(await fleet.base.records.move(id)).toMatchObject({ phase: 'Idle', startedAtMs: null });
    await scene.node(target).clearFaults();
    await fleet.moveQueue.promote(await fleet.untilMove(id, () => true));
    await fleet.untilEnded(id, 20_000);
    expect((await fleet.client(target).settings('idle'))['stopWords']).toEqual(['meanwhile']);
    await worker.close();
    fleet.workers.splice(0);
  }, 40_000);

  it('a move does not begin while settings are changed, whenever it has looked', async () => {
    const { fleet } = scene;
    await scene.index('both', 1);
    const [owner = ''] = (await fleet.base.records.route('both', 0)).route.owners;
    const mover = await HandMover.start(fleet, { index: 'both', target: owner === 'n1' ? 'n2' : 'n1' });
    await scene.node(owner).pause();
    const change = await scene.change('both', { stopWords: ['a'] });
    expect(change.status).toBe(202);
    await expect(mover.track()).rejects.toMatchObject({ reason: expect.stringContaining('settings') as string });
    expect((await mover.route()).route.state).toBe('stable');
    await scene.node(owner).resume();
    expect((await scene.calls.ended(change)).status).toBe('succeeded');
    await mover.track();
    expect(await scene.change('both', { stopWords: ['b'] })).toMatchObject({ status: 409 });
    await mover.stop();
  });

  it('a change while a move has begun and not settled is refused with 409 and the plan, also by the script alone', async () => {
    const { fleet } = scene;
    await scene.index('held', 1);
    const [owner = ''] = (await fleet.base.records.route('held', 0)).route.owners;
    const mover = await HandMover.start(fleet, { index: 'held', target: owner === 'n1' ? 'n2' : 'n1' });
    await mover.track();
    const refused = await scene.change('held', { stopWords: ['a'] });
    expect(refused).toMatchObject({ status: 409, body: { code: 'miroir_index_moving' } });
    const move = await fleet.base.records.move(mover.id);
    expect(String(refused.body['message'])).toContain(move?.planId);
    const { watch, leases } = openLeases(fleet.base);
    const answer = await leases.acquire(settingsScope('held'));
    if (!('lease' in answer)) throw new Error('somebody changes settings');
    const broadcast = {
      id: 'x',
      status: proposed('held', ''),
      wanted: {},
      hasOwnSecrets: false,
      details: {},
      task: null,
    };
    const desired = { settings: {}, fingerprint: '' };
    expect(await fleet.base.settings.propose(answer.lease, broadcast, desired)).toEqual({ moving: mover.id });
    await answer.lease.release(true);
    watch.stop();
    expect((await scene.record('held')).broadcast).toBeNull();
    // Settled, the copy that is left serves nobody, so nothing waits for its grace.
    await mover.hold();
    await mover.settle();
    await mover.settled();
    await fleet.base.redis.hset(keys.move(mover.id), 'phase', 'DualWriteStopped');
    expect((await scene.changed('held', { stopWords: ['a'] })).status).toBe('succeeded');
    await mover.stop();
  });

  it('a node that joins gets what is desired before its first document, whatever the source has', async () => {
    const { fleet } = scene;
    await scene.index('joined', 1);
    await scene.changed('joined', { stopWords: ['desired'] });
    const [owner = ''] = (await fleet.base.records.route('joined', 0)).route.owners;
    const target = owner === 'n1' ? 'n2' : 'n1';
    await scene.changeOn(owner, 'joined', { stopWords: ['drifted'] });
    await scene.changeOn(target, 'joined', { stopWords: ['old'] });
    const worker = await fleet.startWorker();
    const { id } = await fleet.orderMove({ index: 'joined', target });
    await fleet.untilEnded(id);
    expect((await fleet.client(target).settings('joined'))['stopWords']).toEqual(['desired']);
    await worker.close();
    fleet.workers.splice(0);
    // Whoever joined is at the present version.
    await untilTrue(async () => (await scene.search('joined', 1)).status === 200);
  }, 40_000);
});

describe('a node that was away while settings changed, and still owns shards', () => {
  it('gets what is desired with the first move into it, and serves reads that ask for that', async () => {
    const { fleet } = scene;
    const { records } = fleet.base;
    await scene.index('away');
    await scene.calls.ended(
      await scene.calls.put(
        'away',
        Array.from({ length: 60 }, (_, id) => ({ id })),
      ),
    );
    await scene.changed('away', { stopWords: ['before'] });
    const become = async (state: 'failed' | 'restoring' | 'active'): Promise<void> => {
      const { version, nodes } = await records.topology();
      const node = nodes.find(({ id }) => id === 'n2')!;
      await fleet.planWriter.commitTopology(version, [{ id: 'n2', node: { ...node, state } }], { why: 'a test' });
    };
    await become('failed');
    expect(await scene.changed('away', { stopWords: ['meanwhile'] })).toMatchObject({ status: 'succeeded' });
    expect((await scene.record('away')).nodeVersions).toMatchObject({ n1: 2, n2: 1 });
    await become('restoring');
    const shard = (await records.table('away'))?.shards.find(({ owners }) => owners.includes('n1'))?.shard ?? 0;
    const worker = await fleet.startWorker();
    const { id } = await fleet.orderMove({ index: 'away', target: 'n2', shard });
    const move = await fleet.untilMove(id, ({ phase }) => phase === 'DualWriteStopped', 20_000);
    expect((await fleet.client('n2').settings('away'))['stopWords']).toEqual(['meanwhile']);
    expect((await scene.record('away')).nodeVersions).toMatchObject({ n1: 2, n2: 2 });
    await become('active');
    await fleet.moveQueue.promote(move);
    await fleet.untilEnded(id, 20_000);
    await worker.close();
    fleet.workers.splice(0);
    await untilTrue(async () => (await scene.search('away', 2)).status === 200);
  }, 40_000);
});

describe('frozen writes and deletion', () => {
  it('an operator lets writes go on', async () => {
    await scene.index('frozen');
    await scene.fleet.base.redis.hset(keys.settings('frozen'), 'frozen', 'a test', 'version', '4');
    expect(await scene.fleet.base.settings.thaw('frozen')).toBe(true);
    expect(await scene.fleet.base.settings.thaw('frozen')).toBe(false);
    expect((await scene.record('frozen')).frozen).toBeNull();
  });

  it('a deleted index leaves its version alone, which never gets lower', async () => {
    await scene.index('gone');
    await scene.changed('gone', { stopWords: ['a'] });
    const answer = await scene.calls.router.deleteIndex('gone', { signal: new AbortController().signal });
    expect(answer.status).toBe(202);
    expect(await scene.record('gone')).toMatchObject({ version: 1, desired: null, nodeVersions: {} });
  });
});
