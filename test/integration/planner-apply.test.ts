// A plan that was looked at: carried out as it was shown, or refused with what has changed.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { copiesNow } from '../../src/control/copies.ts';
import { allIndexes } from '../../src/control/indexes.ts';
import { cancelOf } from '../../src/control/plan-orders.ts';
import { applyPlan } from '../../src/control/proposal/apply.ts';
import { planReport } from '../../src/control/report.ts';
import { lookAtPlan } from '../../src/control/proposal/look.ts';
import { proposePlan } from '../../src/control/proposal/make.ts';
import { planAppliedToWire } from '../../src/core/plan-applied.ts';
import type { Proposed } from '../../src/ports.ts';
import { openControl, type Control } from '../../src/service.ts';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';
import { untilTrue } from '../support/until.ts';

const WAIT = { timeoutMs: 15_000 };
let fleet: PlanningFleet;
let control: Control;

beforeAll(async () => {
  fleet = await startPlanningFleet(4);
  control = await openControl(fleet.config);
}, 60_000);
afterAll(async () => {
  await control.close();
  await fleet.stop();
});
beforeEach(async () => {
  await fleet.reset(3);
  await fleet.createIndex('books', 16, 320);
});

const drain = (...ids: string[]): Promise<Proposed> => proposePlan(control, { add: [], drain: ids });
const addN4 = { node_id: 'n4', url: '' };
const both = (): Promise<Proposed> =>
  proposePlan(control, { add: [{ ...addN4, url: fleet.url('n4') }], drain: ['n1'] });

describe('a plan that is only looked at', () => {
  it('changes nothing, has the same id when asked again, and says what it comes to', async () => {
    const before = await fleet.snapshot();
    const plan = await drain('n1');
    const { checks: _looked, madeAtMs: _made, ...same } = plan;
    expect(await drain('n1')).toMatchObject(same);
    const kept = (text: string): unknown =>
      (JSON.parse(text) as [string][]).filter(([name]) => !name.includes('proposals'));
    expect(kept(await fleet.snapshot())).toEqual(kept(before));
    const n1 = plan.nodes.find(({ id }) => id === 'n1');
    expect(n1?.before.shards).toBe(plan.moves);
    expect(n1).toMatchObject({
      state: 'draining',
      before: { documents: plan.documents },
      after: { shards: 0, documents: 0, bytes: 0 },
    });
    expect(plan).toMatchObject({ minimum: plan.moves, withdrawn: 0, learnedFrom: 0, blocked: [] });
    expect(plan.secondsHigh).toBeGreaterThan(plan.secondsLow ?? Infinity);
    expect(await lookAtPlan(control, plan.id)).toMatchObject({
      state: 'proposed',
      isStale: false,
      next_steps: [`miroir plan apply ${plan.id} --wait`],
    });
  });

  it('tells no time that the throttle does not allow', async () => {
    const free = await drain('n1');
    await control.throttles.set({ documentsPerSecond: 1, tasksInFlight: null, nodes: {} }, 'ann');
    const { secondsLow, secondsHigh } = await drain('n1');
    expect(secondsLow).toBe(free.documents);
    expect(secondsHigh).toBe((free.documents ?? 0) + (free.secondsHigh ?? 0));
  });

  it('counts no copy that is only kept for its grace: its node has it still, and nobody moves it', async () => {
    const plan = await drain('n1');
    const [other] = (await control.records.table('books'))!.shards.filter(({ owners }) => !owners.includes('n1'));
    await fleet.startPlanner().worker.leading;
    const { outcome } = await applyPlan(control, plan.id, WAIT);
    const [move] = (await control.records.unfinishedMoves()).filter(({ planId }) => planId === outcome?.plan);
    // As if that other shard had just left n1.
    const key = `{miroir}:move:${move?.id}`;
    const moved = JSON.parse((await fleet.base.redis.hget(key, 'move')) ?? '{}') as object;
    await fleet.base.redis.hset(key, 'move', JSON.stringify({ ...moved, shard: other?.shard }));
    const topology = await control.records.topology();
    const parts = { ...control, records: fleet.base.records };
    const { nodes } = await copiesNow(parts, topology, await allIndexes(parts));
    const [owned, before] = [plan.moves, plan.documents ?? 0];
    expect(nodes.get('n1')).toMatchObject({ shards: owned, documents: Math.round((before * owned) / (owned + 1)) });
  });

  it('says what speaks against it: a node that does not answer, too little room', async () => {
    const failedOf = ({ checks }: Proposed): string[] => [
      ...new Set(checks.filter(({ level }) => level === 'fail').map(({ subject }) => subject)),
    ];
    const full = { ...control, nodeMaxBytes: 1_000 };
    // Whoever gives shards away may be as full as it is: that is the way out.
    expect(failedOf(await proposePlan(full, { add: [], drain: ['n1'] }))).toEqual(['node n2', 'node n3']);
    const plan = await proposePlan(full, { add: [{ node_id: 'n9', url: 'http://127.0.0.1:1' }], drain: [] });
    expect(failedOf(plan)).toEqual(['node n9']);
    expect(await lookAtPlan(control, plan.id)).toMatchObject({
      next_steps: ['miroir plan --add n9=http://127.0.0.1:1'],
    });
    await expect(applyPlan(control, plan.id, null)).rejects.toMatchObject({ code: 'miroir_preflight' });
    expect(await fleet.events.getJobCounts('wait')).toEqual({ wait: 0 });
  });

  it('is refused for what no event could do', async () => {
    await expect(drain('nx')).rejects.toMatchObject({ code: 'miroir_node_unknown' });
    await expect(drain('n1', 'n2', 'n3')).rejects.toMatchObject({ code: 'miroir_last_replica' });
    await expect(applyPlan(control, 'p000000000000', null)).rejects.toMatchObject({ code: 'miroir_plan_unknown' });
  });
});

describe('carrying it out', () => {
  it('is one plan of the same id and the same moves, for several nodes at one version', async () => {
    await fleet.startPlanner().worker.leading;
    const plan = await both();
    const { outcome } = await applyPlan(control, plan.id, WAIT);
    expect(outcome).toEqual({ change: 'changed', plan: plan.id, moves: plan.moves, blocked: 0 });
    const { version, nodes } = await control.records.topology();
    expect(version).toBe(plan.version + 1);
    expect(nodes.map(({ id, state }) => `${id} ${state}`).sort()).toEqual([
      'n1 draining',
      'n2 active',
      'n3 active',
      'n4 joining',
    ]);
    expect(await control.records.plans(0)).toMatchObject([
      { id: plan.id, moves: plan.moves, why: 'NodeAdded n4, NodeDraining n1 (as shown)' },
    ]);
    expect((await lookAtPlan(control, plan.id)).state).toBe('running');
    // What its moves carry was counted with the last look: the time left goes by it.
    const counted = Number(await fleet.base.redis.hget(`{miroir}:plan:${plan.id}`, 'planned'));
    expect(Math.abs(counted - (plan.documents ?? 0))).toBeLessThan(plan.moves);
    // What was said before is in its report.
    expect((await planReport(control, plan.id)).shown).toEqual({
      madeAtMs: plan.madeAtMs,
      moves: plan.moves,
      documents: plan.documents,
      lowSeconds: plan.secondsLow,
      highSeconds: plan.secondsHigh,
      actual: null,
    });
    // Again is no second plan, whoever asks.
    expect((await applyPlan(control, plan.id, WAIT)).outcome).toMatchObject({ change: 'repeated', plan: plan.id });
    const { name, data } = planAppliedToWire({ plan: plan.id, version: plan.version, events: plan.events });
    expect(await fleet.send(name, data)).toMatchObject({ change: 'repeated', plan: plan.id });
    expect(await control.records.plans(9)).toHaveLength(1);
  });

  it('is another plan once it was cancelled and left everything as it was: that one can be applied, the first not', async () => {
    await fleet.startPlanner().worker.leading;
    const cancelled: string[] = [];
    // The first changes the topology, the second nothing any more.
    for (const _time of [1, 2]) {
      const { id } = await drain('n1');
      expect((await applyPlan(control, id, WAIT)).outcome).toMatchObject({ change: 'changed', plan: id });
      await control.planHolds.cancel(id, 'ann');
      cancelled.push(id);
    }
    const plan = await drain('n1');
    expect(cancelled).not.toContain(plan.id);
    expect((await applyPlan(control, plan.id, WAIT)).outcome).toMatchObject({ change: 'changed', moves: plan.moves });
    await expect(applyPlan(control, cancelled[1] ?? '', WAIT)).rejects.toMatchObject({
      code: 'miroir_plan_state',
      message: expect.stringMatching(/was cancelled by ann/) as unknown,
    });
  });

  it('goes on while other shards move, and not when one of its own has', async () => {
    await fleet.startPlanner().worker.leading;
    const plan = await drain('n1');
    const table = await control.records.table('books');
    const [other] = table!.shards.filter(({ owners }) => !owners.includes('n1'));
    const [own] = table!.shards.filter(({ owners }) => owners.includes('n1'));
    const raise = async (route: typeof own): Promise<void> => {
      const { shard, ...rest } = route!;
      const epoch = await fleet.base.redis.hincrby('{miroir}:routing:books', 'epoch', 1);
      await fleet.base.redis.hset('{miroir}:routing:books', `s:${shard}`, JSON.stringify({ ...rest, epoch }));
    };
    await raise(own);
    await expect(applyPlan(control, plan.id, WAIT)).rejects.toMatchObject({ code: 'miroir_stale_plan' });
    expect(await control.records.plans(9)).toEqual([]);
    const again = await drain('n1');
    await raise(other);
    expect((await applyPlan(control, again.id, WAIT)).outcome).toMatchObject({ change: 'changed', plan: again.id });
  });

  it('sends documents to the server that was looked at, whoever asks for the same with another one meanwhile', async () => {
    await fleet.startPlanner().worker.leading;
    const url = fleet.url('n4');
    const at = (place: string): Promise<Proposed> =>
      proposePlan(control, { add: [{ ...addN4, url: place }], drain: [] });
    const mine = await at(url);
    const theirs = await at(fleet.url('n1').replace('127.0.0.1', 'localhost'));
    expect(theirs.moves).toBe(mine.moves);
    expect(theirs.id).not.toBe(mine.id);
    expect(await lookAtPlan(control, mine.id)).toMatchObject({ added: [{ id: 'n4', url }] });
    await applyPlan(control, mine.id, WAIT);
    expect((await control.records.topology()).nodes.find(({ id }) => id === 'n4')?.url).toBe(url);
    await expect(applyPlan(control, theirs.id, WAIT)).rejects.toMatchObject({ code: 'miroir_stale_plan' });
    // Of a plan that was shown the way back is as of one that an event asked for.
    expect((await cancelOf(control, mine.id)).reverse).toEqual(['miroir plan --drain n4']);
  });

  it('is refused when the topology has changed, with the difference, also by the planner alone', async () => {
    await fleet.startPlanner().worker.leading;
    const plan = await drain('n1');
    await fleet.send('NodeDraining', { node_id: 'n2' });
    const before = await control.records.topology();
    await expect(applyPlan(control, plan.id, WAIT)).rejects.toMatchObject({
      code: 'miroir_stale_plan',
      details: {
        expected: plan.version,
        difference: expect.arrayContaining(['node n2 was active, is draining']) as unknown,
      },
    });
    const { name, data } = planAppliedToWire({ plan: plan.id, version: plan.version, events: plan.events });
    expect(await fleet.refusal(name, data)).toMatch(/^miroir_stale_plan: .*version 2, it was made at 1/);
    expect(await control.records.topology()).toEqual(before);
    expect(await lookAtPlan(control, plan.id)).toMatchObject({ isStale: true, next_steps: ['miroir plan --drain n1'] });
  });

  it.each([
    'after script:topology-commit',
    'before script:plan-open',
    'after script:plan-open',
    'after script:moves-add',
    'after script:plan-run',
  ])('a planner that dies %s: the next one carries out the same plan', async (point) => {
    const plan = await both();
    const first = fleet.startPlanner();
    await first.worker.leading;
    first.failpoint.breakAt(point);
    const { name, data } = planAppliedToWire({ plan: plan.id, version: plan.version, events: plan.events });
    const job = await fleet.events.add(name, data);
    await untilTrue(() => first.failpoint.isBroken);
    await first.abandon();
    if (await job.isFailed()) await job.retry('failed');
    await fleet.startPlanner().worker.leading;
    expect(await fleet.producer.result(job.id ?? '', WAIT)).toMatchObject({ plan: plan.id, moves: plan.moves });
    expect(await control.records.plans(9)).toMatchObject([{ id: plan.id, state: 'running', left: plan.moves }]);
    expect(await control.records.unfinishedMoves()).toHaveLength(plan.moves);
  });
});
