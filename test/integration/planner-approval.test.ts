// With plan_approval what events ask for waits for somebody who has looked at it; lost copies do not.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { applyPlan } from '../../src/control/proposal/apply.ts';
import { lookAtPlan } from '../../src/control/proposal/look.ts';
import { proposePlan } from '../../src/control/proposal/make.ts';
import type { PlanRecord } from '../../src/ports.ts';
import { openControl, type Control } from '../../src/service.ts';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';
import { untilTrue } from '../support/until.ts';

const WAIT = { timeoutMs: 15_000 };
let fleet: PlanningFleet;
let control: Control;

beforeAll(async () => {
  fleet = await startPlanningFleet(4, { MIROIR_PLAN_APPROVAL: '1' });
}, 60_000);
afterAll(() => fleet.stop());
afterEach(() => control.close());
beforeEach(async () => {
  await fleet.reset(3);
  const opened = await openControl(fleet.config);
  // What it keeps of what it has read does not outlive the records of a test.
  control = { ...opened, records: fleet.base.records, planHolds: fleet.base.planHolds };
  await fleet.createIndex('books', 16, 0, 2);
});

const plans = async (): Promise<readonly PlanRecord[]> => fleet.base.records.plans(9);
const waiting = async (): Promise<readonly PlanRecord[]> =>
  (await plans()).filter(({ held, state }) => held?.by === 'approval' && state !== 'done');
const jobs = async (): Promise<number> => (await fleet.jobs('books')).waiting;
const add = (): Promise<{ plan: string | null; moves: number }> =>
  fleet.send('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });

describe('a plan that an event asks for', () => {
  it('waits without a job, and begins when it is applied', async () => {
    await fleet.startPlanner().worker.leading;
    const { plan, moves } = await add();
    expect(await waiting()).toMatchObject([{ id: plan, moves, state: 'running', held: { by: 'approval' } }]);
    expect(await jobs()).toBe(0);
    const applied = await applyPlan(control, plan ?? '', WAIT);
    expect(applied).toEqual({ jobId: null, stage: 'running', outcome: { change: 'changed', plan, moves, blocked: 0 } });
    await untilTrue(async () => (await jobs()) > 0);
    expect((await applyPlan(control, plan ?? '', WAIT)).outcome?.change).toBe('repeated');
  });

  it('shows what it would do until it begins, as if it had been asked for with the same nodes', async () => {
    await fleet.createIndex('films', 4, 40);
    const asked = await proposePlan(control, { add: [{ node_id: 'n4', url: fleet.url('n4') }], drain: [] });
    await fleet.base.redis.del('{miroir}:proposals', '{miroir}:proposals:made');
    await fleet.startPlanner().worker.leading;
    const { plan, moves } = await add();
    const { id, documents, bytes, nodes, minimum, secondsLow, secondsHigh, spreadAfter } = asked;
    expect([plan, moves]).toEqual([id, asked.moves]);
    const shown = await lookAtPlan(control, id);
    expect(shown).toMatchObject({
      stage: 'awaiting_approval',
      forecast: { moves, documents, bytes, nodes, minimum, secondsLow, secondsHigh, spreadAfter },
    });
    expect(documents).toBeGreaterThan(0);
    expect('forecast' in shown && shown.forecast).toMatchObject({
      added: [{ id: 'n4', url: fleet.url('n4'), group: 0, apiKeyRef: null }],
      checks: expect.arrayContaining([expect.objectContaining({ subject: 'node n4', level: 'ok' })]) as unknown,
    });
    // Who asks again soon makes no node count again.
    expect(await lookAtPlan(control, id)).toEqual(shown);
    await applyPlan(control, id, WAIT);
    expect(await lookAtPlan(control, id)).toMatchObject({ stage: 'running', forecast: null });
  });

  it('stays the same while nothing changes, and is replaced as a whole when something does', async () => {
    await fleet.startPlanner().worker.leading;
    const { plan, moves } = await add();
    expect(await fleet.send('NodeAdded', { node_id: 'n4' })).toMatchObject({ change: 'repeated', plan, moves });
    expect(await waiting()).toHaveLength(1);
    expect(await lookAtPlan(control, plan ?? '')).toMatchObject({ forecast: { moves } });
    const next = await fleet.send('NodeDraining', { node_id: 'n1' });
    expect(next.plan).not.toBe(plan);
    expect(await lookAtPlan(control, plan ?? '')).toMatchObject({ forecast: null });
    // It says all that it serves.
    expect(await waiting()).toContainEqual(
      expect.objectContaining({ id: next.plan, why: 'NodeAdded n4, NodeDraining n1' }),
    );
    expect((await waiting()).map(({ id }) => id)).toContain(next.plan);
    // Nothing of the one before is left that might begin beside it.
    const live = (await fleet.base.records.unfinishedMoves()).filter(({ cancelWished }) => !cancelWished);
    expect(new Set(live.map(({ planId }) => planId))).toEqual(new Set([next.plan]));
    await expect(applyPlan(control, plan ?? '', WAIT)).rejects.toMatchObject({ code: 'miroir_stale_plan' });
    expect((await applyPlan(control, next.plan ?? '', WAIT)).outcome?.change).toBe('changed');
  });

  it('that was looked at before needs nobody to look again', async () => {
    await fleet.startPlanner().worker.leading;
    const proposed = await proposePlan(control, { add: [{ node_id: 'n4', url: fleet.url('n4') }], drain: [] });
    expect((await applyPlan(control, proposed.id, WAIT)).outcome).toMatchObject({
      change: 'changed',
      plan: proposed.id,
    });
    expect(await waiting()).toEqual([]);
    expect(await jobs()).toBeGreaterThan(0);
  });
});

describe('copies that are lost', () => {
  it('are restored at once, in a plan of their own, beside what waits', async () => {
    await fleet.startPlanner().worker.leading;
    await add();
    await fleet.send('NodeFailed', { node_id: 'n1' });
    const restoring = (await plans()).filter(({ held, state }) => held === null && state !== 'done');
    expect(restoring).toHaveLength(1);
    const moves = (await fleet.base.records.unfinishedMoves()).filter(({ cancelWished }) => !cancelWished);
    expect(moves.filter(({ planId }) => planId === restoring[0]?.id).every(({ reason }) => reason === 'restore')).toBe(
      true,
    );
    expect(moves.filter(({ reason }) => reason === 'restore').every(({ planId }) => planId === restoring[0]?.id)).toBe(
      true,
    );
    expect(moves.filter(({ reason }) => reason !== 'restore').length).toBeGreaterThan(0);
    expect(await jobs()).toBeGreaterThan(0);
  });
});

describe('a planner that dies while it writes', () => {
  it.each(['after script:topology-commit', 'after script:plan-open', 'after script:moves-add'])(
    '%s: what waits for an approval still does',
    async (point) => {
      const first = fleet.startPlanner();
      await first.worker.leading;
      first.failpoint.breakAt(point);
      const job = await fleet.events.add('NodeAdded', { node_id: 'n4', url: fleet.url('n4') });
      await untilTrue(() => first.failpoint.isBroken);
      await first.abandon();
      if (await job.isFailed()) await job.retry('failed');
      await fleet.startPlanner().worker.leading;
      await fleet.producer.result(job.id ?? '', WAIT);
      expect(await waiting()).toHaveLength(1);
      expect((await plans()).filter(({ held, state }) => held === null && state !== 'done')).toEqual([]);
      expect(await jobs()).toBe(0);
    },
  );

  it('what was looked at and cut off before it was written begins all the same', async () => {
    const proposed = await proposePlan(control, { add: [{ node_id: 'n4', url: fleet.url('n4') }], drain: [] });
    const first = fleet.startPlanner();
    await first.worker.leading;
    first.failpoint.breakAt('after script:topology-commit');
    const { jobId } = await fleet.producer.applyPlan({
      plan: proposed.id,
      version: proposed.version,
      events: proposed.events,
    });
    await untilTrue(() => first.failpoint.isBroken);
    await first.abandon();
    const job = await fleet.events.getJob(jobId);
    if (await job?.isFailed()) await job?.retry('failed');
    await fleet.startPlanner().worker.leading;
    expect(await fleet.producer.result(jobId, WAIT)).toMatchObject({ plan: proposed.id });
    expect(await waiting()).toEqual([]);
  });
});
