// Replica groups that come and go on real nodes: copies under writes, who is read when, what is compared before a group
// serves, nodes that die meanwhile, and what is refused. Named after the original's tests of the same (P4.4, P4.5).
import { afterEach, describe, expect, it } from 'vitest';
import { createIndex } from '../../src/control/indexes.ts';
import { listNodes } from '../../src/control/nodes.ts';
import { showGroup, type GroupParts } from '../../src/control/groups.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import type { Duty, EventOutcome } from '../../src/ports.ts';
import { groupsDuty } from '../../src/reconcile/groups.ts';
import { createFleetWriter } from '../../src/redis/plan-writer.ts';
import { antiEntropyParts } from '../support/anti-entropy.ts';
import { back, expectEqualCopies, kill, nodeOf, successor } from '../support/copies.ts';
import { runTask } from '../support/duty-task.ts';
import { someDocuments, startTestFleet, type TestFleet } from '../support/fleet.ts';
import { RouterCalls, untilShows } from '../support/router-calls.ts';
import { untilTrue } from '../support/until.ts';

const CONFIG = { lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000 };
const SHARDS = 4;
const { signal } = new AbortController();

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function makeFleet(nodes: number, config: Readonly<Record<string, string | number>> = {}): Promise<TestFleet> {
  const fleet = await startTestFleet({ nodes, config: { ...CONFIG, ...config } });
  closers.push(() => fleet.stop());
  return fleet;
}

async function openRouter({ base }: TestFleet): Promise<RouterCalls> {
  const router = await RouterCalls.open(base);
  closers.push(() => router.close());
  return router;
}

/** New nodes as a group. */
async function addGroup(fleet: TestFleet, group: number, count = 1): Promise<EventOutcome> {
  const nodes = [];
  for (let at = 0; at < count; at += 1) {
    const { id, url } = await fleet.startNode();
    nodes.push({ node_id: id, url });
  }
  return fleet.planner.handle('GroupAdded', { replica_group: group, nodes });
}

const stateOf = async ({ base }: TestFleet, group: number): Promise<string | undefined> =>
  (await base.records.topology()).groups?.find(({ id }) => id === group)?.state;

const routesOf = async ({ base }: TestFleet, index = 'docs') => (await base.records.table(index))?.shards ?? [];

const readersOf = async (fleet: TestFleet, index = 'docs'): Promise<string[]> =>
  [...new Set((await routesOf(fleet, index)).flatMap(({ readers }) => readers))].sort();

/** Searches that the node was asked for. */
const searches = async (fleet: TestFleet, id: string): Promise<number> =>
  (await nodeOf(fleet, id).asked('search$')).length;

const dutyOf = (fleet: TestFleet, { router }: RouterCalls): Duty =>
  groupsDuty({ ...antiEntropyParts(fleet.base, router), ...fleet.base, isOn: true, everyMs: 100 });

/** One round of the reconcilers. */
async function compare(fleet: TestFleet, router: RouterCalls): Promise<readonly Record<string, unknown>[]> {
  const duty = dutyOf(fleet, router);
  const results = [];
  for (const task of await duty.tasks(signal)) results.push(await runTask(fleet.base, duty, task));
  return results;
}

const until = (fleet: TestFleet, group: number, state: string, deadlineMs = 30_000): Promise<void> =>
  untilTrue(
    async () => {
      await fleet.planner.tick();
      return (await stateOf(fleet, group)) === state;
    },
    deadlineMs,
    () => state,
  );

/** As its planner and its reconcilers take it there. */
async function untilActive(fleet: TestFleet, router: RouterCalls, group: number): Promise<void> {
  await until(fleet, group, 'sync_complete');
  await untilTrue(async () => {
    await compare(fleet, router);
    await fleet.planner.tick();
    return (await stateOf(fleet, group)) === 'active';
  }, 30_000);
}

/** What commands work with, without a queue. */
const controlOf = ({ base }: TestFleet): GroupParts => ({
  ...base,
  fleet: createFleetWriter(base.scripts, 1_000),
  producer: {} as never,
  clientOf: (node) => base.nodes.client(node, openPermit(5_000)),
});

const viewOf = (fleet: TestFleet, group: number) => showGroup(controlOf(fleet), group);

const refusalOf = async (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'done',
    (error: { code: string; field?: string; remedy?: string }) =>
      error.remedy === undefined ? 'no remedy' : `${error.code} ${error.field ?? ''}`,
  );

describe('a second replica group, under clients’ writes', () => {
  it('writes mid-sync hit both groups and sync completes; reads go to the old group until it is active, then to both; and the old one is removed', async () => {
    const fleet = await makeFleet(1);
    await fleet.createIndex({ shards: SHARDS, documents: [] });
    const routers = [await openRouter(fleet), await openRouter(fleet)] as const;
    const acknowledged = new Map<string, number | null>();
    const refused: unknown[] = [];
    const over = new AbortController();
    closers.push(async () => over.abort());
    const client = async (name: number): Promise<void> => {
      for (let version = 0; !over.signal.aborted; version += 1) {
        const id = `${name}-${version % 20}`;
        const router = routers[version % 2 === 0 ? 0 : 1];
        const isDeletion = version % 7 === 6;
        const answer = isDeletion ? await router.remove('docs', [id]) : await router.put('docs', [{ id, version }]);
        if (answer.status === 202) acknowledged.set(id, isDeletion ? null : version);
        else refused.push(answer.body);
      }
    };
    const clients = [0, 1].map((name) => client(name));
    await untilTrue(() => acknowledged.size === 40);
    const reader = (async () => {
      // Which copies a search reads is chosen by what it asks for.
      for (let query = 0; !over.signal.aborted; query += 1)
        expect((await routers[0].search('docs', `q${query % 50}`)).status).toBe(200);
    })();

    expect(await addGroup(fleet, 1)).toMatchObject({ change: 'changed', moves: SHARDS, blocked: 0 });
    expect((await fleet.base.records.index('docs'))?.groups).toEqual([0, 1]);
    expect((await viewOf(fleet, 1)).phase).toBe('syncing');
    expect(await refusalOf(fleet.planner.handle('GroupActivated', { replica_group: 1 }))).toBe(
      'miroir_group_not_ready replica_group',
    );
    await fleet.startWorker();
    await until(fleet, 1, 'sync_complete');
    // Before it is active: it is written, and nobody reads it.
    expect((await routesOf(fleet)).every(({ owners }) => owners.join() === 'n1,n2')).toBe(true);
    expect(await readersOf(fleet)).toEqual(['n1']);
    expect(await searches(fleet, 'n1')).toBeGreaterThan(0);
    expect(await searches(fleet, 'n2')).toBe(0);
    const writes = (await nodeOf(fleet, 'n2').asked('/documents')).filter(({ customMetadata = '' }) =>
      customMetadata.startsWith('{"router"'),
    );
    expect(writes.length).toBeGreaterThan(0);
    expect(await viewOf(fleet, 1)).toMatchObject({
      progressPercent: 100,
      shards: { total: 4, complete: 4 },
      compared: 0,
    });
    expect(await refusalOf(fleet.planner.handle('GroupActivated', { replica_group: 1 }))).toBe(
      'miroir_group_not_ready replica_group',
    );
    expect(await searches(fleet, 'n2')).toBe(0);
    await untilActive(fleet, routers[1], 1);
    expect(await readersOf(fleet)).toEqual(['n1', 'n2']);
    await untilTrue(async () => (await searches(fleet, 'n2')) > 0);

    expect(await fleet.planner.handle('GroupDraining', { replica_group: 0 })).toMatchObject({ change: 'changed' });
    expect(await readersOf(fleet)).toEqual(['n2']);
    await untilTrue(async () => {
      await fleet.planner.tick();
      return (await routesOf(fleet)).every(({ owners }) => owners.join() === 'n2');
    }, 20_000);
    expect(await fleet.planner.handle('GroupRemoved', { replica_group: 0 })).toMatchObject({ change: 'changed' });
    over.abort();
    await Promise.all([...clients, reader]);
    expect(refused).toEqual([]);
    expect((await fleet.base.records.index('docs'))?.groups).toEqual([1]);
    expect((await fleet.base.records.topology()).nodes.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'n1 removed',
      'n2 active',
    ]);
    await untilShows(routers[0], acknowledged);
  }, 120_000);

  it('once active 20 queries are split between both groups', async () => {
    const fleet = await makeFleet(1);
    await fleet.createIndex({ shards: SHARDS, documents: someDocuments(40) });
    const router = await openRouter(fleet);
    await fleet.startWorker();
    await addGroup(fleet, 1);
    await untilActive(fleet, router, 1);
    const ask = async (): Promise<void> => {
      for (let query = 0; query < 20; query += 1) await router.search('docs', `q${query}`);
    };
    await untilTrue(async () => {
      await ask();
      return (await searches(fleet, 'n2')) > 0;
    });
    const before = await Promise.all(['n1', 'n2'].map((id) => searches(fleet, id)));
    await ask();
    const after = await Promise.all(['n1', 'n2'].map((id) => searches(fleet, id)));
    const counts = after.map((count, at) => count - (before[at] ?? 0));
    // By what is asked for, not in turns: the original's 10 and 10 within the spread of 20 hashes.
    for (const count of counts) expect(count).toBeGreaterThanOrEqual(4);
    expect(counts.reduce((sum, count) => sum + count)).toBe(20);
    await expectEqualCopies(fleet);
    expect((await viewOf(fleet, 1)).compared).toBe(SHARDS);
  }, 60_000);
});

describe('before a group is read', () => {
  it('copies that differ are brought level and compared again; only equal ones are read', async () => {
    const fleet = await makeFleet(1);
    await fleet.createIndex({ shards: SHARDS, documents: someDocuments(60) });
    const router = await openRouter(fleet);
    await fleet.startWorker();
    await addGroup(fleet, 1);
    await until(fleet, 1, 'sync_complete');
    await nodeOf(fleet, 'n2').remove('docs', 7);
    const round = await compare(fleet, router);
    expect(round.filter((result) => result['mismatches'] === 1)).toHaveLength(1);
    await fleet.planner.tick();
    // One shard is still to be looked at once more.
    expect(await viewOf(fleet, 1)).toMatchObject({ phase: 'sync_complete', compared: SHARDS - 1 });
    expect(await readersOf(fleet)).toEqual(['n1']);
    expect(await compare(fleet, router)).toMatchObject([{ isEqual: true }]);
    await fleet.planner.tick();
    expect(await stateOf(fleet, 1)).toBe('active');
    await expectEqualCopies(fleet);
  }, 60_000);

  it('its owners must have got what they missed, and somebody must say so where it does not serve by itself', async () => {
    const fleet = await makeFleet(1, { group_auto_activate: 0 });
    await fleet.createIndex({ shards: SHARDS, documents: someDocuments(20) });
    const router = await openRouter(fleet);
    await fleet.startWorker();
    await addGroup(fleet, 1);
    await until(fleet, 1, 'sync_complete');
    await compare(fleet, router);
    await fleet.base.repairs.add('docs', 2, ['7'], ['n2']);
    expect(await refusalOf(fleet.planner.handle('GroupActivated', { replica_group: 1 }))).toBe(
      'miroir_group_not_ready replica_group',
    );
    const scores = (await fleet.base.repairs.scores('docs', 2, ['n2'], ['7'])).get('n2')?.ids ?? new Map();
    await fleet.base.repairs.clear('docs', 2, 'n2', scores);
    await fleet.planner.tick();
    expect(await readersOf(fleet)).toEqual(['n1']);
    expect(await fleet.planner.handle('GroupActivated', { replica_group: 1 })).toMatchObject({ change: 'changed' });
    expect(await readersOf(fleet)).toEqual(['n1', 'n2']);
    expect(await fleet.planner.handle('GroupActivated', { replica_group: 1 })).toMatchObject({ change: 'repeated' });
  }, 60_000);

  it('an index that is created meanwhile is owned by both groups and read from the one that is active', async () => {
    const fleet = await makeFleet(1);
    await fleet.createIndex({ shards: SHARDS, documents: someDocuments(20) });
    await addGroup(fleet, 1);
    const parts = controlOf(fleet);
    await createIndex(parts, { uid: 'later', primaryKey: 'id', shards: 2, replicationFactor: 1 });
    expect((await routesOf(fleet, 'later')).map(({ owners }) => owners.join())).toEqual(['n1,n2', 'n1,n2']);
    expect(await readersOf(fleet, 'later')).toEqual(['n1']);
    expect(
      await refusalOf(
        createIndex(parts, { uid: 'never', primaryKey: 'id', shards: 2, replicationFactor: 1, groups: [1] }),
      ),
    ).toBe('miroir_group_not_ready replica_group');
    expect((await listNodes(parts)).map(({ id, groupState }) => `${id} ${groupState}`)).toEqual([
      'n1 active',
      'n2 syncing',
    ]);
  }, 60_000);
});

describe('nodes that die while a group is brought in', () => {
  it('failed source leaves it syncing and it resumes; so does a node of the group that is killed and back', async () => {
    const fleet = await makeFleet(2, { repair_delay_ms: 600_000 });
    await fleet.createIndex({ shards: SHARDS, replicationFactor: 2, documents: someDocuments(200) });
    await fleet.planner.sweep();
    const router = await openRouter(fleet);
    await addGroup(fleet, 1, 2);
    await nodeOf(fleet, 'n3').pause();
    await fleet.startWorker();
    await untilTrue(async () => {
      await fleet.planner.tick();
      return (await fleet.base.records.unfinishedMoves()).some(({ startedAtMs }) => startedAtMs !== null);
    });
    await kill(fleet, 'n1');
    await fleet.planner.handle('NodeFailed', { node_id: 'n1' });
    await kill(fleet, 'n3');
    await fleet.planner.handle('NodeFailed', { node_id: 'n3' });
    await fleet.planner.tick();
    expect(await stateOf(fleet, 1)).toBe('syncing');
    expect((await router.put('docs', [{ id: 'late', name: 'while two are away' }])).status).toBe(202);
    await back(fleet, 'n3');
    await until(fleet, 1, 'sync_complete', 60_000);
    await back(fleet, 'n1');
    await fleet.untilQuiet(60_000);
    await untilActive(fleet, router, 1);
    expect((await expectEqualCopies(fleet)).size).toBe(201);
    expect((await routesOf(fleet)).every(({ readers }) => readers.toSorted().join() === 'n1,n2,n3,n4')).toBe(true);
  }, 150_000);

  it('a planner that takes over goes on with a group that was only begun', async () => {
    const fleet = await makeFleet(1);
    await fleet.createIndex({ shards: SHARDS, documents: someDocuments(20) });
    const { id, url } = await fleet.startNode();
    const { version } = await fleet.base.records.topology();
    await fleet.planWriter.commitTopology(version, [{ id, node: { id, url, group: 1, state: 'joining' } }], {
      why: 'a test',
      plan: '*',
      groups: [{ id: 1, state: 'initializing', sinceMs: 1, startedAtMs: 1 }],
    });
    await successor(fleet).resume();
    expect(await stateOf(fleet, 1)).toBe('syncing');
    expect(await fleet.base.records.unfinishedMoves()).toHaveLength(SHARDS);
  }, 60_000);
});

describe('taking a group out', () => {
  it('first drains, then force removes; the last group is not removable even by force', async () => {
    const fleet = await startTestFleet({ nodes: 2, groups: [0, 1], config: { ...CONFIG, grace_ms: 600_000 } });
    closers.push(() => fleet.stop());
    await fleet.createIndex({ shards: SHARDS, groups: [0, 1], documents: someDocuments(20) });
    const remove = (group: number, force?: true) =>
      fleet.planner.handle('GroupRemoved', { replica_group: group, ...(force === undefined ? {} : { force }) });
    expect(await refusalOf(remove(7))).toBe('miroir_group_unknown replica_group');
    expect(await refusalOf(remove(1))).toBe('miroir_group_not_drained replica_group');
    expect(await remove(1, true)).toMatchObject({ change: 'changed' });
    expect(await stateOf(fleet, 1)).toBe('draining');
    expect(await readersOf(fleet)).toEqual(['n1']);
    await fleet.planner.tick();
    await fleet.planner.tick();
    await successor(fleet).tick();
    // Within the grace it still owns its shards, so that whoever reads it still finds what is written.
    expect(await refusalOf(remove(1))).toBe('miroir_group_not_drained replica_group');
    expect((await routesOf(fleet)).every(({ owners }) => owners.length === 2)).toBe(true);
    expect(await remove(1, true)).toMatchObject({ change: 'changed' });
    expect((await routesOf(fleet)).every(({ owners }) => owners.join() === 'n1')).toBe(true);
    for (const force of [undefined, true] as const)
      expect(await refusalOf(remove(0, force))).toMatch(force ? 'miroir_last_replica' : 'miroir_group_not_drained');
    expect(await refusalOf(fleet.planner.handle('GroupDraining', { replica_group: 0 }))).toBe(
      'miroir_last_replica replica_group',
    );
    // Its copies are left where they are, and nobody is to ask them any more.
    expect((await nodeOf(fleet, 'n2').texts('docs')).size).toBe(20);
    expect(await fleet.base.repairs.sizes('docs')).toHaveLength(SHARDS);
    await fleet.planner.sweep();
    expect(await fleet.base.repairs.sizes('docs')).toEqual([]);
  }, 60_000);

  it('keeps a shard in a drained group for as long as nobody else is known to have all of it', async () => {
    const fleet = await startTestFleet({ nodes: 2, groups: [0, 1], config: CONFIG });
    closers.push(() => fleet.stop());
    await fleet.createIndex({ shards: SHARDS, groups: [0, 1], documents: someDocuments(20) });
    await fleet.base.repairs.add('docs', 2, ['7'], ['n1']);
    await fleet.planner.handle('GroupDraining', { replica_group: 1 });
    const owned = async () => (await routesOf(fleet)).filter(({ owners }) => owners.includes('n2'));
    await untilTrue(async () => {
      await fleet.planner.tick();
      return (await owned()).length === 1;
    });
    await fleet.planner.tick();
    expect((await owned()).map(({ shard }) => shard)).toEqual([2]);
    expect(await refusalOf(fleet.planner.handle('GroupRemoved', { replica_group: 1, force: true }))).toBe(
      'miroir_group_not_drained replica_group',
    );
    const scores = (await fleet.base.repairs.scores('docs', 2, ['n1'], ['7'])).get('n1')?.ids ?? new Map();
    await fleet.base.repairs.clear('docs', 2, 'n1', scores);
    await fleet.planner.tick();
    expect(await owned()).toEqual([]);
  }, 60_000);

  it('a group that was drained by mistake is added again and brought level', async () => {
    const fleet = await startTestFleet({ nodes: 2, groups: [0, 1], config: CONFIG });
    closers.push(() => fleet.stop());
    await fleet.createIndex({ shards: SHARDS, groups: [0, 1], documents: someDocuments(20) });
    const router = await openRouter(fleet);
    await fleet.planner.handle('GroupDraining', { replica_group: 1 });
    await untilTrue(async () => {
      await fleet.planner.tick();
      return (await routesOf(fleet)).every(({ owners }) => owners.join() === 'n1');
    });
    await router.ended(await router.put('docs', [{ id: 'late', name: 'while it is away' }]));
    const nodes = [{ node_id: 'n2', url: fleet.nodes[1]?.url }];
    expect(await fleet.planner.handle('GroupAdded', { replica_group: 1, nodes })).toMatchObject({ moves: SHARDS });
    await fleet.startWorker();
    await untilActive(fleet, router, 1);
    expect((await expectEqualCopies(fleet)).size).toBe(21);
    expect(await readersOf(fleet)).toEqual(['n1', 'n2']);
  }, 60_000);
});
