// The operator's throttle: what is granted, over all who ask, and a copy that heeds it.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { changeThrottle, clearThrottle, setThrottle, showThrottle } from '../../src/control/throttle.ts';
import { NO_THROTTLE } from '../../src/core/throttle.ts';
import { openControl, type Control } from '../../src/service.ts';
import { someDocuments, startTestFleet, type TestFleet } from '../support/fleet.ts';
import { scene } from '../support/scene.ts';

let fleet: TestFleet;
let control: Control;
beforeAll(async () => {
  fleet = await startTestFleet({ nodes: 2, config: { migration_batch_size: 20 } });
  control = await openControl(fleet.config);
  await fleet.startWorker();
}, 60_000);
afterAll(async () => {
  await control.close();
  await fleet.stop();
});
afterEach(() => clearThrottle(control));

const take = async (node: string, documents: number): Promise<number> =>
  (await fleet.base.throttles.take(node, documents)).waitMs;

describe('what is granted', () => {
  it('is everything without a throttle', async () => {
    expect([await take('n1', 1e6), await take('n1', 1e6)]).toEqual([0, 0]);
    expect(await showThrottle(control)).toEqual({ throttle: NO_THROTTLE, sinceMs: null, actor: null });
  });

  it('is a turn for each window, of all nodes together, in the order in which they asked', async () => {
    await changeThrottle(control, null, { documentsPerSecond: 1_000 });
    expect(await take('n1', 4_000)).toBe(0);
    const [second, third] = [await take('n2', 10_000), await take('n1', 10)];
    expect(second).toBeGreaterThan(3_500);
    expect(second).toBeLessThanOrEqual(4_000);
    // A small one does not overtake, and nobody has to ask again.
    expect(third).toBeGreaterThan(13_500);
    expect(third).toBeLessThanOrEqual(14_000);
  });

  it('is of one node what is allowed into it, and holds no other node up', async () => {
    await changeThrottle(control, 'n1', { documentsPerSecond: 10 });
    await changeThrottle(control, null, { documentsPerSecond: 1_000_000 });
    expect(await take('n1', 100)).toBe(0);
    expect(await take('n1', 1)).toBeGreaterThan(5_000);
    expect(await take('n2', 1)).toBeLessThanOrEqual(1);
  });

  it('begins anew with a new rate', async () => {
    await changeThrottle(control, null, { documentsPerSecond: 1 });
    await take('n1', 1_000);
    expect(await take('n1', 1)).toBeGreaterThan(100_000);
    await changeThrottle(control, null, { documentsPerSecond: 2 });
    expect(await take('n1', 1)).toBe(0);
  });
});

describe('setting it', () => {
  it('is told with who asked, refused for unknown nodes and wrong numbers, and changes nothing then', async () => {
    const set = await setThrottle(control, { ...NO_THROTTLE, tasksInFlight: 3 });
    expect(set).toMatchObject({ throttle: { tasksInFlight: 3 }, actor: control.actor });
    const n9 = { n9: { documentsPerSecond: 1, tasksInFlight: null } };
    await expect(setThrottle(control, { ...NO_THROTTLE, nodes: n9 })).rejects.toMatchObject({
      code: 'miroir_node_unknown',
    });
    await expect(changeThrottle(control, null, { tasksInFlight: 0 })).rejects.toMatchObject({
      code: 'miroir_invalid_input',
      field: 'tasksInFlight',
    });
    expect(await showThrottle(control)).toEqual(set);
    await expect(
      fleet.base.throttles.set(NO_THROTTLE, 'me', { ...set, sinceMs: (set.sinceMs ?? 0) - 1 }),
    ).rejects.toMatchObject({ code: 'miroir_conflict' });
    const verbs = (await control.audit.after('0-0', 1_000)).map(({ fields }) => fields);
    expect(verbs).toContainEqual({
      what: 'asked',
      verb: 'throttle set',
      actor: control.actor,
      throttle: JSON.stringify(set.throttle),
    });
  });
});

describe('a copy', () => {
  it('goes no faster than it may, and at once when the throttle is lifted', async () => {
    const one = await scene(fleet, { documents: someDocuments(400) });
    await changeThrottle(control, null, { documentsPerSecond: 30 });
    const { id } = await one.move();
    await fleet.untilMove(id, ({ docsMigrated }) => docsMigrated > 0);
    const startedMs = performance.now();
    const before = (await fleet.untilMove(id, () => true)).docsMigrated;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const { docsMigrated } = await fleet.untilMove(id, () => true);
    const perSecond = (docsMigrated - before) / ((performance.now() - startedMs) / 1_000);
    expect(perSecond).toBeGreaterThan(5);
    expect(perSecond).toBeLessThan(70);
    // What is left would take ten seconds more.
    await clearThrottle(control);
    await fleet.untilMove(id, (move) => move.docsMigrated === 400, 6_000);
    await fleet.untilEnded(id);
    await one.check();
  }, 60_000);

  it('has no more windows in its target than it may', async () => {
    const one = await scene(fleet, { documents: someDocuments(400) });
    const waiting = async (node: string): Promise<number> =>
      (await fleet.client(node).tasks({ statuses: ['enqueued'], limit: 50 })).length;
    await changeThrottle(control, one.to, { tasksInFlight: 1 });
    const id = await one.stall();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await waiting(one.to)).toBe(1);
    await one.target.resume();
    await fleet.untilEnded(id);
    await clearThrottle(control);
    const two = await scene(fleet, { documents: someDocuments(400) });
    await changeThrottle(control, null, { tasksInFlight: 2 });
    const next = await two.stall();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await waiting(two.to)).toBe(2);
    await two.target.resume();
    await fleet.untilEnded(next);
    await two.check();
  }, 60_000);
});
