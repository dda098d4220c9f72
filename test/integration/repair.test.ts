// What becomes of the copies of a node that has failed: they wait for its return for a while, then they are restored
// elsewhere; and a node that is back is brought level.
import { afterEach, describe, expect, it } from 'vitest';
import { status } from '../../src/control/status.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import { createPlanner } from '../../src/planning/planner.ts';
import { openControl } from '../../src/service/control.ts';
import { someDocuments, startTestFleet, type TestFleet } from '../support/fleet.ts';
import { untilTrue } from '../support/until.ts';

const SHARDS = 4;

let fleet: TestFleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

async function twiceOnThree(config: Readonly<Record<string, string | number>>, documents = 60): Promise<TestFleet> {
  fleet = await startTestFleet({ config });
  await fleet.createIndex({ shards: SHARDS, replicationFactor: 2, documents: someDocuments(documents) });
  return fleet;
}
async function kill(running: TestFleet, id: string): Promise<void> {
  const node = running.nodes.find((one) => one.id === id);
  node?.kill('SIGKILL');
  await node?.exited;
}
const lostBy = async ({ base }: TestFleet, id: string): Promise<number> =>
  (await base.records.table('docs'))?.shards.filter(({ left }) => left?.includes(id) === true).length ?? 0;

/** A planner that takes over: it has nothing but the records. */
const successor = ({ base, config, planWriter: writer, moveQueue: queue }: TestFleet) =>
  createPlanner({ ...base, config, writer, queue, permit: openPermit(10_000) });

describe('the copies of a failed node', () => {
  it('wait for its return; when that time is over any planner has them restored elsewhere', async () => {
    const running = await twiceOnThree({ repair_delay_ms: 3_000 });
    await kill(running, 'n1');
    const beganMs = Date.now();
    const failed = await running.planner.handle('NodeFailed', { node_id: 'n1' });
    const lost = await lostBy(running, 'n1');
    expect(lost).toBeGreaterThan(0);
    expect(failed).toMatchObject({ change: 'changed', plan: null, moves: 0, blocked: lost });
    const control = await openControl(running.config);
    try {
      const seen = await status(control);
      expect(seen.blocked).toHaveLength(lost);
      expect(seen.blocked[0]?.reason).toMatch(
        /^node n1 has failed; repair begins at 20\d\d-.*Z, or with: miroir node fail/,
      );
      const node = seen.nodes.find(({ id }) => id === 'n1');
      expect(node?.repairAtMs).toBeGreaterThan(beganMs + 2_500);
    } finally {
      await control.close();
    }
    await running.planner.tick();
    expect(await running.base.records.unfinishedMoves()).toEqual([]);
    const next = successor(running);
    await untilTrue(async () => {
      await next.tick();
      return (await running.base.records.unfinishedMoves()).length === lost;
    });
    expect(Date.now() - beganMs).toBeGreaterThan(2_900);
    const moves = await running.base.records.unfinishedMoves();
    expect(moves.every(({ reason, target }) => reason === 'restore' && target !== 'n1')).toBe(true);
  }, 60_000);

  it('are restored at once when the event says that it does not come back, also later', async () => {
    const running = await twiceOnThree({ repair_delay_ms: 600_000 });
    await kill(running, 'n1');
    expect(await running.planner.handle('NodeFailed', { node_id: 'n1' })).toMatchObject({ moves: 0 });
    const lost = await lostBy(running, 'n1');
    expect(await running.planner.handle('NodeFailed', { node_id: 'n1', repair_now: true })).toMatchObject({
      change: 'changed',
      moves: lost,
      blocked: 0,
    });
  }, 60_000);
});
