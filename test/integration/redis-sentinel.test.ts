// Redis under sentinels: its master dies in the middle of moves while clients go on. The new one is a new run of Redis to
// everybody; what clients were told holds, and every move ends by itself.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doctor } from '../../src/control/doctor.ts';
import { connect, untilReady } from '../../src/redis/connection.ts';
import { said } from '../support/observed.ts';
import { type RedisSet, startSentinelSet } from '../support/redis-sets.ts';
import { untilTrue } from '../support/until.ts';
import { WholeFleet } from '../support/whole-fleet.ts';

let redis: RedisSet;
beforeAll(async () => {
  redis = await startSentinelSet();
});
afterAll(() => redis.stop());

const ready = async ({ apiUrl }: WholeFleet): Promise<number> => (await fetch(`${apiUrl}/readyz`)).status;

describe('Redis under sentinels', () => {
  it('loses its master in the middle of moves, and nothing that clients were told', async () => {
    const fleet = await WholeFleet.start({ MIROIR_REDIS_URL: redis.url });
    try {
      const { records } = fleet.base;
      const clients = fleet.clients();
      const applied = (fromMs: number): number =>
        fleet.recorder.history.filter((call) => call.outcome === 'applied' && call.invokedAtMs >= fromMs).length;
      const copy = await fleet.copying();
      const run = await fleet.acceptedRun();
      const dead = await redis.master();
      dead.kill('SIGKILL');
      await untilTrue(async () => (await ready(fleet)) === 503);
      await untilTrue(async () => (await ready(fleet)) === 200);
      expect(await redis.master()).not.toBe(dead);
      await dead.restart();
      // A new run: nobody changes a route, so no move ends, before the planner has taken it up.
      await untilTrue(async () => {
        if (await records.runAccepted()) return true;
        expect((await records.unfinishedMoves()).length).toBeGreaterThan(0);
        return false;
      });
      expect(await fleet.acceptedRun()).not.toBe(run);
      await copy.release();
      await fleet.untilQuiet(40_000);
      const afterMs = fleet.recorder.now();
      await untilTrue(() => applied(afterMs) > 0);
      await clients.end();
      const { faults, verdict } = await fleet.judged();
      expect(faults).toBe('');
      expect(verdict.acknowledged).toBeGreaterThan(50);
      const near = expect.stringMatching(/^takes writes only with a replica near \([12] are\)$/) as string;
      await untilTrue(async () => {
        const findings = (await doctor(fleet.control)).filter(({ subject }) => subject === 'redis');
        expect(findings.filter(({ level }) => level === 'fail')).toEqual([]);
        expect(findings).toContainEqual(expect.objectContaining({ found: near }));
        return true;
      });
    } finally {
      await fleet.stop();
    }
  }, 90_000);

  it('is left by every connection when its master stands still, and no command is sent twice', async () => {
    const { logger } = said();
    const [prompt, patient] = (['commands', 'queue'] as const).map((kind) => connect({ url: redis.url, kind, logger }));
    try {
      await untilReady(prompt!, redis.url, 5_000);
      const still = await redis.master();
      await untilTrue(async () => (await prompt!.info()).includes('min_slaves_good_slaves:2'));
      await prompt!.set('{miroir}:count', 0);
      still.kill('SIGSTOP');
      // Its outcome is unknown: it was sent, and nobody will ever answer.
      await expect(prompt!.incr('{miroir}:count')).rejects.toThrow('Command timed out');
      const waiting = patient!.set('{miroir}:patient', 'written');
      await untilTrue(async () => (await prompt!.get('{miroir}:count').catch(() => null)) !== null);
      expect(await prompt!.get('{miroir}:count')).toBe('0');
      expect(await waiting).toBe('OK');
      expect(await redis.master()).not.toBe(still);
      still.kill('SIGCONT');
    } finally {
      prompt!.disconnect();
      patient!.disconnect();
    }
  }, 30_000);
});
