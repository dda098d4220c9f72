// Single moves on a fleet that the tests of this file share: what is copied, what goes wrong, and how each ends. Each
// test has an index of one shard and node switches of its own.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MoveState } from '../../src/ports.ts';
import { keys } from '../../src/redis/keys.ts';
import { type IndexOptions, type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { type Scene, endGrace, isInGrace, scene as newScene, windowsOf } from '../support/scene.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

/** Longer than any test: a retiring copy is deleted only when a test wishes it. */
const GRACE_MS = 600_000;

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet({
    nodes: 2,
    config: { window_bytes: 1_000_000, grace_ms: GRACE_MS, lease_ttl_secs: 10 },
  });
  await fleet.startWorker();
}, 60_000);
afterAll(() => fleet.stop());
afterEach(async () => {
  for (const node of fleet.nodes) {
    await switchesOf(node).clearFaults();
    await switchesOf(node).resume();
  }
});

const scene = (options?: Partial<IndexOptions>): Promise<Scene> => newScene(fleet, options);

const route = async ({ index }: Scene) => (await fleet.base.records.route(index, 0)).route;

/** The shard is where it was, nothing of it is on the target, and nobody is in its way. */
async function expectUndone(at: Scene): Promise<void> {
  expect(await route(at)).toMatchObject({ state: 'stable', owners: [at.from], readers: [at.from] });
  expect((await at.target.texts(at.index)).size).toBe(0);
  await at.check();
  expect(await fleet.base.redis.scard('{miroir}:node:n1:in')).toBe(0);
  expect(await fleet.base.redis.scard('{miroir}:node:n2:in')).toBe(0);
}

describe('what is copied', () => {
  it('numbers beyond 2^53, 1.0, key order, Unicode and u64 ids arrive as the node gives them out', async () => {
    const documents = [
      '{"zz":1,"id":18446744073709551615,"a":9007199254740993,"name":"largest id"}',
      '{"id":9007199254740993,"float":1.0,"exp":1e21,"small":0.1,"name":"2^53 + 1"}',
      '{"name":"Grüße, 世界 👩‍👩‍👧 \\u0000\\u2028 e\\u0301","id":1,"nested":{"b":[1.0,{"y":2,"x":18446744073709551614}],"a":null}}',
      '{"id":2,"empty":{},"list":[],"text":"","yes":true,"quote":"\\"\\\\/\\b\\n","name":"-0: ","minus":-0.0}',
      '{"id":3,"-":-9223372036854775808,"10":1,"2":2,"name":"numeric keys keep their order"}',
    ];
    const at = await scene({ documents });
    const before = await at.source.texts(at.index);
    expect([...before.keys()].sort()).toEqual(['1', '18446744073709551615', '2', '3', '9007199254740993']);
    const move = await at.end((await at.move()).id);
    expect(move).toMatchObject({ outcome: 'done', docsMigrated: 5, documents: 5, differences: 0 });
    expect(await at.target.texts(at.index)).toEqual(before);
    expect((await at.source.texts(at.index)).size).toBe(0);
  });

  it('a page boundary loses nothing, and every slot is sent once', async () => {
    const at = await scene({ documents: someDocuments(3_500) });
    const move = await at.end((await at.move()).id);
    expect(move).toMatchObject({ outcome: 'done', docsMigrated: 3_500, documents: 3_500, lastOffset: 65_536 });
    await at.check();
    const windows = (await at.sent()).map(({ tag }) => tag?.window ?? [0, 0]).sort((a, b) => a[0] - b[0]);
    expect(windows.length).toBeGreaterThanOrEqual(4);
    expect(windows.every(([from], n) => from > (windows[n - 1]?.[1] ?? -1))).toBe(true);
  });

  it('a window whose page is too large is cut in two', async () => {
    const text = 'x'.repeat(60_000);
    const at = await scene({ documents: Array.from({ length: 60 }, (_, id) => `{"id":${id},"name":"${text}"}`) });
    const move = await at.end((await at.move()).id);
    expect(move).toMatchObject({ outcome: 'done', docsMigrated: 60 });
    await at.check();
    // 3.6 MB of documents in windows of at most 1 MB.
    expect(new Set(windowsOf(await at.sent())).size).toBeGreaterThanOrEqual(3);
  });

  it('leftovers of the shard on the target are cleared first', async () => {
    const at = await scene();
    const [text = ''] = (await at.source.texts(at.index)).values();
    const found = JSON.parse(text) as Record<string, unknown>;
    await at.target.put(at.index, { ...found, id: 'left-over', name: 'of an earlier move' });
    await at.target.put(at.index, { ...found, name: 'an old version' });
    expect(await at.end((await at.move()).id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
    const [first] = await at.target.asked(`^/indexes/${at.index}/documents(/delete-batch)?\\?`);
    expect(first?.path).toContain('delete-batch');
  });

  it('waits for what the source had accepted before, and copies that too', async () => {
    const at = await scene();
    await at.source.pause();
    const late = '{"id":"late","name":"accepted, not applied"}';
    const [text = ''] = (await at.source.texts(at.index)).values();
    const { _miroir_shard, _miroir_slot } = JSON.parse(text) as Record<string, unknown>;
    const written = at.source.write(at.index, [{ ...(JSON.parse(late) as object), _miroir_shard, _miroir_slot }]);
    const { id } = await at.move();
    await fleet.untilMove(id, (move) => move.waiting?.reason.startsWith('node_busy') === true);
    expect((await fleet.base.records.move(id))?.phase).toBe('Idle');
    expect(await at.sent()).toEqual([]);
    await at.source.resume();
    await written;
    fleet.documents.get(at.index)?.set('late', late);
    expect(await at.end(id)).toMatchObject({
      outcome: 'done',
      documents: 101,
      docsMigrated: 101,
      differences: 0,
    });
    await at.check();
  });
});

describe('settings', () => {
  const expectEqual = async ({ index, from, to }: Scene): Promise<void> => {
    const [wanted, found] = await Promise.all([from, to].map((id) => fleet.client(id).settings(index)));
    expect(wanted?.['stopWords']).toEqual(['a']);
    expect(found).toEqual(wanted);
  };

  it('that the source had accepted before the move are waited for, and the target has them, too', async () => {
    const at = await scene();
    await at.source.pause();
    await fleet.client(at.from).updateSettings(at.index, { stopWords: ['a'] });
    const { id } = await at.move();
    await fleet.untilMove(id, ({ waiting }) => waiting?.reason.startsWith('index_operation') === true);
    await at.source.resume();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await expectEqual(at);
    await at.check();
  });

  it('that reach the source while the shard is copied are on the target before the switch', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    await fleet.client(at.from).updateSettings(at.index, { stopWords: ['a'] });
    await at.target.clearFaults();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await expectEqual(at);
    await at.check();
  });

  it('have passed a node by while it was away: it gets them before it owns a shard again', async () => {
    const at = await scene({ settings: { stopWords: ['a'] } });
    const [text = ''] = (await at.source.texts(at.index)).values();
    await at.target.put(at.index, { ...(JSON.parse(text) as object), id: 'left-over' });
    const old = fleet.client(at.to);
    const sent = await old.updateSettings(at.index, { stopWords: ['of', 'old'] });
    await untilTrue(async () => (await old.tasks({ uids: [sent], limit: 1 }))[0]?.status === 'succeeded');
    expect(await at.end((await at.move()).id)).toMatchObject({ outcome: 'done', differences: 0 });
    await expectEqual(at);
    await at.check();
  });
});

describe('trouble at the target', () => {
  it('a node that is full makes the move wait in the node’s words, and go on when there is room', async () => {
    const at = await scene();
    const message = 'No space left on device. 0 bytes free.';
    const path = `/indexes/${at.index}/documents\\?`;
    await at.target.fault({
      match: { method: 'POST', path },
      times: 1,
      do: 'fail-task',
      code: 'no_space_left_on_device',
      message,
    });
    const { id } = await at.move();
    const waiting = await fleet.untilMove(id, (move) => move.waiting !== null);
    expect(waiting.waiting?.reason).toBe(`node_busy: ${at.to}: ${message}`);
    expect(await route(at)).toMatchObject({ state: 'tracking', owners: [at.from] });
    await fleet.moveQueue.promote(waiting);
    expect(await at.end(id)).toMatchObject({ outcome: 'done', docsMigrated: 100 });
    await at.check();
  });

  it('a window that failed with somebody else’s batch is sent again alone, and counted once', async () => {
    const at = await scene();
    const path = `/indexes/${at.index}/documents\\?`;
    await at.target.fault({
      match: { method: 'POST', path },
      times: 2,
      do: 'fail-task',
      code: 'internal',
      message: 'another document',
    });
    expect(await at.end((await at.move()).id)).toMatchObject({ outcome: 'done', docsMigrated: 100 });
    const sent = await at.sent();
    expect(sent.map(({ tag }) => tag?.attempt)).toEqual([1, 2, 3]);
    expect(new Set(windowsOf(sent)).size).toBe(1);
    await at.check();
  });

  it('a document that the target rejects fails the move with its id; the source is untouched, the target clean', async () => {
    const at = await scene({ documents: someDocuments(900), settings: { sortableAttributes: ['_geo'] } });
    const texts = await at.source.texts(at.index);
    const bad = { ...(JSON.parse(texts.get('417') ?? '') as Record<string, unknown>), _geo: 'nowhere' };
    await at.source.put(at.index, bad);
    fleet.documents.get(at.index)?.set('417', JSON.stringify(bad));
    const before = await at.source.texts(at.index);
    const move = await fleet.untilEnded((await at.move()).id);
    expect(move).toMatchObject({ outcome: 'failed', phase: 'Idle' });
    expect(move.error).toContain(`${at.to} rejects document 417: `);
    expect(move.error).toContain('_geo');
    expect(await at.source.texts(at.index)).toEqual(before);
    await expectUndone(at);
  });

  it('a lost 202 sends nothing twice: the window is found by its tag', async () => {
    const at = await scene({ documents: someDocuments(3_500) });
    const path = `/indexes/${at.index}/documents\\?`;
    await at.target.fault({ match: { method: 'POST', path }, times: 2, do: 'drop-after' });
    expect(await at.end((await at.move()).id)).toMatchObject({ outcome: 'done', docsMigrated: 3_500 });
    const windows = windowsOf(await at.sent());
    expect(windows.length).toBeGreaterThanOrEqual(4);
    expect(new Set(windows).size).toBe(windows.length);
    await at.check();
  });

  it('a delete of leftovers that fails through the node is tried again, not the end of the move', async () => {
    const at = await scene();
    const [text = ''] = (await at.source.texts(at.index)).values();
    await at.target.put(at.index, { ...(JSON.parse(text) as object), id: 'left-over' });
    const path = `/indexes/${at.index}/documents/delete-batch`;
    await at.target.fault({
      match: { path },
      times: 1,
      do: 'fail-task',
      code: 'internal',
      message: 'another document',
    });
    const { id } = await at.move();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', error: null });
    await at.check();
  });

  it(
    'a delete of leftovers that got no answer is waited out: arriving later it would take what is copied',
    { timeout: 60_000 },
    async () => {
      const at = await scene();
      const [text = ''] = (await at.source.texts(at.index)).values();
      await at.target.put(at.index, JSON.parse(text) as Record<string, unknown>);
      const path = `^/indexes/${at.index}/documents/delete-batch`;
      await at.target.fault({ match: { path }, times: 1, do: 'drop-before' });
      const { id } = await at.move();
      const broken = async (): Promise<boolean> => (await at.target.asked(path)).length > 0;
      await untilTrue(broken);
      // It arrives all the same, and the leftovers are gone by then.
      const [lost] = await at.target.asked(path);
      await at.target.remove(at.index, (JSON.parse(text) as { id: number }).id);
      await sleep(2_000);
      expect(await at.sent()).toEqual([]);
      const node = fleet.nodes.find((one) => one.id === at.to);
      const late = await fetch(`${node?.url}${lost?.path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify([(JSON.parse(text) as { id: number }).id]),
      });
      expect(late.status).toBe(202);
      expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
      await at.check();
    },
  );

  it('a target that was wiped after the copy pauses the move with the reason, and nothing on the source is deleted', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    await at.target.wipe();
    await at.target.clearFaults();
    const stopped = await fleet.untilMove(
      id,
      (move) => move.waiting?.reason.includes('came back with less than it had') === true,
    );
    expect(stopped.outcome).toBeUndefined();
    expect(stopped.switchedAtMs).toBeNull();
    expect((await at.source.texts(at.index)).size).toBe(100);
    expect(await route(at)).toMatchObject({ owners: [at.from], readers: [at.from] });
    await fleet.base.records.wish(id, 'cancel');
    expect(await fleet.untilEnded(id, 20_000)).toMatchObject({ outcome: 'cancelled' });
    await at.check();
  });
});

describe('a wish', () => {
  it('to cancel before the switch cleans the target and leaves the source as it was', async () => {
    const at = await scene({ documents: someDocuments(2_000) });
    const before = await at.source.texts(at.index);
    const id = await at.stall();
    await fleet.base.records.wish(id, 'cancel');
    await at.target.resume();
    expect(await fleet.untilEnded(id)).toMatchObject({
      outcome: 'cancelled',
      phase: 'Idle',
      error: 'a cancel was wished',
    });
    expect(await at.source.texts(at.index)).toEqual(before);
    await expectUndone(at);
  });

  it('to cancel after the switch is refused: a move only goes forward', async () => {
    const at = await scene();
    const { id } = await at.move();
    await fleet.untilMove(id, ({ phase }) => phase === 'DualWriteStopped');
    await expect(fleet.base.records.wish(id, 'cancel')).rejects.toThrow('phase');
    expect(await at.end(id)).toMatchObject({ outcome: 'done' });
    await at.check();
  });
});

describe('the last copy', () => {
  it('is not deleted when the target has lost the shard in the meantime', async () => {
    const at = await scene();
    const { id } = await at.move();
    await fleet.untilMove(id, isInGrace);
    const documents = [...(await at.target.texts(at.index)).values()].map((text) => JSON.parse(text) as { id: number });
    for (const document of documents) await at.target.remove(at.index, document.id);
    await endGrace(fleet, id);
    await fleet.untilMove(id, ({ waiting }) => waiting?.reason.startsWith('last_copy') === true);
    expect((await at.source.texts(at.index)).size).toBe(100);
    for (const document of documents) await at.target.put(at.index, document);
    expect(await fleet.untilEnded(id)).toMatchObject({ outcome: 'done' });
    await at.check();
  });

  it('is deleted by explicit ids, never by a filter, in bounded steps', async () => {
    const at = await scene({ documents: someDocuments(2_500) });
    expect(await at.end((await at.move()).id)).toMatchObject({ outcome: 'done' });
    const deletes = await at.source.asked(`^/indexes/${at.index}/documents/delete`);
    expect(deletes.length).toBeGreaterThanOrEqual(3);
    expect(deletes.every(({ path }) => path.startsWith(`/indexes/${at.index}/documents/delete-batch?`))).toBe(true);
    expect((await at.source.texts(at.index)).size).toBe(0);
  });
});

describe('a retiring copy', () => {
  it('whose whole index is gone is no copy: the move ends and says so', async () => {
    const at = await scene();
    const { id } = await at.move();
    await fleet.untilMove(id, isInGrace);
    await fleet.client(at.from).deleteIndex(at.index);
    await untilTrue(async () => (await fleet.client(at.from).index(at.index)) === null);
    await endGrace(fleet, id);
    const move = await fleet.untilEnded(id);
    expect(move).toMatchObject({ outcome: 'done' });
    expect(move.error).toContain(`no copy on ${at.from} to delete`);
    expect(await route(at)).toMatchObject({ state: 'stable', owners: [at.to] });
    expect((await at.target.texts(at.index)).size).toBe(100);
  });
});

describe('a slot with more documents than a page may hold', { timeout: 60_000 }, () => {
  const crowd = Array.from({ length: 100_001 }, (_, id) => ({ id, _miroir_shard: 0, _miroir_slot: 7 }));

  it('is named where it is copied, and nothing is asked for without a pause', async () => {
    const at = await scene({ documents: [] });
    await at.source.write(at.index, crowd);
    const { id } = await at.move();
    const { waiting } = await fleet.untilMove(
      id,
      (move) => move.waiting?.reason.startsWith('slot_full') === true,
      40_000,
    );
    expect(waiting?.reason).toBe(`slot_full: slot 7 of shard 0 has 100001 documents on ${at.from}, 100000 can be read`);
    await fleet.base.records.wish(id, 'cancel');
    expect(await fleet.untilEnded(id, 20_000)).toMatchObject({ outcome: 'cancelled' });
  });

  it('is named where it is deleted, too', async () => {
    const at = await scene({ documents: [] });
    await at.target.write(at.index, crowd);
    const { id } = await at.move();
    const { waiting } = await fleet.untilMove(
      id,
      (move) => move.waiting?.reason.startsWith('slot_full') === true,
      40_000,
    );
    expect(waiting?.reason).toContain(`on ${at.to}`);
    await fleet.base.records.wish(id, 'cancel');
    await fleet.untilEnded(id, 20_000);
  });
});

describe('a live router', () => {
  /** Has the router acknowledge an epoch of the index; null: nothing yet. */
  const router = (index: string, epoch: number | null): Promise<number> => {
    const acks = epoch === null ? {} : { [index]: { epoch } };
    return fleet.base.redis.hset(keys.routers, 'r1', JSON.stringify({ untilMs: Date.now() + 60_000, acks }));
  };
  afterEach(() => fleet.base.redis.del(keys.routers));

  it('holds a move up before the copy, before the switch and before the deletion, until it has acknowledged', async () => {
    const at = await scene();
    await router(at.index, null);
    const { id } = await at.move();
    const waitsFor = (phase: string): Promise<MoveState> =>
      fleet.untilMove(
        id,
        (move) => move.phase === phase && move.waiting?.reason.startsWith('barrier: router r1') === true,
      );
    await waitsFor('Idle');
    expect(await at.sent()).toEqual([]);
    await router(at.index, (await route(at)).epoch);

    // Copied and verified, but not switched: nobody has said that it holds its writes.
    await waitsFor('MigrationComplete');
    expect(await route(at)).toMatchObject({ owners: [at.from], readers: [at.from] });
    await router(at.index, 1_000);
    await fleet.untilMove(id, isInGrace);

    await router(at.index, (await route(at)).epoch - 1);
    await endGrace(fleet, id);
    await waitsFor('DualWriteStopped');
    expect((await at.source.texts(at.index)).size).toBe(100);
    await router(at.index, (await route(at)).epoch);
    expect(await fleet.untilEnded(id)).toMatchObject({ outcome: 'done' });
    await at.check();
  });
});
