// What owners missed, worked off: they are the same again within seconds of an owner's return.
import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { type MissedView, status } from '../../src/control/status.ts';
import { startWorker } from '../../src/fleet/processes.ts';
import type { Duty, DutyResult, Logger, RepairLists } from '../../src/ports.ts';
import { trusted } from '../../src/reconcile/former-owners.ts';
import { repairListsDuty } from '../../src/reconcile/repair-lists.ts';
import { openControl, startReconciler } from '../../src/service.ts';
import { setGauges } from '../../src/telemetry/observer.ts';
import { backup, killAndReplace, start } from '../support/copies.ts';
import { runTask, underLease } from '../support/duty-task.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { said } from '../support/observed.ts';
import { isInGrace } from '../support/scene.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { type NodeSwitches, switchesOf } from '../support/switches.ts';
import { untilTrue } from '../support/until.ts';

const UID = 'books';
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** One copy on a node of each group: a write is accepted while one of them is down. */
async function stage(shards = 2, documents = 60, groups = [0, 1], config: Record<string, number> = {}) {
  const fleet = await startTestFleet({
    nodes: groups.length,
    groups,
    config: { repair_lists_interval_ms: 300, ...config },
  });
  closers.push(() => fleet.stop());
  const texts = Array.from({ length: documents }, (_, id) => `{"id":${id},"name":"first","real":1.0}`);
  await fleet.createIndex({ uid: UID, shards, groups: [...new Set(groups)], documents: texts });
  const calls = await RouterCalls.open(fleet.base);
  closers.push(() => calls.close());
  await untilTrue(async () => (await calls.search(UID)).status === 200);
  return { fleet, calls };
}

const node = (fleet: TestFleet, id: string): NodeSwitches =>
  switchesOf(fleet.nodes.find((one) => one.id === id) ?? { url: '' });

async function reconcile(fleet: TestFleet): Promise<void> {
  const reconciler = await startReconciler(fleet.config);
  closers.push(() => reconciler.close());
}

const listed = async ({ base }: TestFleet): Promise<string> => JSON.stringify(await base.repairs.sizes(UID));

async function untilLevel(fleet: TestFleet, deadlineMs = 15_000): Promise<void> {
  await untilTrue(
    async () => (await listed(fleet)) === '[]',
    deadlineMs,
    () => listed(fleet),
  );
  expect(await node(fleet, 'n2').texts(UID)).toEqual(await node(fleet, 'n1').texts(UID));
}

/** The duty by itself, run by hand. */
function duty(fleet: TestFleet, calls: RouterCalls, parts: { repairs?: RepairLists; logger?: Logger } = {}): Duty {
  const { base } = fleet;
  return repairListsDuty({ ...base, router: calls.router, limits: base.config, isOn: true, everyMs: 300, ...parts });
}
const runOnce = ({ base }: TestFleet, one: Duty, task: string): Promise<DutyResult> => runTask(base, one, task);

/** What `miroir status` says of it. */
async function shown({ config }: TestFleet): Promise<readonly MissedView[]> {
  const control = await openControl(config);
  try {
    return (await status(control)).missed;
  } finally {
    await control.close();
  }
}

describe('what an owner missed', () => {
  it('is there within seconds of its return, while clients go on writing the same documents', async () => {
    const { fleet, calls } = await stage();
    await reconcile(fleet);
    const told = new Map<number, string | null>();
    const over = new AbortController();
    const writing = (async () => {
      for (let n = 0; !over.signal.aborted; n += 1) {
        const id = n % 25;
        const isDelete = n % 7 === 3;
        const answer = isDelete
          ? await calls.remove(UID, [id])
          : await calls.put(UID, [{ id, name: `write ${n}`, real: 1.5 }]);
        if (answer.status === 202) told.set(id, isDelete ? null : `write ${n}`);
        else told.delete(id);
      }
    })();
    await fleet.base.clock.sleep(300);
    fleet.nodes[1]?.kill('SIGKILL');
    await untilTrue(async () => (await listed(fleet)) !== '[]');
    await fleet.base.clock.sleep(1_500);
    await fleet.nodes[1]?.restart();
    const startedMs = performance.now();
    await untilTrue(
      async () => (await listed(fleet)) === '[]',
      10_000,
      () => listed(fleet),
    );
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    over.abort();
    await writing;
    await untilTrue(async () => {
      const [a, b] = await Promise.all([node(fleet, 'n1').texts(UID), node(fleet, 'n2').texts(UID)]);
      return isDeepStrictEqual(a, b);
    });
    await untilLevel(fleet);
    const texts = await node(fleet, 'n2').texts(UID);
    expect(told.size).toBeGreaterThan(10);
    for (const [id, name] of told) {
      const text = texts.get(String(id)) ?? null;
      expect([id, text === null ? null : (JSON.parse(text) as { name: string }).name]).toEqual([id, name]);
    }
  });

  it.each([
    'script:turn-take@after',
    'traffic:writeDocuments@after',
    'script:turn-end@before',
    'script:repairs-clear@before',
  ])('is worked off by another process where one is killed at %s, and nothing is older for it', async (point) => {
    const { fleet, calls } = await stage(1);
    await node(fleet, 'n2').fault({ match: { path: `^/indexes/${UID}/documents` }, do: 'drop-before', times: 1 });
    expect((await calls.put(UID, [{ id: 7, name: 'newer' }])).status).toBe(202);
    await node(fleet, 'n2').fault({ match: { path: `^/indexes/${UID}/documents` }, do: 'drop-before', times: 1 });
    expect((await calls.remove(UID, [8])).status).toBe(202);
    const env = { ...fleet.env, MIROIR_FAILPOINT: `-/${point}#1=kill` };
    const { child } = await startWorker('reconciler', env);
    await child.exited;
    await reconcile(fleet);
    await untilLevel(fleet, 25_000);
    expect((await node(fleet, 'n2').texts(UID)).get('7')).toContain('newer');
    expect((await node(fleet, 'n2').texts(UID)).has('8')).toBe(false);
  });

  it('and is not known by its ids is found by comparing the whole shard', async () => {
    const { fleet, calls } = await stage(1, 300);
    const n2 = node(fleet, 'n2');
    await n2.remove(UID, 1);
    await n2.put(UID, { id: 2, name: 'stale', _miroir_shard: 0, _miroir_slot: 5 });
    await n2.put(UID, { id: 9_999, name: 'gone elsewhere', _miroir_shard: 0, _miroir_slot: 6 });
    await fleet.base.repairs.add(UID, 0, 'shard', ['n2']);
    expect(await shown(fleet)).toEqual([{ index: UID, node: 'n2', shards: 1, entries: 1, wholeShards: 1 }]);
    // Compared with nobody it stays listed.
    await node(fleet, 'n1').fault({ match: { path: `^/indexes/${UID}/` }, do: 'status', status: 503 });
    expect(await runOnce(fleet, duty(fleet, calls), `${UID}/0`)).toMatchObject({ repaired: 0, cleared: 0, left: 1 });
    await node(fleet, 'n1').clearFaults();
    const result = await runOnce(fleet, duty(fleet, calls), `${UID}/0`);
    expect(result).toEqual({ repaired: 3, cleared: 1, left: 0, why: null });
    expect(await shown(fleet)).toEqual([]);
    await setGauges(fleet.base.metrics, fleet.base, new Set());
    const scraped = await fleet.base.metrics.scrape();
    expect(scraped).toContain('miroir_repaired_documents_total 3');
    expect(scraped).toContain('miroir_repair_entries_cleared_total 1');
    expect(scraped).toContain(`miroir_repair_entries{index="${UID}"} 0`);
    await untilLevel(fleet);
  });

  it('is told from copies that nodes have left, which nobody works off', async () => {
    const { fleet } = await stage(2, 0, [0, 1, 1]);
    const { records, repairs, metrics } = fleet.base;
    const owns = async (shard: number): Promise<readonly string[]> => (await records.route(UID, shard)).route.owners;
    const shard = (await owns(0)).includes('n3') ? 1 : 0;
    const left = (await owns(shard)).includes('n3') ? 'n2' : 'n3';
    await repairs.add(UID, shard, 'shard', ['n1', left]);
    await repairs.add(UID, 1 - shard, ['7', '8'], ['n1']);
    const control = await openControl(fleet.config);
    closers.push(() => control.close());
    expect(await status(control)).toMatchObject({
      missed: [{ index: UID, node: 'n1', shards: 2, entries: 3, wholeShards: 1 }],
      former: [{ index: UID, node: left, shards: 1 }],
    });
    await setGauges(metrics, fleet.base, new Set());
    const scraped = await metrics.scrape();
    expect(scraped).toContain(`miroir_repair_entries{index="${UID}"} 3`);
    expect(scraped).toContain(`miroir_former_copies{index="${UID}"} 1`);
  });

  it('of the whole shard by one, and a delete by the other: what was deleted stays it', async () => {
    const { fleet, calls } = await stage(1);
    await calls.ended(await calls.remove(UID, [3]));
    await node(fleet, 'n2').put(UID, { id: 3, name: 'left', _miroir_shard: 0, _miroir_updated_at: 5 });
    await fleet.base.repairs.add(UID, 0, ['3'], ['n2']);
    await fleet.base.repairs.add(UID, 0, 'shard', ['n1']);
    expect(await runOnce(fleet, duty(fleet, calls), `${UID}/0`)).toMatchObject({ repaired: 1, cleared: 2, left: 0 });
    await untilLevel(fleet);
    expect((await node(fleet, 'n1').texts(UID)).has('3')).toBe(false);
  });

  it('of the whole shard stays listed while somebody has what it may rightly lack or not, and nothing goes', async () => {
    const { fleet, calls } = await stage(1);
    await node(fleet, 'n1').remove(UID, 3);
    await fleet.base.repairs.add(UID, 0, ['3'], ['n2']);
    await fleet.base.repairs.add(UID, 0, 'shard', ['n1']);
    // A delete by filter: who knows of which documents.
    await fleet.base.redis.hset(`{miroir}:doubt:${UID}`, 'doubt:0', String(Date.now()));
    expect(await runOnce(fleet, duty(fleet, calls), `${UID}/0`)).toMatchObject({ repaired: 0, cleared: 0, left: 1 });
    expect((await node(fleet, 'n2').texts(UID)).has('3')).toBe(true);
    expect(await listed(fleet)).toContain('n1');
  });

  it('of the whole shard by every owner is compared with all of them: one may be the only one that has it', async () => {
    const { fleet, calls } = await stage(1, 60, [0, 1, 2]);
    for (const owner of ['n1', 'n2']) await node(fleet, owner).remove(UID, 7);
    for (const owner of ['n2', 'n1', 'n3']) await fleet.base.repairs.add(UID, 0, 'shard', [owner]);
    const { observations, holder } = fleet.base;
    const somebody = { id: 'somebody', name: 'somebody', process: holder };
    await observations.report(somebody, new Map([['n3', { what: 'silent', forMs: 500, looks: 3 }]]));
    // Not even tried while one of them does not answer, which would keep the others waiting.
    const idle = { repaired: 0, cleared: 0, left: 0, why: null };
    expect(await runOnce(fleet, duty(fleet, calls), `${UID}/0`)).toEqual(idle);
    await observations.report(somebody, new Map());
    expect(await runOnce(fleet, duty(fleet, calls), `${UID}/0`)).toMatchObject({ repaired: 2, cleared: 3, left: 0 });
    for (const owner of ['n1', 'n2', 'n3']) expect((await node(fleet, owner).texts(UID)).get('7')).toContain('first');
  });

  it('by every owner is made equal: newest where it was missed at one moment, and what is deleted stays it', async () => {
    const { fleet, calls } = await stage(1);
    await node(fleet, 'n1').put(UID, { id: 1, name: 'old', _miroir_shard: 0, _miroir_updated_at: 5 });
    await node(fleet, 'n2').put(UID, { id: 1, name: 'new', _miroir_shard: 0, _miroir_updated_at: 6 });
    await fleet.base.repairs.add(UID, 0, ['1'], ['n1', 'n2'], 'unknown');
    // Deleted on n1; n2 missed that, and a router died with a later write.
    await node(fleet, 'n1').remove(UID, 2);
    await fleet.base.repairs.add(UID, 0, ['2'], ['n2']);
    await fleet.base.repairs.add(UID, 0, ['2'], ['n1', 'n2'], 'unknown');
    // Deleted through a router; a copy is left, and a router died with work on it.
    await calls.ended(await calls.remove(UID, [3]));
    await node(fleet, 'n2').put(UID, { id: 3, name: 'left', _miroir_shard: 0, _miroir_updated_at: 5 });
    await fleet.base.repairs.add(UID, 0, ['3'], ['n1', 'n2'], 'unknown');
    expect(await runOnce(fleet, duty(fleet, calls), `${UID}/0`)).toMatchObject({ repaired: 3, cleared: 6, left: 0 });
    await untilLevel(fleet);
    expect((await node(fleet, 'n2').texts(UID)).has('3')).toBe(false);
    expect((await node(fleet, 'n1').texts(UID)).get('1')).toContain('new');
    expect((await node(fleet, 'n2').texts(UID)).has('2')).toBe(false);
  });

  it('is read from an owner when that has applied it, not before', async () => {
    const { fleet, calls } = await stage(1);
    await node(fleet, 'n1').pause();
    await node(fleet, 'n2').fault({ match: { path: `^/indexes/${UID}/documents` }, do: 'drop-before', times: 1 });
    expect((await calls.put(UID, [{ id: 1, name: 'newer' }])).status).toBe(202);
    const running = runOnce(fleet, duty(fleet, calls), `${UID}/0`);
    await fleet.base.clock.sleep(500);
    await node(fleet, 'n1').resume();
    expect(await running).toMatchObject({ repaired: 1, cleared: 1 });
    expect((await node(fleet, 'n2').texts(UID)).get('1')).toContain('newer');
  });

  it('never takes the place of a write that comes meanwhile', async () => {
    const { fleet, calls } = await stage(1);
    const match = { path: `^/indexes/${UID}/documents\\?` };
    await node(fleet, 'n2').fault({ match, do: 'drop-before', times: 1 });
    expect((await calls.put(UID, [{ id: 1, name: 'newer' }])).status).toBe(202);
    await node(fleet, 'n2').fault({ match, do: 'delay', ms: 700, times: 1 });
    const before = (await node(fleet, 'n2').asked(match.path)).length;
    const running = runOnce(fleet, duty(fleet, calls), `${UID}/0`);
    await untilTrue(async () => (await node(fleet, 'n2').asked(match.path)).length > before);
    const answer = await calls.put(UID, [{ id: 1, name: 'newest' }]);
    expect(await running).toMatchObject({ repaired: 1 });
    await calls.ended(answer);
    await untilLevel(fleet);
    expect((await node(fleet, 'n2').texts(UID)).get('1')).toContain('newest');
  });

  it('again, while it was brought level, stays on the list', async () => {
    const { fleet, calls } = await stage(1);
    const { repairs } = fleet.base;
    await node(fleet, 'n2').remove(UID, 1);
    await repairs.add(UID, 0, ['1', '2'], ['n2']);
    let isFirst = true;
    const late: RepairLists = {
      ...repairs,
      async clear(...args) {
        if (isFirst) await repairs.add(UID, 0, ['1'], ['n2']);
        isFirst = false;
        return repairs.clear(...args);
      },
    };
    const once = {
      ...late,
      list: async (...args: Parameters<RepairLists['list']>) => (isFirst ? late.list(...args) : []),
    };
    expect(await runOnce(fleet, duty(fleet, calls, { repairs: once }), `${UID}/0`)).toMatchObject({ cleared: 1 });
    expect(await repairs.list(UID, 0, 'n2', 10)).toEqual(['1']);
    await runOnce(fleet, duty(fleet, calls), `${UID}/0`);
    await untilLevel(fleet);
  });

  it('waits while it does not answer: said once, and nothing fails', async () => {
    const { fleet, calls } = await stage(1);
    const { base } = fleet;
    await base.repairs.add(UID, 0, ['1'], ['n2']);
    const { logger, lines } = said();
    const one = duty(fleet, calls, { logger });
    expect(await one.tasks(new AbortController().signal)).toEqual([`${UID}/0`]);
    const silent = new Map([['n2', { what: 'silent', forMs: 500, looks: 3 }]] as const);
    // One other that is cut off from the node keeps nobody from it.
    await base.observations.report({ id: 'cut', name: 'cut', process: 'host/1' }, silent);
    await untilTrue(async () => (await base.observations.read()).reports.length === 2);
    expect(await one.tasks(new AbortController().signal)).toEqual([`${UID}/0`]);
    const somebody = { id: 'somebody', name: 'somebody', process: base.holder };
    await base.observations.report(somebody, silent);
    for (let round = 1; round <= 3; round += 1) expect(await one.tasks(new AbortController().signal)).toEqual([]);
    expect(lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields['nodes'])).toEqual([['n2']]);
    expect(await runOnce(fleet, one, `${UID}/0`)).toEqual({ skipped: 'owners do not answer' });
    expect(await runOnce(fleet, one, 'nothing/0')).toEqual({ skipped: 'gone' });
    await base.observations.report(somebody, new Map());
    // Nor is it said again and again why something is not level.
    await node(fleet, 'n2').wipe();
    for (let round = 1; round <= 2; round += 1) {
      expect(await runOnce(fleet, one, `${UID}/0`)).toMatchObject({ repaired: 0, left: 1 });
    }
    expect(lines.filter(({ message }) => message === 'not brought level yet')).toHaveLength(1);
    expect(await one.tasks(new AbortController().signal)).toEqual([`${UID}/0`]);
  });

  it('and only a node has that failed since is taken from it before its copy is cleared', async () => {
    const { fleet, calls } = await stage(1);
    const match = { path: `^/indexes/${UID}/documents` };
    for (const write of [
      () => calls.put(UID, [{ id: 7, name: 'only on n1' }]),
      () => calls.put(UID, [{ id: 9, name: 'older' }]),
      () => calls.put(UID, [{ id: 10, name: 'deleted after n1' }]),
      () => calls.remove(UID, [8]),
    ]) {
      await node(fleet, 'n2').fault({ match, do: 'drop-before', times: 1 });
      expect((await write()).status).toBe(202);
    }
    await untilTrue(async () => (await node(fleet, 'n1').texts(UID)).get('9')?.includes('older') === true);
    await fleet.planner.handle('NodeFailed', { node_id: 'n1' });
    expect((await fleet.base.records.route(UID, 0)).route.owners).toEqual(['n2']);
    await untilTrue(
      async () => (await calls.put(UID, [{ id: 9, name: 'after n1' }])).headers['x-miroir-degraded'] === undefined,
    );
    expect((await calls.remove(UID, [10])).status).toBe(202);
    await fleet.planner.handle('NodeRecovered', { node_id: 'n1' });
    await fleet.startWorker();
    const moves = async () => {
      await fleet.planner.tick();
      return fleet.base.records.unfinishedMoves();
    };
    // Nobody repairs yet: the copy is kept, whatever comes.
    await untilTrue(async () =>
      (await moves()).some(({ waiting }) => waiting?.reason.startsWith('last_copy') === true),
    );
    const [first] = await moves();
    await fleet.base.records.wish(first?.id ?? '', 'cancel');
    await fleet.untilEnded(first?.id ?? '');
    expect((await node(fleet, 'n1').texts(UID)).get('7')).toContain('only on n1');
    await reconcile(fleet);
    await fleet.planner.handle('NodeRecovered', { node_id: 'n1' });
    await fleet.untilQuiet(30_000);
    await untilTrue(async () => (await fleet.base.records.route(UID, 0)).route.owners.length === 2);
    await untilLevel(fleet);
    const texts = await node(fleet, 'n2').texts(UID);
    expect(texts.get('7')).toContain('only on n1');
    expect(texts.get('9')).toContain('after n1');
    expect(texts.has('8')).toBe(false);
    expect(texts.has('10')).toBe(false);
  }, 60_000);

  it('keeps the copy of a node that failed since also where one owner missed the whole shard, the other that id', async () => {
    const { fleet } = await stage(1, 60, [0, 1, 2]);
    await fleet.base.repairs.add(UID, 0, 'shard', ['n1']);
    await fleet.base.repairs.add(UID, 0, ['7'], ['n2']);
    await fleet.planner.handle('NodeFailed', { node_id: 'n3' });
    await fleet.planner.handle('NodeRecovered', { node_id: 'n3' });
    await fleet.startWorker();
    const waiting = async (): Promise<string[]> => {
      await fleet.planner.tick();
      return (await fleet.base.records.unfinishedMoves()).map((move) => move.waiting?.reason ?? '');
    };
    await untilTrue(async () => (await waiting()).some((why) => why.startsWith('last_copy')));
    expect((await node(fleet, 'n3').texts(UID)).size).toBe(60);
  });

  it('is not asked of a node that came back with less than it had', async () => {
    const { fleet } = await stage(1);
    const { base } = fleet;
    await fleet.planner.sweep();
    const entry = (await base.records.index(UID))!;
    const asked = () =>
      underLease(base, 'reconcile:test', async (run) => [
        ...(await trusted(base, entry, await base.records.topology(), new Map([['n1', 1]]), run)).keys(),
      ]);
    expect(await asked()).toEqual(['n1']);
    await node(fleet, 'n1').wipe();
    expect(await asked()).toEqual([]);
  });

  it('and failed there only later is older than what the other owner missed meanwhile', async () => {
    const { fleet, calls } = await stage(1);
    const match = { path: `^/indexes/${UID}/documents\\?` };
    await node(fleet, 'n2').fault({ match, do: 'fail-task', times: 1, code: 'internal' });
    await node(fleet, 'n2').pause();
    const first = await calls.put(UID, [{ id: 7, name: 'failed on n2' }]);
    await node(fleet, 'n1').fault({ match, do: 'drop-before', times: 1 });
    expect((await calls.put(UID, [{ id: 7, name: 'missed by n1' }])).status).toBe(202);
    await node(fleet, 'n2').resume();
    await calls.ended(first);
    await untilTrue(async () => (await fleet.base.repairs.list(UID, 0, 'n2', 10)).includes('7'));
    expect(await runOnce(fleet, duty(fleet, calls), `${UID}/0`)).toMatchObject({ repaired: 1, cleared: 2, left: 0 });
    await untilLevel(fleet);
    expect((await node(fleet, 'n1').texts(UID)).get('7')).toContain('missed by n1');
  });

  it('is not taken from an owner that was restarted with an older disk before anybody looked', async () => {
    const { fleet, calls } = await stage(1);
    const data = await backup(fleet, 'n1');
    closers.push(() => rm(data, { recursive: true, force: true }));
    await calls.ended(await calls.put(UID, [{ id: 7, name: 'newer' }]));
    await fleet.planner.sweep();
    await killAndReplace(fleet, 'n1', data);
    await start(fleet, 'n1');
    await untilTrue(async () => (await calls.put(UID, [{ id: 8, name: 'after' }])).status === 202);
    // Of an earlier write, as far as anybody knows n1 alone has it.
    await fleet.base.repairs.add(UID, 0, ['7'], ['n2']);
    const result = await runOnce(fleet, duty(fleet, calls), `${UID}/0`);
    expect(result).toMatchObject({ repaired: 0, why: expect.stringContaining('has less than it had') as string });
    expect((await node(fleet, 'n2').texts(UID)).get('7')).toContain('newer');
  });

  it('and only the retiring copy of a move has is taken from it while it is kept', async () => {
    const { fleet, calls } = await stage(1, 60, [0, 1, 0], { grace_ms: 60_000 });
    const { redis } = fleet.base;
    const { route } = await fleet.base.records.route(UID, 0);
    const retires = route.owners.find((id) => id !== 'n2') ?? '';
    const target = retires === 'n1' ? 'n3' : 'n1';
    await fleet.startWorker();
    const { id } = await fleet.orderMove({ index: UID, target, retires });
    const { switchedAtMs } = await fleet.untilMove(id, isInGrace, 20_000);
    for (const owner of ['n2', target]) {
      await node(fleet, owner).remove(UID, 7);
      await redis.zadd(`{miroir}:repair:${UID}:0:${owner}`, ((switchedAtMs ?? 0) - 1_000) * 1_000, '7');
      await redis.sadd(`{miroir}:repairs:${UID}`, `0:${owner}`);
    }
    expect(await runOnce(fleet, duty(fleet, calls), `${UID}/0`)).toMatchObject({ repaired: 2, cleared: 2, left: 0 });
    for (const owner of ['n2', target]) expect((await node(fleet, owner).texts(UID)).get('7')).toContain('first');
  });
});
