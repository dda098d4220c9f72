// Shards move while clients write: whatever is updated, merged or deleted, and whenever, is on the new owner afterwards.
// The clients' side is a router of the tests, which keeps the rules; the mover is the product's.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keys } from '../../src/redis/keys.ts';
import { type IndexOptions, type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { TestRouter, type RouterOptions } from '../support/router.ts';
import { type Scene, isInGrace, scene as newScene } from '../support/scene.ts';
import { switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

let fleet: TestFleet;
let router: TestRouter | undefined;
beforeAll(async () => {
  fleet = await startTestFleet({
    nodes: 2,
    config: { window_bytes: 1_000_000, grace_ms: 600_000, lease_ttl_secs: 10 },
  });
  await fleet.startWorker();
}, 60_000);
afterAll(() => fleet.stop());
afterEach(async () => {
  for (const node of fleet.nodes) {
    await switchesOf(node).clearFaults();
    await switchesOf(node).resume();
  }
  await router?.stop();
  router = undefined;
  await fleet.base.redis.del(keys.routers);
});

async function scene(
  options?: Partial<IndexOptions>,
  routing?: RouterOptions,
): Promise<Scene & { router: TestRouter }> {
  const at = await newScene(fleet, options);
  router = await TestRouter.start(fleet, at.entry, routing);
  return { ...at, router };
}

const route = async ({ index }: Scene) => (await fleet.base.records.route(index, 0)).route;
const journal = (id: string): Promise<number> => fleet.base.redis.zcard(keys.journal(id));
const untilState = (at: Scene, state: string): Promise<void> =>
  untilTrue(
    async () => (await route(at)).state === state,
    10_000,
    async () => (await route(at)).state,
  );

/** Writes without a pause until it is told to stop; returns how often it wrote. */
function keepWriting(write: (turn: number) => Promise<void>): () => Promise<number> {
  const writing = { on: true };
  const written = (async () => {
    let turn = 0;
    for (; writing.on; turn += 1) await write(turn);
    return turn;
  })();
  written.catch(() => undefined); // thrown to whoever stops it
  return async () => {
    writing.on = false;
    return written;
  };
}

/** Every kind of write in turn, on documents of all slots. */
const anyWrite =
  (one: TestRouter, documents: number) =>
  async (turn: number): Promise<void> => {
    const id = (turn * 7_919) % documents;
    if (turn % 5 === 0) await one.remove(id);
    else if (turn % 5 === 1) await one.put({ id: documents + turn, name: `new in turn ${turn}` });
    else if (turn % 5 === 2) await one.patch({ id, note: turn });
    else await one.put({ id, name: `turn ${turn}` });
  };

describe('clients write while a shard moves', () => {
  it('all the time: every update, merge and delete is on the new owner, and none counts as a difference', async () => {
    const at = await scene({ documents: someDocuments(3_000) });
    const stop = keepWriting(anyWrite(at.router, 3_000));
    const { id } = await at.move();
    await fleet.untilMove(id, isInGrace, 20_000);
    expect(await stop()).toBeGreaterThan(20);
    const move = await at.end(id);
    expect(move).toMatchObject({ outcome: 'done', differences: 0, error: null });
    expect(move.holdMs).toBeLessThan(1_500);
    await at.check();
    expect(await fleet.base.redis.keys(`${keys.move(id)}:*`)).toEqual([]);
  });

  it('what is written in a window that is being copied, and deleted from it, is not overwritten by the copy', async () => {
    const at = await scene();
    const id = await at.stall();
    await at.router.put({ id: 7, name: 'newer than its window' });
    await at.router.remove(8);
    await at.router.patch({ id: 9, note: 'merged' });
    await at.router.put({ id: 1_000, name: 'not in any window' });
    expect(await journal(id)).toBe(4);
    await at.target.resume();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
    const texts = await at.target.texts(at.index);
    expect(texts.has('8')).toBe(false);
    expect(texts.get('9')).toContain('"note":"merged"');
  });

  it('one document all the time, so that its entry is written anew between taking and clearing', async () => {
    const at = await scene();
    const stop = keepWriting((turn) => at.router.put({ id: 5, name: `hot ${turn}` }));
    const { id } = await at.move();
    await fleet.untilMove(id, isInGrace, 20_000);
    await stop();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
  });

  it('a document written while its older state is on its way keeps its entry: clearing compares', async () => {
    const at = await scene();
    const id = await at.stall();
    await at.router.put({ id: 5, name: 'first' });
    // Only what is carried over by ids comes late; windows name their slots.
    await at.target.fault({
      match: { method: 'POST', path: `^/indexes/${at.index}/documents\\?(?!.*window)` },
      do: 'delay',
      ms: 700,
    });
    await at.target.resume();
    await untilTrue(async () => (await at.sent()).some(({ tag }) => tag !== null && tag.window === undefined));
    await at.router.put({ id: 5, name: 'second' });
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
  });
});

describe('a batch whose connection broke', () => {
  it(
    'and that arrives all the same, later, does not overwrite what was written since',
    { timeout: 60_000 },
    async () => {
      const at = await scene();
      const id = await at.stall();
      await at.router.put({ id: 5, name: 'first' });
      const [first] = (await at.source.texts(at.index)).get('5')?.match(/\{.*\}/) ?? [];
      const path = `^/indexes/${at.index}/documents\\?(?!.*window)`;
      await at.target.fault({ match: { method: 'POST', path }, times: 1, do: 'drop-before' });
      await at.target.resume();
      const broken = async () =>
        (await at.sent()).find(({ tag, status }) => tag?.window === undefined && status !== 202);
      await untilTrue(async () => (await broken()) !== undefined);
      await at.router.put({ id: 5, name: 'second' });
      // Nothing newer is sent as long as it may arrive: 5 s.
      await sleep(2_000);
      expect((await at.sent()).filter(({ tag, status }) => tag?.window === undefined && status === 202)).toEqual([]);
      const tag = (await broken())?.customMetadata ?? '';
      const node = fleet.nodes.find((one) => one.id === at.to);
      const late = await fetch(`${node?.url}/indexes/${at.index}/documents?customMetadata=${encodeURIComponent(tag)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `[${first}]`,
      });
      expect(late.status).toBe(202);
      await fleet.untilMove(id, isInGrace, 30_000);
      expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
      await at.check();
    },
  );
});

describe('while the shard is held', () => {
  it('a write that is being accepted holds the switch up, and is carried over; what came meanwhile goes to the new owner', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    const path = `^/indexes/${at.index}/documents\\?`;
    await at.source.fault({ match: { method: 'POST', path }, times: 1, do: 'delay', ms: 600 });
    const slow = at.router.put({ id: 3, name: 'accepted during the hold' });
    await sleep(50);
    await at.target.clearFaults();
    await untilState(at, 'held');
    const later = at.router.put({ id: 4, name: 'waited' });
    await Promise.all([slow, later]);
    const move = await at.end(id);
    expect(move).toMatchObject({ outcome: 'done', differences: 0 });
    expect(at.router.waited.held).toBeGreaterThan(0);
    expect(move.holdMs).toBeGreaterThan(100);
    await at.check();
    expect((await at.target.texts(at.index)).get('4')).toContain('waited');
  });

  it('a router that does not acknowledge ends the hold before its time; the move tries again, and says why it waits', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    const letGo = at.router.freeze();
    await at.target.clearFaults();
    await untilState(at, 'held');
    const { heldUntilMs = 0 } = await route(at);
    await untilState(at, 'tracking');
    expect(Date.now()).toBeLessThan(heldUntilMs);
    await fleet.untilMove(id, ({ waiting }) => waiting?.reason.startsWith('barrier: router test-router') === true);
    letGo();
    await at.router.put({ id: 6, name: 'written between two tries' });
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
  });
});

describe('while the shard settles', () => {
  /** In `settling` with one document in the journal that the source has accepted and not applied. */
  async function settling() {
    const at = await scene();
    const id = await at.stallVerify();
    const path = `^/indexes/${at.index}/documents\\?`;
    await at.source.fault({ match: { method: 'POST', path }, times: 1, do: 'delay', ms: 500 });
    const slow = at.router.put({ id: 3, name: 'accepted, not applied' });
    await sleep(50);
    await at.target.clearFaults();
    await untilState(at, 'held');
    await at.source.pause();
    await slow;
    await untilState(at, 'settling');
    return { at, id };
  }

  it('only a document whose id is in the journal waits, and its last state before the switch arrives first', async () => {
    const { at, id } = await settling();
    expect(await journal(id)).toBe(1);
    await at.router.put({ id: 4, name: 'goes to the target at once' });
    const behind = at.router.patch({ id: 3, note: 'on top of what was accepted' });
    await untilTrue(() => at.router.waited.settling > 3);
    expect((await at.target.texts(at.index)).get('3')).toContain('document 3');
    await at.source.resume();
    await behind;
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0, error: null });
    await at.check();
    const merged = (await at.target.texts(at.index)).get('3');
    expect(merged).toContain('accepted, not applied');
    expect(merged).toContain('on top of');
  });

  it('a cancel comes too late, also one that an older process took: the move goes forward, whoever takes it up', async () => {
    const { at, id } = await settling();
    await expect(fleet.base.records.wish(id, 'cancel')).rejects.toThrow('settling');
    await fleet.base.redis.hset(keys.move(id), 'wish', 'cancel');
    // Until the phase gives up waiting for its source and the next run of its job reads the wish.
    await fleet.untilMove(id, ({ waiting }) => waiting?.reason.startsWith('node_busy') === true);
    await at.source.resume();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
  });

  it('a document that the target rejects makes the move wait with the reason, and never undoes it', async () => {
    const { at, id } = await settling();
    const path = `^/indexes/${at.index}/documents\\?(?!.*window)`;
    const message = 'not this one';
    await at.target.fault({ match: { method: 'POST', path }, do: 'fail-task', code: 'invalid_document_id', message });
    await at.source.resume();
    const waiting = await fleet.untilMove(id, (move) => move.waiting?.reason.includes('document_rejected') === true);
    expect(waiting.waiting?.reason).toContain(`rejects document 3: ${message}`);
    expect(await route(at)).toMatchObject({ state: 'settling', owners: [at.to], readers: [at.from] });
    await at.target.clearFaults();
    await fleet.moveQueue.promote(waiting);
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
  });

  it('a document that differs although it was carried over keeps its entry, and is carried over again', async () => {
    const { at, id } = await settling();
    const stale = JSON.parse((await at.target.texts(at.index)).get('3') ?? '') as Record<string, unknown>;
    const before = (await at.sent()).length;
    // The comparing of both nodes is what reads the target first.
    await at.target.fault({ match: { path: `^/indexes/${at.index}/documents/fetch` }, times: 1, do: 'delay', ms: 600 });
    await at.source.resume();
    await untilTrue(async () => (await at.sent()).slice(before).some(({ status }) => status === 202));
    await sleep(200);
    await at.target.put(at.index, stale);
    expect(await at.end(id)).toMatchObject({ outcome: 'done', error: null });
    await at.check();
  });

  it('readers stay on the old owner until the journal is empty', async () => {
    const { at, id } = await settling();
    expect(await route(at)).toMatchObject({ owners: [at.to], readers: [at.from] });
    await sleep(200);
    expect((await route(at)).state).toBe('settling');
    await at.source.resume();
    await fleet.untilMove(id, isInGrace);
    expect(await journal(id)).toBe(0);
    expect(await route(at)).toMatchObject({ owners: [at.to], readers: [at.to], state: 'settled' });
    await at.end(id);
    await at.check();
  });

  it('a router that wrote the new owner by an older table is told with what differs, and nothing is copied any more', async () => {
    const { at, id } = await settling();
    const { epoch } = await route(at);
    const send = (node: string, tag: string, name: string): Promise<Response> =>
      fetch(
        `${fleet.nodes.find((one) => one.id === node)?.url}/indexes/${at.index}/documents?customMetadata=${encodeURIComponent(tag)}`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify([at.router.stamped({ id: 11, name })]),
        },
      );
    await send(at.to, at.router.tag(epoch, [0]), 'by the new table');
    await send(at.to, at.router.tag(epoch - 1, [0]), 'by an older table');
    await at.source.resume();
    const { error } = await fleet.untilMove(id, isInGrace);
    expect(error).toMatch(new RegExp(`^tasks \\d+ on ${at.to} wrote past the routers; .*: 11$`));
    await at.end(id);
    expect((await at.target.texts(at.index)).get('11')).toContain('by an older table');
  });

  it('a router that wrote the old owner by an older table is told, and only above the watermark of then', async () => {
    const { at, id } = await settling();
    const { epoch } = await route(at);
    const { sourceMark } = await fleet.untilMove(id, (move) => move.sourceMark !== null);
    const tag = encodeURIComponent(at.router.tag(epoch - 1, [0]));
    const response = await fetch(
      `${fleet.nodes.find((one) => one.id === at.from)?.url}/indexes/${at.index}/documents?customMetadata=${tag}`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify([at.router.stamped({ id: 12, name: 'too late' })]),
      },
    );
    const { taskUid } = (await response.json()) as { taskUid: number };
    expect(taskUid).toBeGreaterThan(sourceMark ?? Infinity);
    await at.source.resume();
    const { error } = await fleet.untilMove(id, isInGrace);
    expect(error).toContain(`tasks ${taskUid} on ${at.from} wrote past the routers`);
    await at.end(id);
    expect((await at.target.texts(at.index)).get('12')).toContain('document 12');
  });
});

describe('deletes by filter', () => {
  it('while windows are copied and after they were verified leave nothing behind, and count as no difference', async () => {
    const at = await scene({ documents: someDocuments(600), settings: { filterableAttributes: ['id'] } });
    await at.router.put({ id: 1, name: 'kept', weight: 1 });
    const id = await at.stall();
    await at.router.removeBy(0, 'id < 50', (document) => Number(document['id']) < 50);
    await at.target.resume();
    await fleet.untilMove(id, ({ lastOffset }) => lastOffset === 65_536);
    const move = await at.end(id);
    expect(move).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
  });

  it('accepted but not applied when everything was found equal keep the gate closed until it is verified anew', async () => {
    const at = await scene({ settings: { filterableAttributes: ['id'] } });
    const id = await at.stallVerify();
    await at.source.pause();
    await at.router.removeBy(0, 'id < 50', (document) => Number(document['id']) < 50);
    await at.target.clearFaults();
    await fleet.untilMove(id, ({ waiting }) => waiting?.reason.startsWith('node_busy') === true);
    expect(await route(at)).toMatchObject({ state: 'tracking', owners: [at.from] });
    await at.source.resume();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0, windowsVerified: 2 });
    await at.check();
  });

  it('one after the other without end do not keep the gate closed', async () => {
    const at = await scene({ documents: someDocuments(600), settings: { filterableAttributes: ['id'] } });
    let next = 0;
    const stop = keepWriting(async () => {
      const one = (next += 1) % 600;
      await at.router.removeBy(0, `id = ${one}`, (document) => document['id'] === one);
    });
    const { id } = await at.move();
    await fleet.untilMove(id, isInGrace, 25_000);
    expect(await stop()).toBeGreaterThan(5);
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
  });
});

describe('a journal that is full', () => {
  it.each([
    ['ranges of slots', 20],
    ['the whole shard', 300],
  ])('goes on as %s, and nothing is lost', async (what, writes) => {
    const at = await scene({ documents: someDocuments(400) }, { maxIds: 5 });
    const id = await at.stall();
    for (let turn = 0; turn < writes; turn += 1) {
      if (turn % 3 === 0) await at.router.remove(turn);
      else await at.router.put({ id: turn, name: `turn ${turn}` });
    }
    const ranges = await fleet.base.redis.zrange(keys.ranges(id), '0', '-1');
    expect(ranges.includes('*')).toBe(what === 'the whole shard');
    expect(ranges.length).toBeGreaterThan(0);
    await at.target.resume();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
  });
});

describe('a delete that an operator cancels on the target', () => {
  it('is not done: what clients deleted does not come back with the switch', async () => {
    const at = await scene({ documents: someDocuments(400) }, { maxIds: 5 });
    const id = await at.stallVerify();
    for (let turn = 0; turn < 300; turn += 1) await at.router.remove(turn);
    await at.target.pause();
    await at.target.clearFaults();
    const types = ['documentDeletion'];
    const sent = async () => fleet.client(at.to).tasks({ index: at.index, types, statuses: ['enqueued'], limit: 1 });
    await untilTrue(async () => (await sent()).length > 0);
    const url = fleet.nodes.find((one) => one.id === at.to)?.url;
    const cancelled = await fetch(`${url}/tasks/cancel?uids=${(await sent())[0]?.uid}`, { method: 'POST' });
    expect(cancelled.ok).toBe(true);
    await at.target.resume();
    expect(await at.end(id)).toMatchObject({ outcome: 'done' });
    await at.check();
  });
});

describe('the gate', () => {
  async function tagged(
    at: Pick<Scene, 'index'>,
    node: string,
    tag: string,
    document: Record<string, unknown>,
  ): Promise<void> {
    const url = fleet.nodes.find((one) => one.id === node)?.url;
    const response = await fetch(`${url}/indexes/${at.index}/documents?customMetadata=${encodeURIComponent(tag)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([document]),
    });
    expect(response.status).toBe(202);
  }

  it('verifies again when a router wrote the source by a table from before the tracking', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    const { epoch } = await route(at);
    const document = at.router.stamped({ id: 901, name: 'past the journal' });
    await tagged(at, at.from, at.router.tag(epoch - 1, [0]), document);
    fleet.documents.get(at.index)?.set('901', '{"id":901,"name":"past the journal"}');
    await at.target.clearFaults();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', windowsVerified: 2 });
    await at.check();
  });

  it('takes back what a router wrote on the target, by whatever table', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    const { epoch } = await route(at);
    await tagged(at, at.to, at.router.tag(epoch, [0]), at.router.stamped({ id: 902, name: 'too early' }));
    await at.target.clearFaults();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', windowsVerified: 2 });
    await at.check();
  });

  it('minds no router’s writes of other shards on the target, nor of this one on the source since the tracking', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    const { epoch } = await route(at);
    await tagged(at, at.to, at.router.tag(epoch, [5]), {
      id: 903,
      name: 'of shard 5',
      _miroir_shard: 5,
      _miroir_slot: 1,
    });
    await at.router.put({ id: 1, name: 'as it should be' });
    await at.target.clearFaults();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', windowsVerified: 1, differences: 0 });
    expect((await at.target.texts(at.index)).get('1')).toContain('as it should be');
  });

  it('closed because the target is behind for the tenth time has the shard’s writes answered later, until it opens', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    await fleet.base.redis.hset(keys.move(id), 'gateRefused', 9);
    await at.target.pause();
    // Two tasks of another index that stand in the target's queue, one for longer than two batches last.
    const other = { id: 1 };
    await tagged({ ...at, index: 'elsewhere' }, at.to, 'a client’s', other);
    await sleep(700);
    await tagged({ ...at, index: 'elsewhere' }, at.to, 'a client’s', other);
    await at.target.clearFaults();
    const refused = await fleet.untilMove(id, ({ waiting }) => waiting?.reason.startsWith('queue: ') === true);
    expect(refused.gateRefused).toBe(10);
    expect(refused.waiting?.reason).toContain(`of ${at.to} waits for`);
    expect(await route(at)).toMatchObject({ state: 'tracking', delayMs: 200 });
    await at.target.resume();
    expect(await at.end(id)).toMatchObject({ outcome: 'done' });
    expect((await route(at)).delayMs).toBeUndefined();
    await at.check();
  });
});

describe('a cancel', () => {
  it('forgets the journal and leaves the source as clients have it', async () => {
    const at = await scene();
    const id = await at.stall();
    await at.router.put({ id: 1, name: 'stays' });
    await at.router.remove(2);
    await fleet.base.records.wish(id, 'cancel');
    await at.target.resume();
    expect(await fleet.untilEnded(id)).toMatchObject({ outcome: 'cancelled' });
    expect(await route(at)).toMatchObject({ state: 'stable', owners: [at.from] });
    expect((await at.target.texts(at.index)).size).toBe(0);
    expect(await fleet.base.redis.keys(`${keys.move(id)}:*`)).toEqual([]);
    await at.check();
  });
});
