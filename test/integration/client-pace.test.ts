// Clients of either end of a copy are kept waiting: the pace into the target is halved, and the copy goes on.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NO_THROTTLE } from '../../src/core/throttle.ts';
import type { Running } from '../../src/service.ts';
import { someDocuments, startTestFleet, type TestFleet } from '../support/fleet.ts';
import { scene } from '../support/scene.ts';
import { untilTrue } from '../support/until.ts';

const WINDOW = 500;
let fleet: TestFleet;
let worker: Running;
beforeAll(async () => {
  const config = { migration_batch_size: WINDOW, pace_client_task_ms: 1_000, target_batch_ms: 100 };
  fleet = await startTestFleet({ nodes: 2, config });
  worker = await fleet.startWorker();
}, 60_000);
afterAll(() => fleet.stop());

/** Documents that may be in flight into the node. */
async function paceInto(node: string): Promise<number> {
  const text = await (await fetch(`${worker.metricsUrl}/metrics`)).text();
  return Number(new RegExp(`^miroir_pace_documents\\{node_id="${node}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}

it('a client’s task that waits at the source halves it, and so does a target that refuses', async () => {
  // A copy that lasts for some seconds, with windows all the while.
  await fleet.base.throttles.set({ ...NO_THROTTLE, documentsPerSecond: 800 }, 'me');
  const one = await scene(fleet, { documents: someDocuments(24 * WINDOW) });
  const { id } = await one.move();
  await fleet.untilMove(id, ({ docsMigrated }) => docsMigrated > 0);
  const first = await paceInto(one.to);
  expect(first).toBeGreaterThan(4 * WINDOW);

  await one.source.pause();
  const url = fleet.nodes.find((node) => node.id === one.from)?.url ?? '';
  const headers = { 'content-type': 'application/json' };
  // Into another index: what is copied does not change.
  await fetch(`${url}/indexes/clients/documents`, { method: 'POST', headers, body: '[{"id":1}]' });
  await untilTrue(async () => (await paceInto(one.to)) <= first / 2, 10_000);
  await one.source.resume();

  const then = await paceInto(one.to);
  await one.target.fault({ match: { method: 'POST', path: '/documents\\?' }, do: 'status', status: 503, times: 1 });
  await untilTrue(async () => (await paceInto(one.to)) <= then / 2, 10_000);
  await fleet.base.throttles.set(NO_THROTTLE, 'me');
  await fleet.untilEnded(id, 30_000);
  await one.check();
}, 60_000);
