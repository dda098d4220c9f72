// Nodes that come back with less than they had: they are noticed and restored, not built on.
import { rm } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { status } from '../../src/control/status.ts';
import { openControl } from '../../src/service/control.ts';
import {
  WAITS,
  allMoves,
  back,
  backup,
  expectEqualCopies,
  kill,
  killAndReplace,
  sentTo,
  start,
  twiceOnThree,
} from '../support/copies.ts';
import { someDocuments, startTestFleet, type TestFleet } from '../support/fleet.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { untilTrue } from '../support/until.ts';

let fleet: TestFleet | undefined;
const folders: string[] = [];
let router: RouterCalls | undefined;
afterEach(async () => {
  await router?.close();
  router = undefined;
  await fleet?.stop();
  fleet = undefined;
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function begin(...given: Parameters<typeof twiceOnThree>): Promise<TestFleet> {
  fleet = await twiceOnThree(...given);
  return fleet;
}
async function older(running: TestFleet, id: string): Promise<string> {
  const folder = await backup(running, id);
  folders.push(folder);
  return folder;
}
const accepted = async (calls: RouterCalls, documents: readonly object[]): Promise<void> => {
  const answer = await calls.put('docs', documents);
  expect(answer.status).toBe(202);
  await calls.ended(answer);
};
const some = (from: number, name: string): object[] => Array.from({ length: 40 }, (_, at) => ({ id: from + at, name }));
const lostOf = async (running: TestFleet): Promise<string | null> => {
  const control = await openControl(running.config);
  try {
    return (await status(control)).nodes.find(({ id }) => id === 'n1')?.lost ?? null;
  } finally {
    await control.close();
  }
};

describe('a node that is back with less than it had', () => {
  it('without any: everything is copied anew, and status says why', async () => {
    const running = await begin(WAITS, 300);
    router = await RouterCalls.open(running.base);
    await killAndReplace(running, 'n1', null);
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    await accepted(router, some(0, 'changed meanwhile'));
    await back(running, 'n1');
    expect(await lostOf(running)).toBe('index docs: the index is gone');
    await running.startWorker();
    await running.untilQuiet(60_000);
    const moves = (await allMoves(running)).filter(({ target }) => target === 'n1');
    expect(moves.map(({ level }) => level)).toEqual(moves.map(() => false));
    const all = await expectEqualCopies(running);
    expect(all.size).toBe(300);
    expect(await sentTo(running, 'n1')).toBeGreaterThan(150);
    expect(await lostOf(running)).toBeNull();
    // What it has now is its own again: another look finds nothing.
    await running.planner.sweep();
    await running.planner.sweep();
    expect(await lostOf(running)).toBeNull();
  }, 120_000);

  it('is drained before it is restored: it is not failed again for what it had lost', async () => {
    const running = await begin(WAITS, 60);
    await killAndReplace(running, 'n1', null);
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    await back(running, 'n1');
    expect(await lostOf(running)).toBe('index docs: the index is gone');
    await running.startWorker();
    const owned = async (): Promise<boolean> =>
      (await running.base.records.table('docs'))?.shards.some(({ owners }) => owners.includes('n1')) === true;
    await untilTrue(owned, 30_000);
    await running.planner.handle('NodeDraining', { node_id: 'n1' });
    await running.planner.sweep();
    await running.planner.sweep();
    const { nodes } = await running.base.records.topology();
    expect(nodes.find(({ id }) => id === 'n1')?.state).toBe('draining');
    expect(await lostOf(running)).toBeNull();
  }, 60_000);

  it('with older data: that is not built on, and what was deleted since stays deleted', async () => {
    const running = await begin(WAITS, 300);
    router = await RouterCalls.open(running.base);
    const data = await older(running, 'n1');
    await accepted(router, some(0, 'written after the backup'));
    expect((await router.remove('docs', [200, 201, 202, 203])).status).toBe(202);
    await running.planner.sweep();
    await killAndReplace(running, 'n1', data);
    await running.planner.handle('NodeFailed', { node_id: 'n1' });
    await back(running, 'n1');
    expect(await lostOf(running)).toMatch(/^index docs: its newest task was \d+ and is \d+$/);
    await running.startWorker();
    await running.untilQuiet(60_000);
    const moves = (await allMoves(running)).filter(({ target }) => target === 'n1');
    expect(moves.length).toBeGreaterThan(0);
    expect(moves.every(({ level, outcome }) => !level && outcome === 'done')).toBe(true);
    const all = await expectEqualCopies(running);
    expect(all.size).toBe(296);
    expect(all.get('0')).toContain('written after the backup');
  }, 120_000);

  it('without that anybody has missed it: it is found, leaves its shards and is restored, also after new writes', async () => {
    const running = await begin(WAITS, 300);
    router = await RouterCalls.open(running.base);
    const data = await older(running, 'n1');
    await accepted(router, some(0, 'written after the backup'));
    await running.planner.sweep();
    await killAndReplace(running, 'n1', data);
    await start(running, 'n1');
    const calls = router;
    await untilTrue(async () => (await calls.put('docs', some(40, 'first'))).status === 202);
    for (let more = 0; more < 12; more += 1) await accepted(calls, some(80, `round ${more}`));
    await running.planner.sweep();
    expect(await lostOf(running)).toMatch(/^index docs: task \d+ is not the one it was$/);
    const { nodes } = await running.base.records.topology();
    expect(nodes.find(({ id }) => id === 'n1')?.state).toBe('restoring');
    expect((await running.base.records.table('docs'))?.shards.flatMap(({ owners }) => owners)).not.toContain('n1');
    await running.startWorker();
    await running.untilQuiet(60_000);
    const all = await expectEqualCopies(running);
    expect(all.size).toBe(300);
    expect(
      [all.get('0'), all.get('40'), all.get('80')].map((text) => /"name":"([^"]*)"/.exec(text ?? '')?.[1]),
    ).toEqual(['written after the backup', 'first', 'round 11']);
    expect((await running.base.records.topology()).nodes.every(({ state }) => state === 'active')).toBe(true);
  }, 120_000);

  it('is not what an index is that was made anew on most of its nodes', async () => {
    const running = await begin(WAITS, 30);
    for (const { id } of running.nodes) {
      const client = running.client(id);
      for (const task of [await client.deleteIndex('docs'), await client.createIndex('docs', 'id')])
        await untilTrue(async () => (await client.tasks({ uids: [task], limit: 1 }))[0]?.finishedAt != null);
    }
    const { version } = await running.base.records.topology();
    await running.planner.sweep();
    await running.planner.sweep();
    expect((await running.base.records.topology()).version).toBe(version);
    expect(await lostOf(running)).toBeNull();
  }, 60_000);
});

describe('a node that others have replaced before it is back', () => {
  /** Shards that it left, of which it is still asked what it had. */
  const asked = async ({ base }: TestFleet): Promise<number> => {
    const shards = (await base.records.table('docs'))?.shards ?? [];
    const lists = await base.repairs.sizes('docs');
    return lists.filter(({ shard, owner }) => owner === 'n1' && shards[shard]?.owners.includes('n1') === false).length;
  };

  it.each(['its data', 'none'] as const)(
    'with %s, is asked what it had of shards that it left as long as it has not lost that',
    async (kind) => {
      const running = await startTestFleet({ config: { repair_delay_ms: 0 } });
      fleet = running;
      await running.createIndex({ shards: 16, replicationFactor: 2, documents: someDocuments(60) });
      await running.planner.sweep();
      if (kind === 'none') await killAndReplace(running, 'n1', null);
      else await kill(running, 'n1');
      await running.planner.handle('NodeFailed', { node_id: 'n1' });
      const { url } = await running.startNode();
      await running.planner.handle('NodeAdded', { node_id: 'n4', url, replica_group: 0 });
      await running.startWorker();
      await running.untilQuiet(60_000);
      expect(await asked(running)).toBeGreaterThan(0);
      await back(running, 'n1');
      await running.untilQuiet(60_000);
      await untilTrue(async () => {
        await running.planner.tick();
        return (await running.base.records.topology()).nodes.every(({ state }) => state === 'active');
      });
      expect((await asked(running)) > 0).toBe(kind === 'its data');
      await expectEqualCopies(running);
    },
    120_000,
  );
});

describe('nodes that die one after the other under writes', () => {
  it.each(['its data', 'none', 'older data'] as const)(
    'and are back with %s have lost nothing that was acknowledged, and copies are equal',
    async (kind) => {
      const running = await begin(WAITS, 200);
      const calls = await RouterCalls.open(running.base);
      router = calls;
      await running.startWorker();
      const acknowledged = new Map<number, number>();
      let written = 0;
      const over = new AbortController();
      const client = async (first: number): Promise<void> => {
        for (let version = 1; !over.signal.aborted; version += 1) {
          const id = first + (version % 30);
          const { status: answer } = await calls.put('docs', [{ id, name: 'written', version }]);
          if (answer !== 202) continue;
          acknowledged.set(id, version);
          written += 1;
        }
      };
      const clients = [1_000, 2_000].map((first) => client(first));
      try {
        for (const id of ['n1', 'n2']) {
          const data = kind === 'older data' ? await older(running, id) : null;
          const before = written;
          await untilTrue(() => written > before + 100);
          await running.planner.sweep();
          if (kind === 'its data') await kill(running, id);
          else await killAndReplace(running, id, data);
          await running.planner.handle('NodeFailed', { node_id: id });
          const left = written;
          await untilTrue(() => written > left + 100);
          await back(running, id);
          await running.untilQuiet(60_000);
        }
      } finally {
        over.abort();
        await Promise.all(clients);
      }
      // What routers were told is applied on both owners before it is compared.
      for (const { id } of running.nodes) {
        const unfinished = () => running.client(id).tasks({ statuses: ['enqueued', 'processing'], limit: 1 });
        await untilTrue(async () => (await unfinished()).length === 0);
      }
      const all = await expectEqualCopies(running);
      const stale = [...acknowledged].filter(([id, version]) => {
        const { version: found = -1 } = JSON.parse(all.get(String(id)) ?? '{}') as { version?: number };
        return found < version;
      });
      expect(stale).toEqual([]);
      const moves = await allMoves(running);
      expect(moves.some(({ level }) => level)).toBe(kind === 'its data');
      expect(moves.every(({ differences }) => differences === 0)).toBe(true);
    },
    180_000,
  );
});
