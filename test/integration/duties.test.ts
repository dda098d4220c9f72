// Duties of reconcilers: rounds and tasks as jobs of one queue that several processes serve.
import { Queue } from 'bullmq';
import { afterEach, describe, expect, it } from 'vitest';
import type { Config } from '../../src/config.ts';
import { createProbe } from '../../src/nodes/index.ts';
import { startNodeLooks } from '../../src/planning/node-looks.ts';
import type { Duty, DutyRun } from '../../src/ports.ts';
import { startDuties, type Duties, type DutiesOptions } from '../../src/queue/duties.ts';
import { DUTIES_QUEUE, QUEUE_PREFIX } from '../../src/queue/names.ts';
import { connect } from '../../src/redis/connection.ts';
import { dutyScope, keys } from '../../src/redis/keys.ts';
import { openLeases } from '../../src/service.ts';
import { openDuties } from '../../src/service/duties.ts';
import { openRouter } from '../../src/service/router.ts';
import { startTestFleet, type TestFleet } from '../support/fleet.ts';
import { observed, said } from '../support/observed.ts';
import { untilTrue } from '../support/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function makeFleet(): Promise<TestFleet> {
  const fleet = await startTestFleet({ nodes: 1, config: { lease_ttl_secs: 1, lease_renewal_interval_ms: 200 } });
  closers.push(() => fleet.stop());
  return fleet;
}

/** A process that has these duties. */
const serve = (fleet: TestFleet, ...duties: readonly Duty[]): Duties => serveAs(fleet, {}, duties);
function serveAs(
  { base }: TestFleet,
  told: Partial<Pick<DutiesOptions, 'logger' | 'observer'>>,
  duties: readonly Duty[],
): Duties {
  const connection = connect({ url: base.config.redisUrl, kind: 'queue', logger: base.logger });
  const { watch, leases } = openLeases(base);
  const served = startDuties({ ...base, ...told, connection, duties, leases, scopeOf: dutyScope, concurrency: 2 });
  closers.push(async () => {
    await served.close();
    watch.stop();
    connection.disconnect();
  });
  return served;
}
function openQueue({ base }: TestFleet): Queue {
  const queue = new Queue(DUTIES_QUEUE, { prefix: QUEUE_PREFIX, connection: { url: base.config.redisUrl } });
  closers.push(() => queue.close());
  return queue;
}

interface Kept extends Duty {
  readonly ran: string[];
  most: number;
}
/** A duty that keeps what it was asked. */
function kept(tasks: readonly string[], run: (task: string, run: DutyRun) => Promise<void>, everyMs = 300): Kept {
  let running = 0;
  const duty: Kept = {
    name: 'looking',
    everyMs,
    isOn: true,
    ran: [],
    most: 0,
    tasks: () => Promise.resolve(tasks),
    async run(task, how) {
      duty.ran.push(task);
      running += 1;
      duty.most = Math.max(duty.most, running);
      try {
        await run(task, how);
      } finally {
        running -= 1;
      }
      return { looked: 1 };
    },
  };
  return duty;
}
const wait =
  ({ base }: TestFleet, ms: number) =>
  (_task: string, { signal }: DutyRun): Promise<void> =>
    base.clock.sleep(ms, signal);

describe('duties', () => {
  it('runs every task of every round, and leaves the results with the jobs', async () => {
    const fleet = await makeFleet();
    const queue = openQueue(fleet);
    const duty = kept(['cities/0', 'cities/1'], () => Promise.resolve());
    serve(fleet, duty);
    await untilTrue(() => duty.ran.filter((task) => task === 'cities/1').length >= 3);
    const done = await queue.getCompleted();
    const values = done.map(({ name, returnvalue }) => [name, returnvalue as unknown]);
    expect(values.some(([name]) => name === 'looking round')).toBe(false);
    expect(values).toContainEqual(['looking cities/0', { looked: 1 }]);
  });

  it('never runs a task twice at a time, with two processes and rounds that come faster than tasks end', async () => {
    const fleet = await makeFleet();
    const queue = openQueue(fleet);
    const duty = kept(['books/0'], wait(fleet, 700), 150);
    serve(fleet, duty);
    serve(fleet, duty);
    await untilTrue(() => duty.ran.length >= 3);
    expect(duty.most).toBe(1);
    expect(await queue.count()).toBeLessThan(5);
  });

  it('keeps a task off while another process holds its lease, even where the job is there twice', async () => {
    const fleet = await makeFleet();
    const queue = openQueue(fleet);
    const { watch, leases } = openLeases(fleet.base);
    const held = await leases.acquire(dutyScope('looking', 'books/0'));
    if (!('lease' in held)) throw new Error('the lease is busy');
    const duty = kept(['books/0'], () => Promise.resolve());
    serve(fleet, duty);
    await untilTrue(async () =>
      (await queue.getCompleted()).some(({ returnvalue }) => (returnvalue as { skipped?: string }).skipped === 'busy'),
    );
    expect(duty.ran).toEqual([]);
    await held.lease.release(true);
    await untilTrue(() => duty.ran.length > 0);
    watch.stop();
  });

  it('runs nothing while Redis may show less than was done, until the planner has taken its run up', async () => {
    const fleet = await makeFleet();
    const { redis, records } = fleet.base;
    await fleet.planner.tick();
    const accepted = (await redis.hget(keys.run, 'accepted')) ?? '';
    await redis.hset(keys.run, 'accepted', 'another');
    const queue = openQueue(fleet);
    const duty = kept(['books/0'], () => Promise.resolve());
    serve(fleet, duty);
    const skipped = async (): Promise<boolean> =>
      (await queue.getCompleted()).some(
        ({ returnvalue }) => (returnvalue as { skipped?: string }).skipped === 'redis_restarted',
      );
    await untilTrue(skipped);
    expect(duty.ran).toEqual([]);
    await redis.hset(keys.run, 'accepted', accepted);
    expect(await records.runAccepted()).toBe(true);
    await untilTrue(() => duty.ran.length > 0);
  });

  it('goes on after a task that fails, and keeps the reason', async () => {
    const fleet = await makeFleet();
    const queue = openQueue(fleet);
    const duty = kept(['a', 'b'], (task) => (task === 'a' ? Promise.reject(new Error('no room')) : Promise.resolve()));
    serve(fleet, duty);
    await untilTrue(() => duty.ran.filter((task) => task === 'b').length >= 2);
    expect((await queue.getFailed()).map(({ failedReason }) => failedReason)).toContain('no room');
  });

  it('takes a duty that is switched off out of the queue, and leaves the rhythm of one that is on alone', async () => {
    const fleet = await makeFleet();
    const queue = openQueue(fleet);
    const duty = kept([], () => Promise.resolve(), 60_000);
    const first = serve(fleet, duty);
    // The first round, which comes at once, has set the time of the next.
    const counts = (): Promise<Record<string, number>> => queue.getJobCounts('delayed', 'waiting', 'active');
    await untilTrue(async () => JSON.stringify(await counts()) === '{"delayed":1,"waiting":0,"active":0}');
    const { next } = (await queue.getJobScheduler('looking'))!;
    await first.close();
    const again = serve(fleet, { ...duty });
    await fleet.base.clock.sleep(300);
    expect((await queue.getJobScheduler('looking'))!.next).toBe(next);
    await again.close();
    serve(fleet, { ...duty, isOn: false });
    await untilTrue(async () => (await queue.getJobScheduler('looking')) === undefined);
  });

  it('every duty and the looks at nodes have a switch', async () => {
    const fleet = await makeFleet();
    const { base } = fleet;
    const router = openRouter(base, { role: 'reconciler' });
    const { watch, leases } = openLeases(base);
    closers.push(async () => {
      watch.stop();
      await router.close();
    });
    const on = (config: Config): string[] =>
      openDuties({ ...base, config, connection: base.redis, router, leases })
        .filter(({ isOn }) => isOn)
        .map(({ name }) => name);
    expect(on(base.config).length).toBeGreaterThanOrEqual(8);
    const off: Config = {
      ...base.config,
      antiEntropyEnabled: false,
      deletionsEnabled: false,
      groupChecksEnabled: false,
      healthEnabled: false,
      orphansEnabled: false,
      repairLists: false,
      settingsBroadcastEnabled: false,
      settingsDriftIntervalS: 0,
      untaggedEnabled: false,
    };
    expect(on(off)).toEqual([]);
    const looked: string[] = [];
    const looking = startNodeLooks({
      ...base,
      ...base.timings,
      config: off,
      records: { topology: () => base.records.topology().finally(() => looked.push('topology')) },
      probe: createProbe(base),
      role: 'planner',
    });
    await looking.close();
    expect(looked).toEqual([]);
  });

  it('goes on where somebody has emptied the queue, or taken out the next round', async () => {
    const fleet = await makeFleet();
    const queue = openQueue(fleet);
    const { redis } = fleet.base;
    const first = kept([], () => Promise.resolve(), 60_000);
    const isScheduled = async (): Promise<boolean> => (await queue.getDelayedCount()) === 1;
    serve(fleet, first);
    await untilTrue(isScheduled);
    await redis.del(`${QUEUE_PREFIX}:${DUTIES_QUEUE}:delayed`);
    serve(fleet, { ...first });
    await untilTrue(isScheduled);
    await redis.del(await redis.keys(`${QUEUE_PREFIX}:${DUTIES_QUEUE}:*`));
    serve(fleet, { ...first });
    await untilTrue(isScheduled);
    expect(await queue.getJobScheduler('looking')).toMatchObject({ every: 60_000 });
  });

  it('says and counts a round that fails, and the next one comes', async () => {
    const fleet = await makeFleet();
    const { logger, lines } = said();
    const { observer, told } = observed();
    const duty = { ...kept([], () => Promise.resolve()), tasks: () => Promise.reject(new Error('no records')) };
    serveAs(fleet, { logger, observer }, [duty]);
    const counted = (): number => told.filter((text) => text.startsWith('duty looking failed')).length;
    await untilTrue(() => counted() >= 2);
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', fields: { duty: 'looking', task: 'round', problem: 'no records' } }),
    );
  });

  it('runs a duty beside one whose tasks are slow, however many of those wait', async () => {
    const fleet = await makeFleet();
    const slow: Kept = {
      ...kept(
        Array.from({ length: 20 }, (_, at) => `books/${at}`),
        wait(fleet, 60_000),
      ),
      name: 'comparing',
      isSlow: true,
    };
    const quick = kept(['books/0'], () => Promise.resolve());
    serve(fleet, slow, quick);
    await untilTrue(() => slow.ran.length === 2);
    const before = quick.ran.length;
    await untilTrue(() => quick.ran.length >= before + 3, 3_000);
    expect(slow.ran).toHaveLength(2);
  });

  it('lets patient tasks wait behind others of their queue, and ends a schedule that was in the other queue', async () => {
    const fleet = await makeFleet();
    const queue = openQueue(fleet);
    const many = Array.from({ length: 200 }, (_, at) => `books/${at}`);
    const patient: Kept = { ...kept(many, wait(fleet, 500)), name: 'comparing', isSlow: true, isPatient: true };
    const moved = kept(['books/0'], () => Promise.resolve());
    const before = serve(fleet, moved);
    await untilTrue(() => moved.ran.length > 0);
    await before.close();
    const look: Kept = { ...kept(['books/0'], () => Promise.resolve()), isSlow: true };
    serve(fleet, patient);
    await untilTrue(() => patient.ran.length >= 2);
    serve(fleet, look, { ...patient });
    await untilTrue(() => look.ran.length >= 2);
    expect(patient.ran.length).toBeLessThan(150);
    expect(await queue.getJobScheduler('looking')).toBeUndefined();
  });

  it('ends a task with its signal when the process drains, and the next process runs it at once', async () => {
    const fleet = await makeFleet();
    const slow = kept(['books/0'], wait(fleet, 60_000));
    const first = serve(fleet, slow);
    await untilTrue(() => slow.ran.length === 1);
    const startedMs = performance.now();
    await first.close();
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    const next = kept(['books/0'], () => Promise.resolve());
    serve(fleet, next);
    await untilTrue(() => next.ran.length > 0);
  });
});
