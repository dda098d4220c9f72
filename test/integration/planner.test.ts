import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stateText } from '../../src/cli/node-commands.ts';
import { listNodes } from '../../src/control/nodes.ts';
import { locateKey } from '../../src/core/hashing.ts';
import { CLAIMS_QUEUE, QUEUE_PREFIX } from '../../src/queue/names.ts';
import { keys } from '../../src/redis/keys.ts';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';
import { untilTrue } from '../support/until.ts';

let fleet: PlanningFleet;

beforeAll(async () => {
  fleet = await startPlanningFleet(4);
}, 60_000);
afterAll(async () => {
  await fleet.stop();
});

const unfinished = () => fleet.base.records.unfinishedMoves();
const nodeState = async (id: string): Promise<string | undefined> =>
  (await fleet.base.records.topology()).nodes.find((node) => node.id === id)?.state;

/** Puts documents without our fields on a node: so many of shards that it owns, and some of shards that it does not. */
async function putStray(node: string, count: number, index = 'books'): Promise<{ readonly own: readonly string[] }> {
  const table = await fleet.base.records.table(index);
  const isOwned = (id: string): boolean => table?.shards[locateKey(id, 16).shard]?.owners.includes(node) === true;
  const ids = Array.from({ length: 200 }, (_, at) => `stray-${at}`);
  const own = ids.filter(isOwned).slice(0, count);
  const others = ids.filter((id) => !isOwned(id)).slice(0, 20);
  const documents = JSON.stringify([...own, ...others].map((id) => ({ id })));
  await fleet.applied(node, await fleet.client(node).putDocuments(index, 'id', documents, 'test'));
  return { own };
}

describe('an event becomes a plan', () => {
  beforeEach(async () => {
    await fleet.reset();
    await fleet.createIndex('books', 16, 200);
    await fleet.startPlanner().worker.leading;
  });

  it('plans the moves to a new node, with one chain of five jobs each and one claim for the index', async () => {
    const outcome = await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    const moves = await unfinished();
    expect(outcome).toMatchObject({ change: 'changed', moves: moves.length, blocked: 0 });
    expect(moves.length).toBeGreaterThan(0);
    expect(new Set(moves.map((move) => move.target))).toEqual(new Set(['n4']));
    const { ids } = await fleet.jobs('books');
    expect(ids).toEqual(moves.flatMap(({ id }) => [1, 2, 3, 4, 5].map((phase) => `${id}-f0-${phase}`)).sort());
    const claims = new Queue(CLAIMS_QUEUE, { connection: fleet.base.redis, prefix: QUEUE_PREFIX });
    expect((await claims.getWaiting()).map((job) => job.data as unknown)).toEqual([
      { v: 1, index: 'books', miroir_task_id: 'rebalance:books' },
    ]);
    await claims.close();
    expect(await nodeState('n4')).toBe('joining');
  });

  it('answers a repeated event with the plan that exists, in the tagged form too', async () => {
    const first = await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    const again = await fleet.send('NodeAdded', { NodeAdded: { node_id: 'n4', url: fleet.url('n4') } });
    expect(again).toEqual({ ...first, change: 'repeated' });
    const { length } = await unfinished();
    expect(length).toBe(first.moves);
  });

  it('plans what an earlier event of the same node left out: it named another index', async () => {
    await fleet.createIndex('films', 16);
    const one = await fleet.send('NodeDraining', { node_id: 'n1', index_uid: 'books' });
    expect(new Set((await unfinished()).map(({ index }) => index))).toEqual(new Set(['books']));
    const all = await fleet.send('NodeDraining', { node_id: 'n1' });
    expect(all.change).toBe('changed');
    const films = (await fleet.base.records.table('films'))?.shards.filter(({ owners }) => owners.includes('n1'));
    const moves = await unfinished();
    expect(moves.filter(({ index, source }) => index === 'films' && source === 'n1')).toHaveLength(films?.length ?? 0);
    expect(moves).toHaveLength(one.moves + all.moves);
    expect(await fleet.send('NodeDraining', { node_id: 'n1' })).toMatchObject({ change: 'repeated', plan: all.plan });
  });

  it('plans moves that failed before they changed a route anew when the event comes again, each time', async () => {
    const plans: (string | null)[] = [];
    for (let time = 0; time < 3; time += 1) {
      const { change, plan, moves } = await fleet.send('NodeDraining', { node_id: 'n1' });
      expect({ change, moves }).toEqual({ change: 'changed', moves: (await unfinished()).length });
      plans.push(plan);
      await fleet.failMoves();
    }
    expect(new Set(plans).size).toBe(3);
    expect(plans).not.toContain(null);
  });

  it('refuses a repeated event whose further documents cannot be moved', async () => {
    await fleet.createIndex('films', 16);
    await fleet.send('NodeDraining', { node_id: 'n1', index_uid: 'books' });
    await putStray('n1', 1, 'films');
    expect(await fleet.refusal('NodeDraining', { node_id: 'n1' })).toMatch(/^miroir_index_unsplit: /);
    expect((await unfinished()).every(({ index }) => index === 'books')).toBe(true);
  });

  it('plans add, drain and add three times, each from where the shards are', async () => {
    // Nobody moves documents here: the new node has the index as the first phase would have left it.
    await fleet.prepare('n4', 'books');
    const add = await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    await fleet.finishMoves();
    await untilTrue(async () => (await nodeState('n4')) === 'active');
    const drain = await fleet.send('NodeDraining', { node_id: 'n4' });
    expect(await unfinished()).toHaveLength(add.moves);
    await fleet.finishMoves();
    const again = await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    expect(again).toMatchObject({ change: 'changed', moves: add.moves });
    expect(new Set([add.plan, drain.plan, again.plan]).size).toBe(3);
    await untilTrue(
      async () => (await fleet.base.records.plans(10)).filter(({ state }) => state === 'done').length === 2,
    );
  });

  it('plans again while a plan runs: keeps what helps, cancels what does not', async () => {
    const add = await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    const drain = await fleet.send('NodeDraining', { node_id: 'n4' });
    expect(drain).toMatchObject({ change: 'changed', moves: 0 });
    const moves = await unfinished();
    expect(moves).toHaveLength(add.moves);
    expect(moves.every((move) => move.cancelWished)).toBe(true);
  });

  it('makes a node active when nothing is on its way to it any more, and closes the plan', async () => {
    const { plan } = await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    await fleet.finishMoves();
    await untilTrue(async () => (await nodeState('n4')) === 'active');
    await untilTrue(async () => (await fleet.base.records.plans(0)).length === 0);
    expect(await fleet.base.records.plan(plan ?? '')).toMatchObject({ state: 'done', left: 0 });
  });

  it('takes a node out only when it is draining and owns nothing', async () => {
    expect(await fleet.refusal('NodeRemoved', { node_id: 'n1' })).toMatch(
      /^miroir_node_not_drained: .*\[field: node_id\] drain the node first/,
    );
    await fleet.send('NodeDraining', { node_id: 'n1' });
    expect(await fleet.refusal('NodeRemoved', { node_id: 'n1' })).toMatch(/^miroir_node_not_drained: /);
    await fleet.finishMoves();
    expect(await fleet.send('NodeRemoved', { node_id: 'n1' })).toMatchObject({ change: 'changed', plan: null });
    expect(await nodeState('n1')).toBe('removed');
  });

  it('drops the repair lists of a node that was removed, of each shard of which no owner has one', async () => {
    const { repairs, records } = fleet.base;
    const sizes = async () => (await repairs.sizes('books')).map(({ shard, owner }) => `${shard}:${owner}`);
    await fleet.send('NodeDraining', { node_id: 'n1' });
    await fleet.finishMoves();
    const owner = (await records.route('books', 1)).route.owners[0] ?? '';
    await repairs.add('books', 0, 'shard', ['n1']);
    await repairs.add('books', 1, 'shard', ['n1']);
    await repairs.add('books', 1, ['7'], [owner]);
    await repairs.add('books', 2, ['8', '9'], ['n1']);
    // While it is a node its copies may be asked for.
    await fleet.base.clock.sleep(700);
    expect(await sizes()).toEqual(['0:n1', '1:n1', `1:${owner}`, '2:n1']);
    await fleet.send('NodeRemoved', { node_id: 'n1' });
    await untilTrue(async () => !(await sizes()).includes('2:n1'));
    expect(await sizes()).toEqual(['1:n1', `1:${owner}`]);
    const score = (await repairs.scores('books', 1, [owner], ['7'])).get(owner)?.ids.get('7') ?? '';
    await repairs.clear('books', 1, owner, new Map([['7', score]]));
    await untilTrue(async () => (await sizes()).length === 0);
  });

  it('takes a node out that has failed for good, unless it has the only copy of a shard', async () => {
    await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    await fleet.send('NodeFailed', { node_id: 'n4' });
    await fleet.finishMoves();
    await fleet.send('NodeFailed', { node_id: 'n1' });
    expect(await fleet.refusal('NodeRemoved', { node_id: 'n1' })).toMatch(/^miroir_node_not_drained: .*the only copy/);
    expect(await fleet.send('NodeRemoved', { node_id: 'n4' })).toMatchObject({ change: 'changed' });
    const node = (await fleet.base.records.topology()).nodes.find(({ id }) => id === 'n4');
    expect(node).toEqual({ v: 1, id: 'n4', group: 0, url: fleet.url('n4'), state: 'removed' });
  });

  it('gives moves whose jobs were lost new ones at the next sweep', async () => {
    const { moves } = await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    const { redis } = fleet.base;
    const [begun] = await unfinished();
    await redis.hset(keys.move(begun?.id ?? ''), 'startedAt', Date.now());
    // At once: a sweep between two of them would make jobs that go with the next.
    await redis.del(...(await redis.keys('{miroir}:rebalance*')));
    await untilTrue(
      async () => (await fleet.jobs('books')).ids.filter((id) => id.includes('-f1-')).length === moves * 5,
    );
    expect((await unfinished()).every((move) => move.flow === 1)).toBe(true);
    // One that has begun stands in no line with those that wait for places.
    expect(await redis.lrange('{miroir}:rebalance.books:wait', 0, -1)).toEqual([`${begun?.id}-f1-1`]);
    expect(await redis.zcard('{miroir}:rebalance.books:prioritized')).toBe(moves - 1);
  });

  it('tries a job that failed again, and asks for a worker', async () => {
    await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    const [move] = await unfinished();
    const id = `${move?.id}-f0-1`;
    const { redis } = fleet.base;
    const failing = new Worker('rebalance.books', async (job) => Promise.reject(new UnrecoverableError(job.id)), {
      connection: { url: fleet.redis.url },
      prefix: QUEUE_PREFIX,
    });
    await untilTrue(async () => (await redis.zscore('{miroir}:rebalance.books:failed', id)) !== null);
    await failing.close();
    await redis.del('{miroir}:rebalance-claims:wait', '{miroir}:rebalance-claims:de:books');
    await untilTrue(async () => (await redis.zcard('{miroir}:rebalance.books:failed')) === 0);
    await untilTrue(async () => (await redis.llen('{miroir}:rebalance-claims:wait')) === 1);
    expect((await unfinished()).every(({ flow }) => flow === 0)).toBe(true);
  });

  it('plans the shards of moves anew that were given up because the routes had changed', async () => {
    const { plan } = await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    const [first, ...rest] = await unfinished();
    await fleet.finishMoves(rest.map(({ id }) => id));
    const { redis, records } = fleet.base;
    await redis.hset(`{miroir}:move:${first?.id}`, {
      outcome: 'cancelled',
      error: 'OutdatedMove: the source is another',
    });
    await redis.srem('{miroir}:moves', first?.id ?? '');
    await redis.hset(`{miroir}:plan:${plan}`, { state: 'done', left: 0 });
    await untilTrue(async () =>
      (await unfinished()).some(({ planId, shard }) => planId !== plan && shard === first?.shard),
    );
    await untilTrue(async () => (await records.plans(0)).every(({ id }) => id !== plan));
    expect(await unfinished()).toHaveLength(1);
  });

  it('ends a hold that nobody ended', async () => {
    await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    const [move] = await unfinished();
    const { redis, records } = fleet.base;
    const shard = move?.shard ?? 0;
    const { route } = await records.route('books', shard);
    const held = {
      epoch: 2,
      heldUntilMs: 1,
      state: 'held',
      owners: route.owners,
      readers: route.readers,
      moveId: move?.id,
    };
    await redis.hset('{miroir}:routing:books', { epoch: 2, [`s:${shard}`]: JSON.stringify(held) });
    await redis.hset(`{miroir}:move:${move?.id}`, { phase: 'MigrationComplete' });
    await untilTrue(async () => (await records.route('books', shard)).route.state === 'tracking');
    expect((await records.table('books'))?.epoch).toBe(3);
  });

  it('restores the copies of a failed node elsewhere, and takes it back when it has recovered', async () => {
    await fleet.reset();
    await fleet.createIndex('twice', 12, 60, 2);
    await fleet.startPlanner().worker.leading;
    const failed = await fleet.send('NodeFailed', { node_id: 'n1' });
    const moves = await unfinished();
    expect(moves).toHaveLength(failed.moves);
    expect(
      moves.every(({ reason, source, retires }) => reason === 'restore' && source !== 'n1' && retires === null),
    ).toBe(true);
    await fleet.finishMoves();
    const recovered = await fleet.send('NodeRecovered', { node_id: 'n1' });
    expect(recovered).toMatchObject({ change: 'changed', moves: failed.moves });
    await fleet.finishMoves();
    await untilTrue(async () => (await nodeState('n1')) === 'active');
    expect(await fleet.send('NodeRecovered', { node_id: 'n1' })).toMatchObject({ change: 'repeated', plan: null });
  });

  it('goes on draining a node that failed meanwhile, when it has recovered', async () => {
    await fleet.reset();
    await fleet.createIndex('books', 16, 60);
    await fleet.startPlanner().worker.leading;
    const { moves } = await fleet.send('NodeDraining', { node_id: 'n1' });
    expect(moves).toBeGreaterThan(0);
    expect(await fleet.send('NodeFailed', { node_id: 'n1' })).toMatchObject({ change: 'changed', blocked: moves });
    const [failed] = await listNodes(fleet.base);
    expect(stateText(failed!)).toBe('failed, to be drained');
    // Those that were planned before are cancelled.
    await fleet.finishMoves();
    await fleet.send('NodeRecovered', { node_id: 'n1' });
    const wished = async () => (await unfinished()).filter(({ cancelWished }) => !cancelWished);
    await untilTrue(async () => (await wished()).length === moves);
    expect(await nodeState('n1')).toBe('draining');
    expect((await wished()).every(({ reason, retires }) => reason === 'drain' && retires === 'n1')).toBe(true);
    expect(failed).toMatchObject({ drainWished: true, drained: false, failedAtMs: expect.any(Number) as number });
    await fleet.finishMoves();
    const [left] = await listNodes(fleet.base);
    expect([left?.drained, stateText(left!)]).toEqual([true, 'drained']);
    expect(await fleet.send('NodeRemoved', { node_id: 'n1' })).toMatchObject({ change: 'changed' });
  });

  it('warns once of a queue of the same name that nobody looks at', async () => {
    const stray = new Queue('topology-events', { connection: { url: fleet.redis.url } });
    await stray.add('NodeAdded', { node_id: 'n4' });
    const planner = fleet.startPlanner();
    await Promise.all(fleet.planners.slice(0, -1).map((other) => other.close()));
    await planner.worker.leading;
    const text = 'events wait in a queue that nobody looks at';
    await untilTrue(() => planner.warnings.includes(text));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(planner.warnings.filter((warning) => warning === text)).toHaveLength(1);
    await stray.close();
  });

  it('closes plans and makes nodes active although what observers report cannot be read', async () => {
    const { plan } = await fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
    await fleet.base.redis.hset('{miroir}:observers', 'broken', '{"untilMs":99999999999999,');
    await fleet.finishMoves();
    await untilTrue(async () => (await nodeState('n4')) === 'active');
    await untilTrue(async () => (await fleet.base.records.plans(0)).length === 0);
    expect(await fleet.base.records.plan(plan ?? '')).toMatchObject({ state: 'done' });
    // Told when the whole look is over, not at the step that failed.
    const told = 'looking after moves failed, trying again';
    await untilTrue(() => fleet.planners[0]?.warnings.includes(told) === true);
  });

  it('looks after moves and health each second while a node that hangs is looked at, once for all its indexes', async () => {
    await fleet.reset();
    for (const uid of ['books', 'films', 'songs']) await fleet.createIndex(uid, 4);
    // Answers for its newest task alone, as one that has frozen just after that.
    const asked: string[] = [];
    let sweeps = 0;
    const node = createServer(({ url = '' }, response) => {
      if (url.startsWith('/tasks')) {
        sweeps += 1;
        response.end('{"results":[]}');
      } else asked.push(url);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => node.once('listening', resolve));
    const { redis, records } = fleet.base;
    const [n1] = (await records.topology()).nodes;
    const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    await redis.hset('{miroir}:topology', 'node:n1', JSON.stringify({ v: 1, ...n1, url }));
    // Every tick fails by it, and says so.
    await redis.hset('{miroir}:observers', 'broken', '{"untilMs":99999999999999,');
    const { warnings } = fleet.startPlanner();
    const ticks = (): number => warnings.filter((one) => one.startsWith('looking after moves failed')).length;
    await untilTrue(() => asked.length > 0);
    const before = ticks();
    await untilTrue(() => ticks() >= before + 3);
    expect(sweeps).toBe(1);
    await untilTrue(() => sweeps === 2);
    expect(new Set(asked)).toEqual(new Set(['/indexes/books']));
    node.close();
    node.closeAllConnections();
  });

  it('keeps an event whose change Redis has no memory for, and plans it when there is some', async () => {
    const planner = fleet.planners[0];
    const { redis } = fleet.base;
    // The node is asked once the event has begun, before anything is written.
    let maxmemory = '1';
    const node = createServer((_, response) => {
      void redis.config('SET', 'maxmemory', maxmemory).then(() => response.end('{"pkgVersion":"1.53.2"}'));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => node.once('listening', resolve));
    const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    const { jobId } = await fleet.producer.nodeAdded({ nodeId: 'n9', url });
    await untilTrue(() => planner?.warnings.includes('event not planned yet, it keeps its place') === true);
    maxmemory = '0';
    await redis.config('SET', 'maxmemory', '0');
    expect(await fleet.producer.result(jobId, { timeoutMs: 15_000 })).toMatchObject({ change: 'changed' });
    node.close();
  });

  it('leaves an event of a newer version for a newer planner', async () => {
    const job = await fleet.events.add('NodeAdded', { v: 99, node_id: 'n4', new_field: 1 });
    await untilTrue(async () => (await fleet.events.getDelayedCount()) === 1);
    expect(await job.getState()).toBe('delayed');
  });
});

describe('a refused event fails with code, field and remedy, changes nothing, and the next one goes on', () => {
  let port = 0;

  beforeAll(async () => {
    // A port that nobody listens on.
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    port = (server.address() as AddressInfo).port;
    server.close();
    await fleet.reset();
    await fleet.createIndex('books', 16, 100);
    await fleet.startPlanner().worker.leading;
  });

  it.each([
    ['an unknown event', 'NodeVanished', { node_id: 'n1' }, 'miroir_unknown_event', 'name', 'send one of NodeAdded'],
    ['a missing field', 'NodeAdded', {}, 'miroir_invalid_input', 'node_id', 'give the id of a node'],
    [
      'a wrong field',
      'NodeAdded',
      { node_id: 'n4', replica_group: 'x' },
      'miroir_invalid_input',
      'replica_group',
      'number of a replica group',
    ],
    [
      'a field too many',
      'NodeDraining',
      { node_id: 'n1', url: 'http://127.0.0.1:1' },
      'miroir_invalid_input',
      'url',
      'leave it out',
    ],
    ['data that is no object', 'NodeDraining', 7, 'miroir_invalid_input', 'data', 'send {"node_id"'],
    [
      'an unknown index',
      'NodeDraining',
      { node_id: 'n1', index_uid: 'nope' },
      'miroir_index_unknown',
      'index_uid',
      'miroir index create',
    ],
    ['an unknown node', 'NodeDraining', { node_id: 'n9' }, 'miroir_node_unknown', 'node_id', 'NodeAdded'],
    [
      'a URL that is not http(s)',
      'NodeAdded',
      { node_id: 'n4', url: 'ftp://127.0.0.1:1' },
      'miroir_invalid_input',
      'url',
      'http',
    ],
    [
      'a URL outside node_origins',
      'NodeAdded',
      { node_id: 'n4', url: 'http://192.0.2.1:7700' },
      'miroir_node_origin',
      'url',
      'MIROIR_NODE_ORIGINS',
    ],
    [
      'a group that does not exist',
      'NodeAdded',
      { node_id: 'n4', replica_group: 7, url: 'http://127.0.0.1:1' },
      'miroir_group_unknown',
      'replica_group',
      'send one of 0',
    ],
    [
      'the id of another node',
      'NodeAdded',
      { node_id: 'n1', url: 'http://127.0.0.1:1' },
      'miroir_node_conflict',
      'url',
      'id of its own',
    ],
    [
      'a key that is not here',
      'NodeAdded',
      { node_id: 'n4', url: 'http://127.0.0.1:1', api_key_ref: 'nope' },
      'miroir_config',
      'api_key_ref',
      'MIROIR_NODE_KEY_NOPE',
    ],
  ])('%s', async (_, name, data, code, field, remedy) => {
    const before = await fleet.snapshot();
    const reason = await fleet.refusal(name, data);
    expect(reason).toContain(`${code}: `);
    expect(reason).toContain(`[field: ${field}]`);
    expect(reason).toContain(remedy);
    expect(await fleet.snapshot()).toBe(before);
  });

  it('a node that does not answer', async () => {
    const before = await fleet.snapshot();
    const reason = await fleet.refusal('NodeAdded', { node_id: 'n4', url: `http://127.0.0.1:${port}` });
    expect(reason).toMatch(/^miroir_node_unreachable: .*\[field: url\] start the node/);
    expect(await fleet.snapshot()).toBe(before);
  });

  it('documents without a slot of shards that the node owns, with their number', async () => {
    const { own } = await putStray('n1', 3);
    const before = await fleet.snapshot();
    const reason = await fleet.refusal('NodeDraining', { node_id: 'n1' });
    expect(reason).toMatch(/^miroir_index_unsplit: 3 of \d+ documents of index books on node n1/);
    expect(reason).toContain('[field: index_uid] `miroir index adopt books --yes`');
    expect(await fleet.snapshot()).toBe(before);
    const ids = own.map((id) => JSON.stringify(id));
    await fleet.applied('n1', await fleet.client('n1').deleteDocuments('books', ids, 'test'));
    // Those of other shards are still there: no move carries them, and nothing done with the event would take them away.
    expect(await fleet.send('NodeDraining', { node_id: 'n1' })).toMatchObject({ change: 'changed' });
  });

  it('a shard count that differs from the registry', async () => {
    await fleet.reset();
    await fleet.createIndex('books', 16, 100);
    const entry = { v: 1, uid: 'books', primaryKey: 'id', shards: 8, replicationFactor: 1, groups: [0] };
    await fleet.base.redis.hset('{miroir}:indexes', 'books', JSON.stringify(entry));
    for (let shard = 8; shard < 16; shard += 1) await fleet.base.redis.hdel('{miroir}:routing:books', `s:${shard}`);
    await fleet.startPlanner().worker.leading;
    const reason = await fleet.refusal('NodeDraining', { node_id: 'n2' });
    expect(reason).toMatch(
      /^miroir_index_conflict: index books has 8 shards, .*\[field: shards\] its documents were split/,
    );
  });

  it('the last node of a group, and a node whose copies would have nowhere to go', async () => {
    await fleet.reset(2);
    await fleet.createIndex('twice', 4, 10, 2);
    await fleet.startPlanner().worker.leading;
    expect(await fleet.refusal('NodeDraining', { node_id: 'n1' })).toMatch(
      /^miroir_last_replica: .*2 copies.*\[field: node_id\] add a node/,
    );
    await fleet.reset(1);
    await fleet.startPlanner().worker.leading;
    expect(await fleet.refusal('NodeDraining', { node_id: 'n1' })).toMatch(
      /^miroir_last_replica: .*last node.*\[field: node_id\]/,
    );
    expect(await fleet.send('NodeAdded', { node_id: 'n2', url: fleet.url('n2') })).toMatchObject({ change: 'changed' });
  });
});
