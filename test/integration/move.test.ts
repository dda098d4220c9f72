// Whole moves on real Redis and real HTTP nodes: adding and draining a node keeps every document where it belongs.
import { afterEach, describe, expect, it } from 'vitest';
import { LastReplicaError } from '../../src/errors.ts';
import { keys, rebalanceScope } from '../../src/redis/keys.ts';
import { checkPlacement } from '../support/check.ts';
import { type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { type Asked, switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

let fleet: TestFleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

async function check(running: TestFleet, uid: string): Promise<Record<string, number>> {
  const [entry, table] = await Promise.all([running.base.records.index(uid), running.base.records.table(uid)]);
  if (entry === null || table === null) throw new Error(`no index ${uid}`);
  const result = await checkPlacement(running.nodes, entry, table, running.documents.get(uid) ?? new Map());
  expect(result).toMatchObject({ lost: [], wrong: [], misplaced: [] });
  return result.perNode;
}

describe('a topology event moves shards', () => {
  it.each([1, 2, 3])(
    '3 to 4 nodes at RF %i keeps every document, and draining empties the node',
    async (replicationFactor) => {
      fleet = await startTestFleet();
      await fleet.createIndex({ documents: someDocuments(3_500), replicationFactor });
      await fleet.startWorker();
      await fleet.startNode();
      const added = await fleet.addNode('n4');
      expect(added.moves).toBeGreaterThan(0);
      await fleet.untilQuiet();
      const before = await check(fleet, 'docs');
      expect(before['n4']).toBeGreaterThan(0);
      await fleet.drainNode('n1');
      await fleet.untilQuiet();
      const after = await check(fleet, 'docs');
      expect(after['n1']).toBe(0);
    },
  );
});

/** What each node held of each shard, and what the table said, at one moment. */
async function sample(running: TestFleet, index: string) {
  const { records } = running.base;
  const before = await records.table(index);
  const held = new Map<string, Set<number>>();
  for (const node of running.nodes) {
    const response = await fetch(`${node.url}/indexes/${index}/documents/fetch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ limit: 100_000, fields: ['id'] }),
    });
    if (response.status === 404) continue;
    const { results } = (await response.json()) as { results: { id: number }[] };
    held.set(node.id, new Set(results.map(({ id }) => id)));
  }
  return { before, held, after: await records.table(index) };
}

describe('P4.2 and P4.3', () => {
  it('at RF 1 between a quarter and 2.2 quarters move, and nothing of ours reads them on the old node afterwards', async () => {
    fleet = await startTestFleet({ config: { grace_ms: 600_000 } });
    await fleet.createIndex({ documents: someDocuments(2_000), shards: 64 });
    await fleet.startWorker();
    await fleet.startNode();
    const { moves } = await fleet.addNode('n4');
    const { records } = fleet.base;
    const inGrace = async () => (await records.unfinishedMoves()).filter(({ phase }) => phase === 'DualWriteStopped');
    await untilTrue(async () => (await inGrace()).length === moves, 25_000);
    const copied = (await inGrace()).reduce((sum, move) => sum + move.docsMigrated, 0);
    expect(copied).toBeGreaterThanOrEqual(2_000 / 4 - 100);
    expect(copied).toBeLessThanOrEqual((2_000 / 4) * 2.2);

    // In its grace a move holds no place, and its index neither claim nor lease.
    const { redis } = fleet.base;
    await untilTrue(async () => (await redis.hget(keys.lease(rebalanceScope('docs')), 'state')) === 'clean');
    await untilTrue(async () => (await redis.llen('{miroir}:rebalance-claims:active')) === 0);
    expect(await redis.exists(keys.nodeMoves('n4', 'in'), keys.nodeMoves('n1', 'out'))).toBe(0);
    expect(await redis.hget(keys.lease(rebalanceScope('docs')), 'state')).toBe('clean');

    const asked = (id: string): Promise<Asked[]> =>
      switchesOf(running.nodes.find((node) => node.id === id) ?? { url: '' }).asked('^/indexes/docs/documents');
    const running = fleet;
    const old = ['n1', 'n2', 'n3'];
    const counts = new Map(await Promise.all(old.map(async (id) => [id, (await asked(id)).length] as const)));
    const table = await records.table('docs');
    for (const move of await inGrace()) {
      expect(table?.shards[move.shard]).toMatchObject({ state: 'settled', owners: ['n4'], readers: ['n4'] });
    }
    await fleet.planner.tick();
    for (const id of old) expect((await asked(id)).length).toBe(counts.get(id));
    // Ended early, each old node is asked for what it deletes, and for nothing else.
    for (const move of await inGrace()) {
      await records.wish(move.id, 'now');
      await fleet.moveQueue.promote(move);
    }
    await fleet.untilQuiet();
    for (const id of old) {
      const later = (await asked(id)).slice(counts.get(id));
      expect(
        later.filter(({ method, path }) => method === 'POST' && path.startsWith('/indexes/docs/documents?')),
      ).toEqual([]);
      expect(later.some(({ path }) => path.includes('delete-batch'))).toBe(true);
    }
    await check(fleet, 'docs');
  });

  it('RF never drops below what it was: at any moment the owners of every shard hold all of its documents', async () => {
    const running = await startTestFleet();
    fleet = running;
    await running.createIndex({ documents: someDocuments(600), shards: 8, replicationFactor: 2 });
    const members = new Map<number, Set<number>>();
    for (const node of running.nodes) {
      for (const text of (await switchesOf(node).texts('docs')).values()) {
        const { id, _miroir_shard: shard } = JSON.parse(text) as { id: number; _miroir_shard: number };
        members.set(shard, (members.get(shard) ?? new Set()).add(id));
      }
    }
    await running.startWorker();
    await running.startNode();
    await running.addNode('n4');
    const broken: string[] = [];
    let samples = 0;
    const watching = { on: true };
    const watch = async (): Promise<void> => {
      for (; watching.on; samples += 1) {
        const { before, held, after } = await sample(running, 'docs');
        for (const { shard, owners, readers } of before?.shards ?? []) {
          if (owners.length !== 2 || readers.length !== 2)
            broken.push(`shard ${shard}: ${owners.join()} and ${readers.join()}`);
          // Who owned it before and after the look owned it during the look.
          for (const owner of owners.filter((id) => after?.shards[shard]?.owners.includes(id))) {
            const missing = [...(members.get(shard) ?? [])].filter((id) => held.get(owner)?.has(id) !== true);
            if (missing.length > 0) broken.push(`shard ${shard}: ${owner} lacks ${missing.length} documents`);
          }
        }
      }
    };
    const move = async (): Promise<void> => {
      try {
        await running.untilQuiet();
        await running.drainNode('n1');
        await running.untilQuiet();
      } finally {
        watching.on = false;
      }
    };
    await Promise.all([watch(), move()]);
    expect(broken).toEqual([]);
    expect(samples).toBeGreaterThan(5);
    expect((await check(running, 'docs'))['n1']).toBe(0);
  });

  it('the last node of a group cannot be drained, and nothing is changed', async () => {
    fleet = await startTestFleet({ nodes: 2, groups: [0, 1] });
    await fleet.createIndex({ documents: someDocuments(50), shards: 4, groups: [0, 1] });
    const before = await fleet.base.records.topology();
    await expect(fleet.drainNode('n2')).rejects.toBeInstanceOf(LastReplicaError);
    expect(await fleet.base.records.topology()).toEqual(before);
    expect(await fleet.base.records.unfinishedMoves()).toEqual([]);
  });

  it('a node that joins one of two replica groups moves shards of its own group only', async () => {
    fleet = await startTestFleet({ nodes: 4, groups: [0, 0, 1, 1] });
    await fleet.createIndex({ documents: someDocuments(400), shards: 16, groups: [0, 1] });
    await fleet.startWorker();
    await fleet.startNode();
    const before = await fleet.base.records.table('docs');
    await fleet.addNode('n5', 1);
    const moves = await fleet.base.records.unfinishedMoves();
    expect(moves.length).toBeGreaterThan(0);
    expect(
      moves.every(({ group, source, target }) => group === 1 && ['n3', 'n4'].includes(source) && target === 'n5'),
    ).toBe(true);
    await fleet.untilQuiet();
    const after = await fleet.base.records.table('docs');
    const ofGroup0 = (owners: readonly string[] = []): string[] => owners.filter((id) => id === 'n1' || id === 'n2');
    for (const { shard, owners } of after?.shards ?? []) {
      expect(ofGroup0(owners)).toEqual(ofGroup0(before?.shards[shard]?.owners));
    }
    expect((await check(fleet, 'docs'))['n5']).toBeGreaterThan(0);
  });
});

describe('limits and grace', () => {
  it('a process never runs more moves than max_concurrent_migrations, over all its indexes', async () => {
    fleet = await startTestFleet({ nodes: 2, config: { max_concurrent_migrations: 3, moves_per_node: 64 } });
    for (const uid of ['a', 'b', 'c']) await fleet.createIndex({ uid, documents: someDocuments(100), shards: 6 });
    for (const node of fleet.nodes)
      await switchesOf(node).fault({ match: { method: 'POST', path: 'documents\\?' }, do: 'delay', ms: 60 });
    const orders = [];
    for (const index of ['a', 'b', 'c']) {
      for (const { shard, owners } of (await fleet.base.records.table(index))?.shards ?? []) {
        orders.push({ index, shard, target: owners[0] === 'n1' ? 'n2' : 'n1' });
      }
    }
    const moves = await fleet.orderMoves(...orders);
    const { records } = fleet.base;
    let most = 0;
    let samples = 0;
    await fleet.startWorker();
    await untilTrue(async () => {
      const now = await records.moves(moves.map(({ id }) => id));
      const running = now.filter(
        (move) => move.startedAtMs !== null && move.outcome === undefined && move.phase !== 'DualWriteStopped',
      );
      most = Math.max(most, running.length);
      samples += 1;
      return now.every(({ outcome }) => outcome === 'done');
    }, 25_000);
    expect(samples).toBeGreaterThan(5);
    expect(most).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThan(1);
    for (const uid of ['a', 'b', 'c']) await check(fleet, uid);
  });

  it('a new move of a shard in its grace ends the older grace early, with every check', async () => {
    fleet = await startTestFleet({ config: { grace_ms: 600_000 } });
    await fleet.createIndex({ documents: someDocuments(100), shards: 1 });
    await fleet.startWorker();
    const { route } = await fleet.base.records.route('docs', 0);
    const [first = ''] = route.owners;
    const [second = '', third = ''] = ['n1', 'n2', 'n3'].filter((id) => id !== first);
    const one = await fleet.orderMove({ index: 'docs', target: second });
    await fleet.untilMove(one.id, ({ waiting }) => waiting?.reason.startsWith('grace') === true);
    expect((await switchesOf(fleet.nodes.find(({ id }) => id === first) ?? { url: '' }).texts('docs')).size).toBe(100);
    const two = await fleet.orderMove({ index: 'docs', target: third });
    const ended = await fleet.untilEnded(one.id);
    expect(ended).toMatchObject({ outcome: 'done', wish: 'now' });
    expect((ended.endedAtMs ?? 0) - (ended.phaseAtMs ?? 0)).toBeLessThan(60_000);
    // Back to the first: its old copy is gone, so nothing of it can be taken for new.
    await fleet.untilMove(two.id, ({ phase }) => phase === 'DualWriteStopped');
    const three = await fleet.orderMove({ index: 'docs', target: first });
    await fleet.untilEnded(two.id);
    await fleet.untilMove(three.id, ({ waiting }) => waiting?.reason.startsWith('grace') === true);
    await fleet.base.records.wish(three.id, 'now');
    await fleet.moveQueue.promote(three.phase === 'Idle' ? await fleet.untilMove(three.id, () => true) : three);
    await fleet.untilEnded(three.id);
    expect((await check(fleet, 'docs'))[first]).toBe(100);
  });
});

describe('a node that is not what it seems', () => {
  it('two ids for one server are refused, by the URL and, under another spelling of it, before anything is deleted', async () => {
    const started = await startTestFleet({ nodes: 2 });
    fleet = started;
    await fleet.createIndex({ documents: someDocuments(300), shards: 8 });
    await fleet.startWorker();
    const [n1] = fleet.nodes;
    const same = { node_id: 'alias', replica_group: 0, url: n1?.url ?? '' };
    await expect(fleet.planner.handle('NodeAdded', same)).rejects.toMatchObject({
      code: 'miroir_node_conflict',
      field: 'url',
    });
    await fleet.planner.handle('NodeAdded', { ...same, url: same.url.replace('127.0.0.1', 'localhost') });
    const moving = async () => (await started.base.records.unfinishedMoves()).filter(({ source }) => source === 'n1');
    await untilTrue(async () =>
      (await moving()).some(({ waiting }) => waiting?.reason.includes('are one server') === true),
    );
    expect((await moving()).every(({ phase }) => phase === 'Idle')).toBe(true);
    // Shards of the other node go to the alias meanwhile, so some documents are on both: none is on neither.
    const ids = await Promise.all(fleet.nodes.map(async (node) => [...(await switchesOf(node).texts('docs')).keys()]));
    expect(new Set(ids.flat()).size).toBe(300);
  });

  it('a target that fails in its grace keeps the old copy, and the lost replica is restored elsewhere', async () => {
    fleet = await startTestFleet({ config: { grace_ms: 600_000 } });
    await fleet.createIndex({ documents: someDocuments(200), shards: 1, replicationFactor: 2 });
    await fleet.startWorker();
    const { route } = await fleet.base.records.route('docs', 0);
    const target = ['n1', 'n2', 'n3'].find((id) => !route.owners.includes(id)) ?? '';
    const [source = ''] = route.owners;
    const move = await fleet.orderMove({ index: 'docs', target });
    await fleet.untilMove(move.id, ({ waiting }) => waiting?.reason.startsWith('grace') === true);
    await fleet.nodes.find(({ id }) => id === target)?.stop();
    await fleet.planner.handle('NodeFailed', { node_id: target });
    const ended = await fleet.untilEnded(move.id);
    expect(ended).toMatchObject({ outcome: 'done' });
    expect(ended.error).toContain(`copy on ${source} kept`);
    await fleet.untilQuiet();
    const after = await fleet.base.records.route('docs', 0);
    expect([...after.route.owners].sort((a, b) => a.localeCompare(b))).toEqual(
      ['n1', 'n2', 'n3'].filter((id) => id !== target),
    );
  });
});
