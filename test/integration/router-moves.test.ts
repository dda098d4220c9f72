// Routers and movers together: clients write, update and delete through two routers while every shard moves twice.
import { describe, expect, it } from 'vitest';
import { startTestFleet } from '../support/fleet.ts';
import { RouterCalls, untilShows } from '../support/router-calls.ts';
import { untilTrue } from '../support/until.ts';

const SHARDS = 3;
const IDS_PER_CLIENT = 25;

describe.each([1, 2])('shards with %i owners that move under writes', (replicationFactor) => {
  it('lose no write, bring back no deleted document, and refuse nothing', async () => {
    const fleet = await startTestFleet({ nodes: 3, config: { lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000 } });
    const routers = [await RouterCalls.open(fleet.base), await RouterCalls.open(fleet.base)] as const;
    try {
      await fleet.createIndex({ uid: 'docs', shards: SHARDS, replicationFactor, documents: [] });
      await fleet.startWorker();
      /** Id → the version acknowledged last; null for a deleted one. Each id has one client. */
      const acknowledged = new Map<string, number | null>();
      const refused: unknown[] = [];
      const over = new AbortController();
      const client = async (name: number): Promise<void> => {
        for (let version = 0; !over.signal.aborted; version += 1) {
          const id = `${name}-${version % IDS_PER_CLIENT}`;
          const router = routers[version % 2 === 0 ? 0 : 1];
          const isDeletion = version % 7 === 6;
          const answer = isDeletion
            ? await router.remove('docs', [id])
            : version % 3 === 0
              ? await router.patch('docs', [{ id, version }])
              : await router.put('docs', [{ id, version }]);
          if (answer.status === 202) acknowledged.set(id, isDeletion ? null : version);
          else refused.push(answer.body);
        }
      };
      const clients = [0, 1, 2].map((name) => client(name));
      await untilTrue(() => acknowledged.size === 3 * IDS_PER_CLIENT);
      for (let round = 0; round < 2; round += 1) {
        const orders = await Promise.all(
          Array.from({ length: SHARDS }, async (_, shard) => {
            const { owners } = (await fleet.base.records.route('docs', shard)).route;
            return { index: 'docs', shard, target: ['n1', 'n2', 'n3'].find((id) => !owners.includes(id)) ?? '' };
          }),
        );
        const moves = await fleet.orderMoves(...orders);
        await fleet.moveQueue.claim('docs');
        for (const { id } of moves) expect((await fleet.untilEnded(id, 40_000)).outcome).toBe('done');
      }
      over.abort();
      await Promise.all(clients);
      expect(refused).toEqual([]);
      await untilShows(routers[0], acknowledged);
    } finally {
      await Promise.all(routers.map((router) => router.close()));
      await fleet.stop();
    }
  }, 90_000);
});
