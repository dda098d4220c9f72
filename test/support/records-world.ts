// Records on a real Redis without workers or nodes: six shards on n1, a plan that moves each of them to n2, and the
// leases to do it. What tests of scripts stand on.
import { systemClock } from '../../src/clock.ts';
import type { IndexEntry } from '../../src/core/routing.ts';
import { leaseTimings } from '../../src/core/timing.ts';
import { tracking } from '../../src/phases/routes.ts';
import type { Lease, MoveState, PlanWriter, Records } from '../../src/ports.ts';
import { createAudit } from '../../src/redis/audit.ts';
import { connect, untilReady } from '../../src/redis/connection.ts';
import { PLANNER_SCOPE, rebalanceScope } from '../../src/redis/keys.ts';
import { watchLeases } from '../../src/redis/lease-watch.ts';
import { createLeases } from '../../src/redis/lease.ts';
import { createMoveWriter } from '../../src/redis/move-writer.ts';
import { createFleetWriter, createPlanWriter } from '../../src/redis/plan-writer.ts';
import { createRecords } from '../../src/redis/records.ts';
import { createScripts } from '../../src/redis/scripts.ts';
import { observed, said } from './observed.ts';

export const RUN_CHANGE_MS = 300;
export const AUDIT_MAX = 100;
export const HISTORY_MAX = 8;
export const MOVES_PER_NODE = 2;
export const ENTRY: IndexEntry = { uid: 'books', primaryKey: 'id', shards: 6, replicationFactor: 1, groups: [0] };

export type World = Awaited<ReturnType<typeof makeWorld>>;

/** Six shards on n1, a plan that moves each of them to n2, and the leases to do it. */
export async function makeWorld(url: string) {
  const { logger } = said();
  const connection = connect({ url, kind: 'commands', logger });
  await untilReady(connection, url, 5_000);
  await connection.flushall();
  const { observer } = observed();
  const refused: string[] = [];
  const scripts = createScripts(connection, { hit: () => Promise.resolve() }, (reason) => refused.push(reason));
  const timings = leaseTimings(10_000, 2_000);
  const watch = watchLeases({ scripts, clock: systemClock, everyMs: 500, logger });
  const leases = createLeases({ scripts, clock: systemClock, timings, holder: 'host/1', watch, logger, observer });
  const grant = async (scope: string): Promise<Lease> => {
    const answer = await leases.acquire(scope);
    if (!('lease' in answer)) throw new Error(`${scope} is held`);
    return answer.lease;
  };
  const records: Records = createRecords({ redis: connection, scripts, runChangeMs: RUN_CHANGE_MS });
  const fleet = createFleetWriter(scripts, AUDIT_MAX);
  const node = (id: string) => ({ id, url: `http://${id}`, group: 0, state: 'active' as const });
  await fleet.initTopology([node('n1'), node('n2')]);
  const owners = ['n1'];
  const shards = Array.from({ length: ENTRY.shards }, (_, shard) => shard);
  await fleet.createIndex(
    1,
    ENTRY,
    shards.map((shard) => ({ shard, state: 'stable', owners, readers: owners, epoch: 1 })),
  );
  const planner = await grant(PLANNER_SCOPE);
  const plans: PlanWriter = createPlanWriter({
    scripts,
    redis: connection,
    lease: planner,
    auditMaxEntries: AUDIT_MAX,
    historyMax: HISTORY_MAX,
  });
  const moves = shards.map((shard) => ({
    id: `p1-${shard}`,
    step: 0,
    index: 'books',
    shard,
    group: 0,
    source: 'n1',
    target: 'n2',
    retires: 'n1',
    reason: 'balance' as const,
  }));
  await plans.openPlan(
    { id: 'p1', topologyVersion: 1, moves, blocked: [], keep: [], cancel: [], finish: [] },
    'a test',
  );
  await plans.addMoves('p1', moves);
  await plans.runPlan('p1', 1, []);
  const lease = await grant(rebalanceScope('books'));
  const writer = createMoveWriter({ scripts, lease, movesPerNode: MOVES_PER_NODE, auditMaxEntries: AUDIT_MAX });
  const move = async (shard: number): Promise<MoveState> => {
    const found = await records.move(`p1-${shard}`);
    if (found === null) throw new Error('no move');
    return found;
  };
  const route = (shard: number) => records.route('books', shard);
  const start = async (shard: number) => {
    const [state, read] = await Promise.all([move(shard), route(shard)]);
    return writer.start(state, tracking(read, state));
  };
  return {
    actor: 'test',
    audit: createAudit({
      redis: connection,
      maxEntries: AUDIT_MAX,
      openFollower: () => connect({ url, kind: 'queue', logger }),
      logger,
    }),
    connection,
    scripts,
    records,
    fleet,
    plans,
    planner,
    lease,
    writer,
    move,
    route,
    start,
    refused,
    grant,
    /** All that the scripts may change, for `nothing changed`. */
    async everything(): Promise<Record<string, unknown>> {
      const out: Record<string, unknown> = {};
      for (const key of (await connection.keys('{miroir}:*')).sort()) {
        if (key.startsWith('{miroir}:rebalance') || key.startsWith('{miroir}:planner')) continue;
        const type = await connection.type(key);
        if (type === 'hash') out[key] = await connection.hgetall(key);
        else if (type === 'set') out[key] = (await connection.smembers(key)).sort();
        else if (type === 'zset') out[key] = await connection.zrange(key, '0', '-1', 'WITHSCORES');
        else if (type === 'stream') out[key] = await connection.xlen(key);
        else out[key] = type;
      }
      return out;
    },
    async stop() {
      watch.stop();
      await lease.release(true);
      await planner.release(true);
      connection.disconnect();
    },
  };
}
