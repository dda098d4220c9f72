// Connections that go silent or change under a mover: the one to Redis, and the one to a node whose address is another now.
import { Queue } from 'bullmq';
import { afterEach, expect, it } from 'vitest';
import { rebalanceScope } from '../../src/redis/keys.ts';
import { connect } from '../../src/redis/connection.ts';
import { IndexRun, lookOptions } from '../../src/queue/index-run.ts';
import { indexQueue } from '../../src/queue/names.ts';
import type { PhaseRunner } from '../../src/queue/phase-runner.ts';
import { openLeases } from '../../src/service.ts';
import { type TestFleet, startTestFleet } from '../support/fleet.ts';
import { type TcpProxy, startProxy } from '../support/proxy.ts';
import { scene } from '../support/scene.ts';

let fleet: TestFleet | undefined;
let proxy: TcpProxy | undefined;
afterEach(async () => {
  proxy?.heal();
  await fleet?.stop();
  await proxy?.stop();
  [fleet, proxy] = [undefined, undefined];
});

it('a run ends when it is told to, also while Redis answers nothing and closes nothing', async () => {
  const { base } = (fleet = await startTestFleet({ nodes: 1 }));
  const through = (proxy = await startProxy(Number(new URL(fleet.redis.url).port)));
  const { watch, leases } = openLeases(base);
  const answer = await leases.acquire(rebalanceScope('docs'));
  if (!('lease' in answer)) throw new Error('the lease is taken');
  const connection = connect({ url: `redis://127.0.0.1:${through.port}`, kind: 'queue', logger: base.logger });
  const queue = new Queue(indexQueue('docs'), lookOptions(connection));
  await queue.add('waits', {}, { delay: 500 });
  const stop = new AbortController();
  const run = new IndexRun({
    ...base,
    index: 'docs',
    connection,
    lease: answer.lease,
    // No job begins, so of a runner only these are asked.
    runner: { working: 0, begun: 0 } as PhaseRunner,
    begunMoves: () => Promise.resolve(0),
  });
  through.cut();
  const ended = run.untilIdle(stop.signal);
  await base.clock.sleep(200);
  stop.abort(new Error('told to'));
  const late = base.clock.sleep(1_000).then(() => 'still waits for Redis');
  expect(await Promise.race([ended, late])).toBe('over');
  through.heal();
  await run.close(new Error('over'), 1_000);
  await queue.close();
  await answer.lease.release(true);
  watch.stop();
  connection.disconnect();
});

it('a node that has another address since is asked for its tasks there, under the same lease', async () => {
  const running = (fleet = await startTestFleet({ nodes: 2, config: { lease_ttl_secs: 10 } }));
  const at = await scene(running);
  const direct = (await running.base.records.topology()).nodes.find(({ id }) => id === at.to);
  if (direct === undefined) throw new Error('no target');
  const through = (proxy = await startProxy(Number(new URL(direct.url).port)));
  const { planWriter, base } = running;
  const move = async (url: string): Promise<void> => {
    const { version } = await base.records.topology();
    await planWriter.commitTopology(version, [{ id: at.to, node: { ...direct, url } }], { why: 'another address' });
  };
  await move(`http://127.0.0.1:${through.port}`);
  await running.startWorker();
  const id = await at.stallVerify();
  await move(direct.url);
  through.cut();
  // Found when the shard is verified: sent again, and then somebody has to see its task end.
  const [text = ''] = (await at.source.texts(at.index)).values();
  await at.target.put(at.index, { ...(JSON.parse(text) as object), name: 'otherwise' });
  await at.target.clearFaults();
  expect(await running.untilEnded(id, 20_000)).toMatchObject({ outcome: 'done', differences: 1 });
  await at.check();
});
