import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PHASES } from '../../src/core/move.ts';
import { slotForKey, shardForKey } from '../../src/core/hashing.ts';
import { type Running, startRebalancer } from '../../src/service.ts';
import { createPasses } from '../../src/redis/passes.ts';
import { entryCommand } from '../support/built-entry.ts';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';
import { untilTrue } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');
const CLI = entryCommand('src/cli/main');

let fleet: PlanningFleet;
let worker: Running | undefined;

beforeAll(async () => {
  fleet = await startPlanningFleet(4, { MIROIR_GRACE_MS: '0', MIROIR_MIGRATION_BATCH_DELAY_MS: '0' });
  await fleet.reset();
  await fleet.startPlanner().worker.leading;
}, 60_000);
afterAll(async () => {
  await worker?.close();
  await fleet.stop();
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly talk: string;
}

interface Started {
  readonly ended: Promise<Ended>;
  readonly talk: () => string;
  readonly out: () => string;
  interrupt(): void;
  /** As `| head` does once it has seen enough. */
  leave(): void;
}

function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Started {
  const child = spawn(CLI.command, [...CLI.args, ...args], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      MIROIR_REDIS_URL: fleet.redis.url,
      MIROIR_ALLOW_VOLATILE_REDIS: '1',
      ...environment,
    },
  });
  let out = '';
  let talk = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (talk += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => resolve({ code, out, talk }));
  });
  return {
    ended,
    talk: () => talk,
    out: () => out,
    interrupt: () => child.kill('SIGINT'),
    leave: () => child.stdout.destroy(),
  };
}

const miroir = (...args: string[]): Promise<Ended> => start(args).ended;

describe('miroir', () => {
  it('creates an index on its owners and registers it; a second time is a conflict', async () => {
    const created = await miroir('index', 'create', 'books', '--shards', '8', '--searchable', 'name', '-o', 'json');
    expect(created).toMatchObject({ code: 0, talk: '' });
    expect(JSON.parse(created.out)).toEqual({
      uid: 'books',
      primaryKey: 'id',
      shards: 8,
      replicationFactor: 1,
      groups: [0],
    });
    const settings = await fleet.client('n1').settings('books');
    expect(JSON.stringify(settings['filterableAttributes'])).toContain('_miroir_slot');
    expect(settings['searchableAttributes']).toEqual(['name']);
    const again = await miroir('index', 'create', 'books');
    expect(again).toMatchObject({ code: 6, out: '' });
    expect(again.talk).toBe(
      'error miroir_index_conflict: index books is registered already\nfield: index_uid\nremedy: take another uid, or see `miroir index show`\n',
    );
  });

  it('lists and shows', async () => {
    const list = await miroir('index', 'list');
    expect(list.out).toMatch(/^INDEX +PRIMARY KEY .*\nbooks +id +8 /);
    const shown = JSON.parse((await miroir('index', 'show', 'books', '-o', 'json')).out) as { routes: unknown[] };
    expect(shown.routes).toHaveLength(8);
    const nodes = JSON.parse((await miroir('-o', 'json', 'node', 'list')).out) as { id: string; shards: number }[];
    expect(nodes.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3']);
    expect(nodes.reduce((sum, { shards }) => sum + shards, 0)).toBe(8);
  });

  it('tells where a document belongs', async () => {
    const { out } = await miroir('where', 'books', '3040132', '-o', 'json');
    const route = await fleet.base.records.route('books', shardForKey('3040132', 8));
    expect(JSON.parse(out)).toEqual({
      index: 'books',
      id: '3040132',
      shard: shardForKey('3040132', 8),
      slot: slotForKey('3040132'),
      state: 'stable',
      owners: route.route.owners,
      readers: route.route.readers,
      move: null,
      epoch: 1,
    });
  });

  it('stops waiting at its deadline with 4, and detaches at Ctrl-C with a word, while the work goes on', async () => {
    const late = await miroir('node', 'add', 'n4', '--url', fleet.url('n4'), '--wait', '--timeout', '500ms');
    expect(late.code).toBe(4);
    expect(late.talk).toContain('error miroir_timeout: plan p');
    expect(late.talk).toContain('remedy: it goes on by itself');
    const watching = start(['node', 'add', 'n4', '--url', fleet.url('n4'), '--wait']);
    await untilTrue(() => watching.talk().includes('moves settled'));
    watching.interrupt();
    const detached = await watching.ended;
    expect(detached.code).toBe(130);
    expect(detached.talk).toMatch(/detached; plan p[0-9a-f]+ goes on, see: miroir status -w\n/);
    expect((await fleet.base.records.unfinishedMoves()).length).toBeGreaterThan(0);
  });

  it.each([['--help'], ['status', '-w']])('ends in silence when nobody reads what %s prints', async (...args) => {
    const started = start(args);
    started.leave();
    const { code, talk } = await started.ended;
    expect([code, talk]).toEqual([0, args.includes('-w') ? 'detached; the work goes on\n' : '']);
  });

  it('explains a move that nobody serves, and a shard node by node', async () => {
    const [move] = await fleet.base.records.unfinishedMoves();
    const { id = '', shard = 0, target = '' } = move ?? {};
    const { out } = await miroir('move', 'explain', id);
    expect(out).toMatch(
      /^waits for [\d.]+\w+.*: no_worker: nobody holds the lease of books\nunblock: .*`miroir worker`/m,
    );
    expect(out).toMatch(/^n4 +target +0\/4 +0\/4 +none$/m);
    expect(out).toContain('served by: nobody');
    const told = await miroir('shard', 'explain', 'books', String(shard));
    expect(told.out).toMatch(
      new RegExp(`^${target} +0 +group +yes +group 0 is active\n +state +yes .*\n +copy +no +it does`, 'm'),
    );
    expect(told.out).toMatch(/placement +no +rank 2 of 4: only the best 1 own it/);
    const bad = await miroir('shard', 'explain', 'books', '8');
    expect([bad.code, bad.talk]).toEqual([64, expect.stringContaining('index books has no shard 8')]);
  }, 90_000);

  it('follows a plan to its end with plain lines where there is no terminal', async () => {
    const url = fleet.url('n4');
    const following = start(['node', 'add', 'n4', '--url', url, '--wait', '--timeout', '25s', '-o', 'json']);
    await untilTrue(() => following.talk().startsWith('plan p'));
    worker = await startRebalancer(fleet.config);
    const { code, out, talk } = await following.ended;
    expect(code, talk).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ change: 'repeated', progress: { failed: 0, cancelled: 0 } });
    expect(talk).toMatch(/plan p[0-9a-f]+: (\d+) of \1 moves settled in /);
    expect(`${out}${talk}`).not.toContain('\u001b');
  });

  it('drains a node, then takes it out', async () => {
    await untilTrue(async () => (await fleet.base.records.unfinishedMoves()).length === 0);
    const early = await miroir('node', 'remove', 'n1');
    expect(early).toMatchObject({ code: 3, out: '' });
    expect(early.talk).toContain('error miroir_node_not_drained: ');
    const drained = await miroir('node', 'drain', 'n1', '--wait', '--until', 'cleaned', '--timeout', '25s');
    expect(drained.code, drained.talk).toBe(0);
    expect(drained.talk).toMatch(/^plan p\w+ \(NodeDraining n1\): \d+ moves/);
    expect(drained.talk).toMatch(/^n1 +draining +\d+ -> 0 +/m);
    const removed = await miroir('node', 'remove', 'n1');
    expect(removed.code, removed.talk).toBe(0);
    expect(removed.out).toBe('node n1 is removed\n');
    expect((await miroir('node', 'list')).out).toMatch(/^n1 +0 +removed +0 /m);
  }, 90_000);

  it('reports what became of a plan, and of each of its moves', async () => {
    const { records } = fleet.base;
    const [plan] = (await records.plans(9)).filter(({ why }) => why.startsWith('NodeDraining'));
    const [move = ''] = await records.planMoveIds(plan?.id ?? '');
    const report = await miroir('report', plan?.id ?? '');
    expect(report.out).toMatch(/^plan p\w+ \(NodeDraining n1\), done: settled after /);
    expect(report.out).toMatch(/^moves: (\d+) \(\1 to drain\), \1 settled, 0 cancelled, 0 failed$/m);
    expect(report.out).toMatch(/^books\/\d +n1 +n\d +drain +done +0 +[\d.]+m?s /m);
    const explained = await miroir('move', 'explain', move);
    expect(explained.out).toMatch(/^ended done\n/m);
    for (const phase of PHASES) expect(explained.out).toMatch(new RegExp(`^${phase} +20\\d\\d-`, 'm'));
  });

  it('shows nodes, plans and moves', async () => {
    const { out } = await miroir('status');
    expect(out).toContain('topology version');
    expect(out).toMatch(/NodeDraining n1 +done/);
    expect(out).not.toContain('\u001b');
    const parsed = JSON.parse((await miroir('status', '-o', 'json')).out) as {
      moves: unknown[];
      plans: { state: string }[];
    };
    expect(parsed.moves).toEqual([]);
    expect(parsed.plans.every(({ state }) => state === 'done')).toBe(true);
    expect((await miroir('topology')).out).toMatch(/topology version \d+\nNODE/);
    const plans = await miroir('plan', 'list', '--limit', '1');
    const [, id = ''] = /^(p\w+) +NodeDraining n1 +done/m.exec(plans.out) ?? [];
    expect(plans.talk).toMatch(/^more: --from p\w+\n$/);
    const plan = await miroir('plan', 'show', id);
    expect(plan.talk).toMatch(/^(\d+) of \1 moves settled, 0 failed/);
    const listed = await miroir('move', 'list', '--plan', id, '--limit', '1', '-o', 'json');
    const [move] = (JSON.parse(listed.out) as { results: { id: string }[] }).results;
    expect(JSON.parse((await miroir('move', 'show', move?.id ?? '', '-o', 'json')).out)).toMatchObject(move ?? {});
    const unknown = await miroir('plan', 'show', 'p0');
    expect([unknown.code, unknown.talk]).toEqual([1, expect.stringContaining('miroir_plan_unknown')]);
    const shown = [['status'], ['plan', 'show', id], ['move', 'explain', move?.id ?? '']];
    const watching = shown.map((args) => start([...args, '-w', '-o', 'json']));
    await untilTrue(() => watching.every((one) => one.out() !== ''));
    // Nothing changes, so a second look prints nothing.
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    for (const one of watching) one.interrupt();
    const watched = await Promise.all(watching.map(({ ended }) => ended));
    expect(watched.map(({ code }) => code)).toEqual([0, 0, 0]);
    for (const said of watched) expect(said.out.trim().split('\n')).toHaveLength(1);
  }, 90_000);

  it('shows passes of anti-entropy, and lets the next one begin', async () => {
    expect((await miroir('anti-entropy', 'status')).out).toBe('no pass yet\n');
    expect(JSON.parse((await miroir('anti-entropy', 'status', '-o', 'json')).out)).toEqual([]);
    const passes = createPasses(fleet.base);
    const look = { isScanned: true, hasDrift: true, repairs: 2, left: 1, isFailed: false };
    await passes.due(['books/0'], 60_000, 0);
    await passes.note('books/0', look);
    expect(await passes.due(['books/0'], 60_000, 0)).toEqual([]);
    const run = await miroir('anti-entropy', 'run');
    expect(run).toMatchObject({ code: 0, out: '' });
    expect(run.talk).toContain('miroir anti-entropy status');
    expect(await passes.due(['books/0'], 60_000, 0)).toEqual(['books/0']);
    const { out } = await miroir('anti-entropy', 'status');
    expect(out).toMatch(/^STARTED .*\n\S+Z +- +0 +1 +0 .*\n\S+Z +\S+Z +1 +0 +1 +2 +1 +0\n$/);
  });

  it('says that a node is lost, and what has no other copy; a second time is no error', async () => {
    const failed = await miroir('node', 'fail', 'n3', '-o', 'json');
    const outcome = JSON.parse(failed.out) as { change: string; moves: number; blocked: number };
    expect(outcome).toMatchObject({ change: 'changed', moves: 0 });
    expect(outcome.blocked).toBeGreaterThan(0);
    expect(failed.code).toBe(3);
    expect(failed.talk).toContain(`${outcome.blocked} shards cannot be moved now`);
    const again = await miroir('node', 'fail', 'n3', '-o', 'json');
    expect(JSON.parse(again.out)).toMatchObject({ change: 'repeated' });
    const back = await miroir('event', 'send', 'NodeRecovered', '--data', '{"node_id":"n3"}', '--wait', '-o', 'json');
    expect(back.code, back.talk).toBe(0);
    await untilTrue(async () => {
      const nodes = JSON.parse((await miroir('node', 'list', '-o', 'json')).out) as { id: string; state: string }[];
      return nodes.find(({ id }) => id === 'n3')?.state === 'active';
    });
  });

  it('sends an event as other services do', async () => {
    const sent = await miroir(
      'event',
      'send',
      'NodeAdded',
      '--data',
      '{"NodeAdded":{"node_id":"n2"}}',
      '--wait',
      '-o',
      'json',
    );
    expect(sent.code, sent.talk).toBe(0);
    expect(JSON.parse(sent.out)).toMatchObject({ change: 'repeated', plan: null });
  });

  // Beside each other: one of them waits ten seconds for a Redis.
  it.concurrent.each([
    [['node', 'drain', 'n9'], {}, 1, 'error miroir_node_unknown: ', 'field: node_id'],
    [['node', 'add', 'n2', '--url', 'http://127.0.0.1:1'], {}, 6, 'error miroir_node_conflict: ', 'field: url'],
    [['node', 'add', 'n7', '--url', 'http://127.0.0.1:1'], {}, 7, 'error miroir_node_unreachable: ', 'field: url'],
    [
      ['node', 'list'],
      { MIROIR_REDIS_URL: 'redis://127.0.0.1:1' },
      7,
      'error miroir_redis_unreachable: ',
      'remedy: start Redis',
    ],
    [['node', 'list'], { MIROIR_GRACE_MS: 'soon', MIROIR_NOPE: '1' }, 78, 'MIROIR_GRACE_MS', 'MIROIR_NOPE'],
    [
      ['event', 'send', 'NodeVanished', '--data', '{"node_id":"n1"}'],
      {},
      64,
      'error miroir_unknown_event: ',
      'field: name',
    ],
    [['event', 'send', 'NodeAdded', '--data', '{oops'], {}, 64, 'Give JSON', 'node_id'],
    [['node', 'drain', 'n2', '--timeout', '5'], {}, 64, 'Give a number with a unit', '10m'],
    [['nodes'], {}, 64, "unknown command 'nodes'", 'node'],
  ])('%j %j ends with %i and says why', async (args, environment, code, first, second) => {
    const ended = await start(args, environment).ended;
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.talk).toContain(first);
    expect(ended.talk).toContain(second);
  });
});

describe('miroir index delete', () => {
  it('shows what would go, and lets it go when it is sure', async () => {
    await miroir('index', 'create', 'gone', '--shards', '1');
    const shown = await miroir('index', 'delete', 'gone');
    expect(shown).toMatchObject({ code: 0, talk: 'nothing is changed without --yes\n' });
    expect(shown.out).toMatch(/^gone +registered +1 +n\d/m);
    expect((await miroir('index', 'list')).out).toMatch(/^gone /m);
    const deleted = await miroir('index', 'delete', 'gone', '--yes', '-o', 'json');
    expect(JSON.parse(deleted.out)).toMatchObject({ index: 'gone', state: 'deleting' });
    expect((await miroir('index', 'show', 'gone')).talk).toContain('miroir_index_unknown');
  });
});

describe('miroir settings', () => {
  it('shows how far the settings of an index are, and lets writes go on that were frozen', async () => {
    await miroir('index', 'create', 'iced', '--shards', '1');
    await fleet.base.redis.hset('{miroir}:settings:iced', {
      version: 3,
      frozen: 'hash mismatch on n2',
      'node:n2': '0:1',
    });
    const shown = await miroir('settings', 'show', 'iced', '-o', 'json');
    expect(JSON.parse(shown.out)).toMatchObject({
      index: 'iced',
      version: 3,
      nodeVersions: { n2: 0 },
      frozen: 'hash mismatch on n2',
      broadcast: null,
    });
    expect((await miroir('settings', 'show', 'iced')).out).toContain('hash mismatch on n2');
    expect(await miroir('settings', 'thaw', 'iced')).toMatchObject({ code: 0, talk: 'writes to iced go on\n' });
    expect(await miroir('settings', 'thaw', 'iced')).toMatchObject({ talk: 'writes to iced were not frozen\n' });
    expect((await miroir('settings', 'show', 'nothing')).talk).toContain('miroir_index_unknown');
  });
});

describe('miroir group', () => {
  const phase = async (): Promise<string | undefined> =>
    (await fleet.base.records.topology()).groups?.find(({ id }) => id === 1)?.state;

  it('brings one in, shows how far it is, and activates none that was not compared', async () => {
    const list = await miroir('group', 'list');
    expect(list.out).toMatch(/^GROUP +PHASE +NODES +PROGRESS .*\n0 +active +n2,n3,n4 +100% /);
    const node = ['--node', `g1=${fleet.url('n1')}`];
    const added = await miroir('group', 'add', '1', ...node, '-o', 'json');
    expect(added.code, added.talk).toBe(0);
    expect(JSON.parse(added.out)).toMatchObject({ change: 'changed', blocked: 0 });
    expect(JSON.parse((await miroir('group', 'add', '1', ...node, '-o', 'json')).out)).toMatchObject({
      change: 'repeated',
    });
    await untilTrue(async () => (await phase()) === 'sync_complete', 25_000);
    const status = await miroir('group', 'status', '1', '-o', 'json');
    expect(JSON.parse(status.out)).toMatchObject({
      group_id: 1,
      phase: 'sync_complete',
      nodes: ['g1'],
      progress_percent: 100,
      shards: { total: 9, complete: 9, compared: 0, owned: 9 },
    });
    // Nobody compares in this test.
    const early = await miroir('group', 'activate', '1');
    expect(early).toMatchObject({ code: 3, out: '' });
    expect(early.talk).toContain('error miroir_group_not_ready: ');
  }, 90_000);

  it.concurrent.each([
    [['group', 'status', '7'], 1, 'error miroir_group_unknown: ', 'field: replica_group'],
    [['group', 'drain', '0'], 3, 'error miroir_last_replica: ', 'remedy: add another group first'],
    [['group', 'add', '0', '--node', 'g9=http://127.0.0.1:1'], 6, 'error miroir_group_conflict: ', 'field: nodes'],
    [['group', 'add', '2', '--node', 'g9'], 64, 'Give id=url', ',key=<name>'],
    [['group', 'add', '2'], 64, '--node', 'required'],
    [['group', 'drain', 'one'], 64, 'whole number', 'one'],
  ])('%j ends with %i and says why', async (args, code, first, second) => {
    const ended = await miroir(...args);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.talk).toContain(first);
    expect(ended.talk).toContain(second);
  });
});

describe('without a planner', () => {
  it('a plan that is applied is waited for no longer than is said', async () => {
    await fleet.reset();
    await fleet.createIndex('books', 4);
    const shown = await miroir('plan', '--drain', 'n1', '-o', 'json');
    const { id } = JSON.parse(shown.out) as { id: string };
    const startedMs = performance.now();
    const late = await miroir('plan', 'apply', id, '--wait', '--timeout', '500ms');
    expect(late).toMatchObject({ code: 4, out: '' });
    expect(late.talk).toContain('error miroir_timeout: ');
    expect(performance.now() - startedMs).toBeLessThan(20_000);
  });
});
