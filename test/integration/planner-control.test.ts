import { userInfo } from 'node:os';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sendEvent, showEvent } from '../../src/control/events.ts';
import { addIndex, createIndex } from '../../src/control/indexes.ts';
import { initFleet } from '../../src/control/nodes.ts';
import { planView } from '../../src/control/plan-view.ts';
import { progressOf } from '../../src/control/progress.ts';
import { thawSettings } from '../../src/control/settings.ts';
import { thawShards } from '../../src/control/shard-thaw.ts';
import { openControl, type Control } from '../../src/service.ts';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';

let fleet: PlanningFleet;
let control: Control;

beforeAll(async () => {
  fleet = await startPlanningFleet(3);
  control = await openControl(fleet.config);
}, 60_000);
afterAll(async () => {
  await control.close();
  await fleet.stop();
});

describe('the first topology', () => {
  beforeEach(async () => {
    await fleet.reset(0);
    await fleet.base.redis.flushall();
  });

  it('has the given nodes, active at once; a second one is a conflict', async () => {
    const nodes = fleet.nodes.map(({ id, url }) => ({ id, url }));
    await initFleet(control, nodes);
    const topology = await control.records.topology();
    expect(topology.version).toBe(1);
    expect(topology.nodes.every(({ state, group }) => state === 'active' && group === 0)).toBe(true);
    await expect(initFleet(control, nodes)).rejects.toMatchObject({ code: 'miroir_conflict', field: 'nodes' });
  });

  it.each([
    ['a wrong id', [{ id: 'a:b', url: 'http://127.0.0.1:1' }], 'miroir_invalid_input', 'node_id'],
    ['a wrong URL', [{ id: 'n1', url: 'http://127.0.0.1:1/path' }], 'miroir_invalid_input', 'url'],
    ['one URL twice', [1, 2].map((at) => ({ id: `n${at}`, url: 'http://127.0.0.1:1' })), 'miroir_node_conflict', 'url'],
    ['a foreign host', [{ id: 'n1', url: 'http://192.0.2.1:7700' }], 'miroir_node_origin', 'url'],
  ])('is refused with %s, and nothing is written', async (_, nodes, code, field) => {
    await expect(initFleet(control, nodes)).rejects.toMatchObject({ code, field });
    expect((await control.records.topology()).version).toBe(0);
  });
});

describe('a new index', () => {
  beforeEach(async () => {
    await fleet.reset(3);
  });
  const books = { uid: 'books', primaryKey: 'id', shards: 8, replicationFactor: 2 };

  it.each([
    ['a wrong uid', { uid: 'a b' }, 'miroir_invalid_input', 'index_uid'],
    ['no shards', { shards: 0 }, 'miroir_invalid_input', 'shards'],
    ['more copies than nodes', { replicationFactor: 4 }, 'miroir_invalid_input', 'replication_factor'],
    ['a group that does not exist', { groups: [3] }, 'miroir_group_unknown', 'replica_group'],
    ['a primary key that cannot be one', { primaryKey: '' }, 'miroir_invalid_input', 'primary_key'],
  ])('is refused with %s', async (_, wrong, code, field) => {
    await expect(createIndex(control, { ...books, ...wrong })).rejects.toMatchObject({ code, field });
    expect(await control.records.indexes()).toEqual([]);
  });

  it('is not put over documents that a node has under that name', async () => {
    await fleet.prepare('n1', 'books');
    await fleet.applied('n1', await fleet.client('n1').putDocuments('books', 'id', '[{"id":1}]', 'test'));
    await expect(createIndex(control, books)).rejects.toMatchObject({
      code: 'miroir_index_conflict',
      message: 'node n1 has an index books with 1 documents already',
    });
    await fleet.prepare('n1', 'books');
    expect(await createIndex(control, books)).toMatchObject({ uid: 'books', replicationFactor: 2 });
  });
});

describe('a plan for people', () => {
  it('says what each node holds before and after, to the document', async () => {
    await fleet.reset(2);
    await fleet.createIndex('books', 16, 320);
    await fleet.startPlanner().worker.leading;
    const { plan, moves } = await fleet.send('NodeAdded', { node_id: 'n3', url: fleet.url('n3') });
    const view = await planView(control, plan ?? '');
    expect(view).toMatchObject({ moves, minimum: moves, why: 'NodeAdded n3', blocked: [] });
    const sum = (of: 'before' | 'after'): [number, number] => [
      view.nodes.reduce((total, node) => total + node[of].shards, 0),
      view.nodes.reduce((total, node) => total + (node[of].documents ?? 0), 0),
    ];
    expect([sum('before'), sum('after')]).toEqual([
      [16, 320],
      [16, 320],
    ]);
    const n3 = view.nodes.find(({ id }) => id === 'n3');
    expect(n3).toMatchObject({
      state: 'joining',
      before: { shards: 0, documents: 0 },
      after: { shards: moves, documents: view.documents },
    });
    expect(progressOf(await control.records.unfinishedMoves())).toMatchObject({ moves, settled: 0, running: 0 });
  });
});

describe('who asked for a change', () => {
  const asked = async (): Promise<Record<string, string>[]> =>
    (await control.audit.after('0-0', 100))
      .map(({ fields }) => fields)
      .filter(({ what }) => what === 'asked' || what === 'refused');
  const drain = { node_id: 'n1' };

  beforeEach(async () => {
    await fleet.reset(2);
  });

  it('is told before it is made, and what it was refused with', async () => {
    await sendEvent(control, 'NodeDraining', drain, null);
    await expect(thawSettings(control, 'nope')).rejects.toMatchObject({ code: 'miroir_index_unknown' });
    const actor = `cli:${userInfo().username}`;
    expect(await asked()).toEqual([
      { what: 'asked', verb: 'event send', actor, event: 'NodeDraining', node: 'n1' },
      { what: 'asked', verb: 'settings thaw', actor, index: 'nope' },
      { what: 'refused', verb: 'settings thaw', actor, index: 'nope', code: 'miroir_index_unknown' },
    ]);
  });

  it('gets nothing by looking', async () => {
    await addIndex(control, { uid: 'papers', primaryKey: 'id', shards: 2, replicationFactor: 1 });
    await thawShards(control, 'papers', null, false);
    expect((await asked()).map(({ verb }) => verb)).toEqual(['index create']);
    await thawShards(control, 'papers', null, true);
    expect((await asked()).map(({ verb }) => verb)).toEqual(['index create', 'index thaw']);
  });

  it('sends an event once by one key, however often it asks, and nobody else’s', async () => {
    const once = { idempotencyKey: 'a-key' };
    const [first, second] = await Promise.all([1, 2].map(() => sendEvent(control, 'NodeDraining', drain, null, once)));
    expect(second?.jobId).toBe(first?.jobId);
    expect(await fleet.events.count()).toBe(1);
    await expect(sendEvent(control, 'NodeDraining', { node_id: 'n2' }, null, once)).rejects.toMatchObject({
      code: 'miroir_idempotency',
    });
    await expect(sendEvent(control, 'NodeDraining', drain, null, { idempotencyKey: 'a key' })).rejects.toMatchObject({
      code: 'miroir_invalid_input',
    });
    const other = await sendEvent({ ...control, actor: 'key:other' }, 'NodeDraining', drain, null, once);
    expect(other.jobId).not.toBe(first?.jobId);
    expect(await showEvent(control, other.jobId)).toEqual({ state: 'waiting' });
    await expect(showEvent(control, 'once-1')).rejects.toMatchObject({ code: 'miroir_event_unknown' });
  });

  it('is refused when the topology has changed since, unless it was sent before', async () => {
    const given = { ifVersion: 1, idempotencyKey: 'k' };
    const { jobId } = await sendEvent(control, 'NodeDraining', drain, null, given);
    await fleet.startPlanner().worker.leading;
    await control.producer.result(jobId);
    expect(await showEvent(control, jobId)).toMatchObject({ state: 'planned', outcome: { change: 'changed' } });
    expect(await sendEvent(control, 'NodeDraining', drain, null, given)).toMatchObject({ jobId });
    const stale = sendEvent(control, 'NodeDraining', { node_id: 'n2' }, null, { ifVersion: 1 });
    await expect(stale).rejects.toMatchObject({ code: 'miroir_stale_version', details: { expected: 1 } });
    const index = { uid: 'books', primaryKey: 'id', shards: 2, replicationFactor: 1 };
    await expect(addIndex(control, index, { ifVersion: 1 })).rejects.toMatchObject({ code: 'miroir_stale_version' });
    expect(await control.records.indexes()).toEqual([]);
    const { jobId: unknown } = await sendEvent(control, 'NodeDraining', { node_id: 'n9' }, null);
    await expect(control.producer.result(unknown)).rejects.toMatchObject({ code: 'miroir_node_unknown' });
    expect(await showEvent(control, unknown)).toMatchObject({
      state: 'refused',
      error: { code: 'miroir_node_unknown' },
    });
  });
});
