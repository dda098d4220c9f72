// One document that many clients update at once, as fast as they are answered, while its shard moves there and back.
import { expect, it } from 'vitest';
import { startTestFleet } from '../support/fleet.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { untilTrue } from '../support/until.ts';

const CLIENTS = 40;
const ID = 'hot';

it('keeps the last update of every client, and refuses none, through every switch of its shard', async () => {
  const fleet = await startTestFleet({
    nodes: 2,
    config: { grace_ms: 0, lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000 },
  });
  const routers = [await RouterCalls.open(fleet.base), await RouterCalls.open(fleet.base)] as const;
  try {
    await fleet.createIndex({ uid: 'docs', shards: 1, replicationFactor: 1, documents: [] });
    await fleet.startWorker();
    const acknowledged: number[] = Array.from({ length: CLIENTS }, () => 0);
    const refused: unknown[] = [];
    const over = new AbortController();
    // Each has a field of its own: a partial update that is lost, or comes twice, shows in it.
    const client = async (name: number): Promise<void> => {
      const router = routers[name % 2 === 0 ? 0 : 1];
      for (let version = 1; !over.signal.aborted; version += 1) {
        const answer = await router.patch('docs', [{ id: ID, [`client${name}`]: version }]);
        if (answer.status === 202) acknowledged[name] = version;
        else refused.push(answer.body);
      }
    };
    const beganMs = performance.now();
    const clients = acknowledged.map((_, name) => client(name));
    await untilTrue(() => acknowledged.every((version) => version > 0));
    for (let round = 0; round < 3; round += 1) {
      const { owners } = (await fleet.base.records.route('docs', 0)).route;
      const { id } = await fleet.orderMove({ index: 'docs', target: owners[0] === 'n1' ? 'n2' : 'n1' });
      await fleet.moveQueue.claim('docs');
      expect(await fleet.untilEnded(id, 30_000)).toMatchObject({ outcome: 'done' });
    }
    over.abort();
    await Promise.all(clients);
    const updates = acknowledged.reduce((sum, version) => sum + version, 0);
    const perS = updates / ((performance.now() - beganMs) / 1_000);
    expect(refused).toEqual([]);
    const wanted = Object.fromEntries(acknowledged.map((version, name) => [`client${name}`, version]));
    let found: unknown = null;
    await untilTrue(
      async () => {
        [found] = (await routers[0].search('docs')).body['hits'] as unknown[];
        return JSON.stringify(found) === JSON.stringify({ id: ID, ...(found as object), ...wanted });
      },
      20_000,
      () => JSON.stringify({ found, wanted }),
    );
    console.log(`${updates} updates of one document, ${perS.toFixed(0)} a second, through three switches`);
  } finally {
    await Promise.all(routers.map((router) => router.close()));
    await fleet.stop();
  }
}, 120_000);
