// Redis as a cluster of six nodes: all that is ours lies in one slot, and every connection is one to its master, also after
// another node has become that.
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { doctor } from '../../src/control/doctor.ts';
import { openBase } from '../../src/service.ts';
import { type RedisCluster, startRedisCluster } from '../support/redis-sets.ts';
import { untilTrue } from '../support/until.ts';
import { WholeFleet } from '../support/whole-fleet.ts';

const CONFIG = loadConfig({ MIROIR_LOG_LEVEL: 'silent' });

let redis: RedisCluster;
beforeAll(async () => {
  redis = await startRedisCluster();
});
afterAll(() => redis.stop());

/** Names of what the feed of the API tells, for as long as it is read. */
function feedOf({ apiUrl }: WholeFleet): { readonly seen: ReadonlySet<string>; close(): void } {
  const seen = new Set<string>();
  let text = '';
  const asked = request(`${apiUrl}/v1/events`, (response) => {
    response.on('error', () => undefined); // it is closed by us
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (const [, what = ''] of text.matchAll(/"what":"([^"]+)"/g)) seen.add(what);
    });
  });
  asked.on('error', () => undefined).end();
  return { seen, close: () => asked.destroy() };
}

describe('a Redis cluster', () => {
  it('serves moves, queue, feed and clients, and fails over in the middle', async () => {
    const fleet = await WholeFleet.start({ MIROIR_REDIS_URL: redis.url });
    const feed = feedOf(fleet);
    try {
      const { records } = fleet.base;
      const clients = fleet.clients();
      const copy = await fleet.copying();
      const run = await fleet.acceptedRun();
      await redis.failOver();
      await untilTrue(async () => (await fleet.acceptedRun()) !== run && (await records.runAccepted()));
      await copy.release();
      await fleet.untilQuiet(40_000);
      await clients.end();
      expect((await fleet.judged()).faults).toBe('');
      await untilTrue(() => ['topology', 'plan', 'tracking'].every((what) => feed.seen.has(what)));
      await untilTrue(async () => {
        const findings = (await doctor(fleet.control)).filter(({ subject }) => subject === 'redis');
        const remedy = expect.stringContaining('min-replicas-to-write 1') as string;
        expect(findings.filter(({ level }) => level === 'fail')).toEqual([]);
        expect(findings).toContainEqual(expect.objectContaining({ level: 'warn', remedy }));
        return true;
      });
      const answer = await fetch(`${fleet.apiUrl}/readyz`);
      expect(answer.status).toBe(200);
    } finally {
      feed.close();
      await fleet.stop();
    }
  }, 90_000);

  it('is refused by the name of one node: after a failover it would be the wrong one', async () => {
    const url = `redis://127.0.0.1:${(await redis.master()).port}`;
    const error = await openBase({ ...CONFIG, redisUrl: url }, 'test').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'miroir_redis_unsafe', remedy: expect.stringContaining('redis+cluster://') });
  });
});
