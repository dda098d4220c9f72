// A mover that is killed between reading, sending and clearing, while clients write: its successor goes on from the
// journal, which is cleared only of what has arrived.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { startWorker } from '../../src/fleet/processes.ts';
import { keys } from '../../src/redis/keys.ts';
import { type TestFleet, startTestFleet } from '../support/fleet.ts';
import { TestRouter } from '../support/router.ts';
import { type Scene, isInGrace, scene } from '../support/scene.ts';
import { untilTrue } from '../support/until.ts';

let fleet: TestFleet | undefined;
let router: TestRouter | undefined;
afterEach(async () => {
  await router?.stop();
  router = undefined;
  await fleet?.stop();
  fleet = undefined;
});

/** A scene whose mover is a process of its own that ends itself at the point. */
async function begin(point: string) {
  const started = await startTestFleet({ nodes: 2, config: { window_bytes: 1_000_000, grace_ms: 600_000 } });
  fleet = started;
  const at = await scene(started);
  router = await TestRouter.start(started, at.entry);
  const { child } = await startWorker('rebalancer', { ...started.env, MIROIR_FAILPOINT: `${point}#1=kill` });
  return { fleet: started, at, router, child };
}

const state = async (of: TestFleet, { index }: Scene): Promise<string> =>
  (await of.base.records.route(index, 0)).route.state;

// Each starts processes from their sources, and a successor waits for what its predecessor may have sent.
describe('killed', { timeout: 60_000 }, () => {
  it.each([
    'MigrationComplete/node:putDocuments@before',
    'MigrationComplete/node:putDocuments@after',
    'MigrationComplete/node:deleteDocuments@after',
    'MigrationComplete/script:journal-clear@before',
    'MigrationComplete/script:journal-clear@after',
  ])('while catching up, at %s', async (point) => {
    const { fleet: running, at, router: writer, child } = await begin(point);
    const id = await at.stall();
    await writer.put({ id: 7, name: 'written before the end' });
    await writer.remove(8);
    await at.target.resume();
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
    expect(await running.base.redis.zcard(keys.journal(id))).toBe(point.endsWith('clear@after') ? 0 : 2);
    await writer.patch({ id: 7, note: 'written after the end' });
    await writer.put({ id: 9, name: 'another one' });
    await running.startWorker();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0, error: null });
    await at.check();
  });

  it.each([
    'DualWriteStopped/node:putDocuments@before',
    'DualWriteStopped/node:putDocuments@after',
    'DualWriteStopped/script:journal-clear@before',
    'DualWriteStopped/script:journal-clear@after',
  ])('while settling, at %s', async (point) => {
    const { fleet: running, at, router: writer, child } = await begin(point);
    const id = await at.stallVerify();
    const path = `^/indexes/${at.index}/documents\\?`;
    await at.source.fault({ match: { method: 'POST', path }, times: 1, do: 'delay', ms: 500 });
    const slow = writer.put({ id: 3, name: 'accepted during the hold' });
    await sleep(50);
    await at.target.clearFaults();
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
    await slow;
    expect(await state(running, at)).toBe('settling');
    const isCleared = point.endsWith('clear@after');
    expect(await running.base.redis.zcard(keys.journal(id))).toBe(isCleared ? 0 : 1);
    await writer.put({ id: 4, name: 'to the new owner at once' });
    const behind = writer.patch({ id: 3, note: 'on top' });
    if (isCleared) await behind;
    else await untilTrue(() => writer.waited.settling > 3);
    await running.startWorker();
    await behind;
    await running.untilMove(id, isInGrace, 20_000);
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0, error: null });
    await at.check();
    expect((await at.target.texts(at.index)).get('3')).toContain('accepted during the hold');
  });

  it('in its hold: nobody waits beyond its end, and the successor begins the hold anew', async () => {
    const { fleet: running, at, router: writer, child } = await begin('DualWriteStopped/script:move-advance@after');
    const { id } = await at.move();
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
    expect(await state(running, at)).toBe('held');
    const waiting = writer.put({ id: 5, name: 'waits for whoever ends the hold' });
    await running.startWorker();
    await waiting;
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0, error: null });
    await at.check();
  });
});
