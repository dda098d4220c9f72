// Pausing, resuming and cancelling plans as operators do, with a real planner and over the control API; nobody moves here.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  cancelOf,
  cancelPlan,
  pauseAll,
  pausePlan,
  resumeAll,
  resumePlan,
  untilPaused,
} from '../../src/control/plan-orders.ts';
import { listPlans } from '../../src/control/plan-list.ts';
import { applyPlan } from '../../src/control/proposal/apply.ts';
import { proposePlan } from '../../src/control/proposal/make.ts';
import { lookAtPlan } from '../../src/control/proposal/look.ts';
import { planReport } from '../../src/control/report.ts';
import { listMoves } from '../../src/control/move-list.ts';
import { status } from '../../src/control/status.ts';
import { keys } from '../../src/redis/keys.ts';
import { loadConfig } from '../../src/config.ts';
import { type Control, openControl, type Running, startApi } from '../../src/service.ts';
import { askApi, JSON_BODY, apiSettings } from '../support/api.ts';
import { type PlanningFleet, startPlanningFleet } from '../support/planning.ts';
import { untilTrue } from '../support/until.ts';

let fleet: PlanningFleet;
let control: Control;
let api: Running & { readonly apiUrl: string };

beforeAll(async () => {
  fleet = await startPlanningFleet(3);
  // Read anew each time: these tests write what workers would, past the scripts that tell of it.
  control = { ...(await openControl(fleet.config)), records: fleet.base.records };
  api = await startApi({ ...fleet.config, ...loadConfig(apiSettings(fleet.redis.url)) });
}, 60_000);
afterAll(async () => {
  await api.close();
  await control.close();
  await fleet.stop();
});

/** A plan that brings shards to n3; its moves have jobs and nobody takes them. */
async function plan(): Promise<string> {
  const { plan: id } = await fleet.send('NodeAdded', { node_id: 'n3', url: fleet.url('n3') });
  return id ?? '';
}
const noted = async (): Promise<Record<string, string>[]> =>
  (await control.audit.after('0-0', 100)).map(({ fields }) => fields).filter(({ what }) => what === 'asked');
const ask = (method: string, path: string, body?: unknown) =>
  askApi(api.apiUrl, {
    method,
    path,
    headers: body === undefined ? {} : JSON_BODY,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

beforeEach(async () => {
  await fleet.reset(2);
  await fleet.createIndex('books', 8, 16);
  await fleet.startPlanner().worker.leading;
});

describe('a plan', () => {
  it('that is paused loses its jobs, says who paused it, and gets them back', async () => {
    const id = await plan();
    expect((await fleet.jobs('books')).waiting).toBeGreaterThan(0);
    const { held } = await pausePlan(control, id);
    expect(held).toMatchObject({ by: 'operator', actor: control.actor });
    expect((await pausePlan(control, id)).held).toEqual(held);
    await untilTrue(async () => (await fleet.jobs('books')).ids.length === 0);
    await untilPaused(control, id, { timeoutMs: 1_000 });
    const { results } = await listMoves(control, { state: 'unfinished', plan: null, from: null, limit: 100 });
    expect(results.map(({ note }) => note?.split(':')[0])).toEqual(results.map(() => 'paused_by_operator'));
    expect((await status(control)).plans).toMatchObject([{ id, held }]);
    expect(await resumePlan(control, id)).toEqual({ plan: id, held: null, paused: null });
    await resumePlan(control, id);
    await untilTrue(async () => (await fleet.jobs('books')).waiting > 0);
    expect((await noted()).map(({ verb, plan: of }) => [verb, of])).toEqual([
      ['plan pause', id],
      ['plan pause', id],
      ['plan resume', id],
      ['plan resume', id],
    ]);
  });

  it('says in one word how it stands, in lists and by itself, and is told so when it is applied again', async () => {
    const id = await plan();
    const stages = async (): Promise<string[]> => {
      const { results } = await listPlans(control, { from: null, limit: 1 });
      const applied = applyPlan(control, id, null).then(
        ({ stage }) => stage ?? '',
        (error: unknown) => (error as { code: string }).code,
      );
      return [results[0]?.stage ?? '', (await lookAtPlan(control, id)).stage, await applied];
    };
    expect(await stages()).toEqual(['running', 'running', 'running']);
    await pauseAll(control);
    expect(await stages()).toEqual(['paused', 'paused', 'paused']);
    await resumeAll(control);
    const moves = await control.records.planMoveIds(id);
    const { redis } = fleet.base;
    await Promise.all(moves.map((move) => redis.hset(keys.move(move), { phase: 'DualWriteStopped' })));
    expect(await stages()).toEqual(['settled', 'settled', 'settled']);
    expect((await planReport(control, id)).stage).toBe('settled');
    await Promise.all(moves.map((move) => redis.hset(keys.move(move), { phase: 'Idle' })));
    await cancelPlan(control, id);
    expect(await stages()).toEqual(['cancelling', 'cancelling', 'miroir_plan_state']);
    await untilTrue(async () => (await control.records.unfinishedMoves()).every(({ cancelWished }) => cancelWished));
    await fleet.finishMoves();
    await untilTrue(async () => (await control.records.plan(id))?.state === 'done');
    expect(await stages()).toEqual(['cancelled', 'cancelled', 'miroir_plan_state']);
    await expect(cancelOf(control, id)).rejects.toMatchObject({ message: `plan ${id} is cancelled` });
    expect((await status(control)).plans).toMatchObject([{ id, stage: 'cancelled' }]);
  });

  it('that is made while all plans are paused waits, too', async () => {
    const { paused } = await pauseAll(control);
    const id = await plan();
    expect((await status(control)).paused).toEqual(paused);
    expect((await fleet.jobs('books')).ids).toEqual([]);
    const { results } = await listMoves(control, { state: 'unfinished', plan: null, from: null, limit: 1 });
    expect(results[0]?.waiting).toMatchObject({
      reason: 'all_paused',
      text: expect.stringContaining('`miroir plan resume --all`'),
      unblock: 'go on with them: `miroir plan resume --all`',
    });
    expect(await resumePlan(control, id)).toMatchObject({ held: null, paused });
    expect(await resumeAll(control)).toEqual({ paused: null });
    await untilTrue(async () => (await fleet.jobs('books')).waiting > 0);
  });

  it('that is cancelled is not planned again until an event asks, and the way back is offered', async () => {
    const id = await plan();
    const moves = await control.records.planMoveIds(id);
    const [first = ''] = moves;
    await fleet.base.redis.hset(keys.move(first), { phase: 'DualWriteStarted', startedAt: 1 });
    const view = await cancelOf(control, id);
    expect(view).toEqual({
      plan: id,
      why: 'NodeAdded n3',
      cancelled: false,
      unbegun: moves.length - 1,
      undone: 1,
      switched: 0,
      reverse: ['miroir plan --drain n3'],
      standing: 'n3 stays added: any event plans for that again until a plan that takes it back is applied',
    });
    expect((await control.records.plan(id))?.cancelled).toBeNull();
    expect(await cancelPlan(control, id)).toEqual({ ...view, cancelled: true });
    expect(await cancelPlan(control, id)).toEqual({ ...view, cancelled: true });
    await untilTrue(async () => (await control.records.moves(moves)).every(({ cancelWished }) => cancelWished));
    await fleet.finishMoves();
    // n3 arrives without a shard; neither that nor sweeps plan anything.
    await untilTrue(async () => (await control.records.topology()).nodes[2]?.state === 'active');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await control.records.unfinishedMoves()).toEqual([]);
    for (const act of [cancelPlan, pausePlan, resumePlan])
      await expect(act(control, id)).rejects.toMatchObject({ code: 'miroir_plan_state', field: 'plan' });
    const again = await fleet.send('NodeAdded', { node_id: 'n3', url: fleet.url('n3') });
    expect(again.moves).toBe(moves.length);
  });

  it('that is cancelled stays so where another of its moves was out of date: only that one is planned again', async () => {
    const { redis } = fleet.base;
    const id = await plan();
    await cancelPlan(control, id);
    await untilTrue(async () => (await control.records.unfinishedMoves()).every(({ cancelWished }) => cancelWished));
    const [first] = await control.records.unfinishedMoves();
    const outdated = first?.id ?? '';
    // What a worker writes that finds the shard's owners changed.
    await redis.hset(keys.move(outdated), { outcome: 'cancelled', wish: '' });
    await redis.srem(keys.moves, outdated);
    await redis.hincrby(keys.plan(id), 'left', -1);
    await fleet.finishMoves();
    await untilTrue(async () => (await control.records.unfinishedMoves()).length > 0);
    const { index, shard, target } = first ?? {};
    expect(await control.records.unfinishedMoves()).toMatchObject([{ index, shard, target }]);
  });

  it('that drained nodes offers one plan that takes all back: each event by itself would drain the other again', async () => {
    await fleet.reset(3);
    await fleet.createIndex('books', 8, 16);
    await fleet.startPlanner().worker.leading;
    const { id } = await proposePlan(control, { add: [], drain: ['n2', 'n3'] });
    await applyPlan(control, id, { timeoutMs: 10_000 });
    await cancelPlan(control, id);
    const { reverse, standing } = await cancelOf(control, id);
    const added = ['n2', 'n3'].map((node) => `--add ${node}=${fleet.url(node)}`).join(' ');
    expect(reverse).toEqual([`miroir plan ${added}`]);
    expect(standing).toContain('n2, n3 stay draining: any event plans for that again');
    await untilTrue(async () => (await control.records.unfinishedMoves()).every(({ cancelWished }) => cancelWished));
    await fleet.finishMoves();
    const back = ['n2', 'n3'].map((node) => ({ node_id: node, url: fleet.url(node) }));
    const undo = await proposePlan(control, { add: back, drain: [] });
    await applyPlan(control, undo.id, { timeoutMs: 10_000 });
    expect((await control.records.topology()).nodes.map(({ state }) => state)).not.toContain('draining');
  });
});

describe('over the control API', () => {
  it('plans are paused, resumed and cancelled, one and all', async () => {
    const id = await plan();
    const held = { by: 'operator', actor: 'loopback' };
    const json = async (asked: ReturnType<typeof ask>): Promise<unknown> => JSON.parse((await asked).text) as unknown;
    expect(await json(ask('POST', `/v1/plans/${id}/pause`, {}))).toMatchObject({ plan: id, held });
    expect(await json(ask('GET', `/v1/plans/${id}`))).toMatchObject({ held });
    expect(await json(ask('POST', `/v1/plans/${id}/resume`, {}))).toMatchObject({ held: null });
    expect(await json(ask('PUT', '/v1/pause', { paused: true }))).toMatchObject({ paused: held });
    expect(await json(ask('GET', '/v1/pause'))).toMatchObject({ paused: held });
    expect(await json(ask('PUT', '/v1/pause', { paused: false }))).toEqual({ paused: null });
    expect(await json(ask('GET', `/v1/plans/${id}/cancellation`))).toMatchObject({ cancelled: false });
    const cancelled = await ask('POST', `/v1/plans/${id}/cancel`, {});
    expect([cancelled.status, cancelled.headers.location]).toEqual([202, `/v1/plans/${id}`]);
    await untilTrue(async () => (await control.records.unfinishedMoves()).every(({ cancelWished }) => cancelWished));
    await fleet.finishMoves();
    const over = await ask('POST', `/v1/plans/${id}/pause`, {});
    expect([over.status, JSON.parse(over.text)]).toMatchObject([409, { code: 'miroir_plan_state' }]);
    expect((await ask('POST', '/v1/plans/p0/pause', {})).status).toBe(404);
  });

  it('copies are throttled, and a throttle that is none is refused', async () => {
    const limits = { documentsPerSecond: 500, tasksInFlight: null };
    const throttle = { ...limits, nodes: { n1: { documentsPerSecond: null, tasksInFlight: 2 } } };
    const set = await ask('PUT', '/v1/throttle', throttle);
    expect([set.status, JSON.parse(set.text)]).toMatchObject([200, { throttle, actor: 'loopback' }]);
    const wrong = await ask('PUT', '/v1/throttle', { ...throttle, documentsPerSecond: 0 });
    expect([wrong.status, JSON.parse(wrong.text)]).toMatchObject([400, { code: 'miroir_invalid_input' }]);
    expect((await ask('PUT', '/v1/throttle', { ...limits, nodes: { n9: limits } })).status).toBe(404);
    expect(JSON.parse((await ask('GET', '/v1/throttle')).text)).toEqual(JSON.parse(set.text));
  });
});
