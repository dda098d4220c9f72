// Mishaps of everything but our own processes: Redis, nodes, the network between, the queue's locks. Each begins with the
// working process standing still at the case's point, and ends when whatever went wrong is over.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RestartableProcess } from '../../src/fleet/child.ts';
import type { MoveState } from '../../src/ports.ts';
import { untilTrue } from '../support/until.ts';
import type { Server } from './cases.ts';
import type { Supervised } from './supervised.ts';
import { type Fleet, INDEX } from './workload.ts';

/** The phase a move is in while the job of the next one runs. */
const PHASE_BEFORE: Readonly<Record<string, string>> = {
  DualWriteStarted: 'Idle',
  MigrationInProgress: 'DualWriteStarted',
  MigrationComplete: 'MigrationInProgress',
  DualWriteStopped: 'MigrationComplete',
  OldReplicaDeleted: 'DualWriteStopped',
};
const REDIS_AWAY_MS = 300;
const NODE_AWAY_MS = 500;
const AFTERMATH_MS = 600;
const LOOK_MS = 5;

export interface Scene {
  readonly fleet: Fleet;
  readonly worker: Supervised;
  readonly phase: string;
  readonly ttlMs: number;
}

/** Ends the mishap; returns what was wrong about it, seen once the moves are over. */
type Strike = (scene: Scene) => Promise<() => Promise<string[]>>;

const nothingMore = (): Promise<string[]> => Promise.resolve([]);

async function movesOf({ fleet, phase }: Scene): Promise<readonly MoveState[]> {
  const moves = await fleet.base.records.unfinishedMoves();
  const inPhase = moves.filter((one) => one.phase === PHASE_BEFORE[phase]);
  return inPhase.length > 0 ? inPhase : moves;
}

async function restart(victim: RestartableProcess, scene: Scene, awayMs: number): Promise<void> {
  victim.kill('SIGKILL');
  scene.worker.kill('SIGCONT');
  await sleep(awayMs);
  await victim.restart();
}

const redisFor =
  (awayMs: (ttlMs: number) => number): Strike =>
  async (scene) => {
    await restart(scene.fleet.redis, scene, awayMs(scene.ttlMs));
    return nothingMore;
  };

/** Redis holds every answer back for a while: longer than a command waits, shorter than a lease lasts. */
const redisSlow: Strike = async ({ fleet, worker, ttlMs }) => {
  await fleet.client.call('CLIENT', 'PAUSE', String(Math.round(0.5 * ttlMs)), 'ALL');
  worker.kill('SIGCONT');
  return nothingMore;
};

const nodeOf =
  (end: 'source' | 'target'): Strike =>
  async (scene) => {
    const [move] = await movesOf(scene);
    if (move === undefined) throw new Error('no move runs');
    await restart(scene.fleet.node(move[end]), scene, NODE_AWAY_MS);
    return nothingMore;
  };

interface Placed {
  readonly id: number;
  readonly _miroir_slot: number;
}

/** A document that was copied disappears from the target, as a disk or a person may do; no task tells of it. */
const silentLoss: Strike = async (scene) => {
  const { fleet, worker } = scene;
  const node = async (url: string, path: string, body: object): Promise<Response> =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  for (const move of await movesOf(scene)) {
    const target = fleet.node(move.target).url;
    const filter = `_miroir_shard = ${move.shard} AND _miroir_slot >= ${move.verifiedOffset}`;
    const page = await node(target, `/indexes/${INDEX}/documents/fetch`, { filter, limit: 1_000 });
    const found = ((await page.json()) as { results?: Placed[] }).results ?? [];
    const last = found.sort((a, b) => a._miroir_slot - b._miroir_slot).at(-1);
    if (last === undefined) continue;
    await node(target, '/_dev/mutate', { index: INDEX, op: 'delete', id: last.id });
    worker.kill('SIGCONT');
    return async () => {
      const after = await fleet.base.records.move(move.id);
      return (after?.differences ?? 0) > 0
        ? []
        : [`document ${last.id} was lost on ${move.target} and no difference was counted`];
    };
  }
  throw new Error('nothing was copied and not yet verified');
};

/** The queue takes the running jobs away from their worker, which holds the lease all the same. */
const jobLock: Strike = async ({ fleet, worker }) => {
  const locks = await fleet.client.keys(`{miroir}:rebalance.${INDEX}:*:lock`);
  if (locks.length > 0) await fleet.client.del(...locks);
  worker.kill('SIGCONT');
  return () => Promise.resolve(worker.refusedFor('token') > 0 ? [] : ['no write under a lost job lock was refused']);
};

/**
 * A window is on its way, the sender freezes, and Redis comes back under another run id, so that nobody's lease counts any
 * more: a successor that did not wait would write before that window arrives.
 */
const lateArrival: Strike = async (scene) => {
  const { fleet, worker, ttlMs } = scene;
  const [move] = await movesOf(scene);
  if (move === undefined) throw new Error('no move runs');
  const target = fleet.node(move.target);
  const path = `^/indexes/${INDEX}/documents\\?`;
  await fetch(`${target.url}/_dev/fault`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ match: { method: 'POST', path }, times: 1, do: 'delay', ms: Math.round(0.8 * ttlMs) }),
  });
  worker.kill('SIGCONT');
  await untilTrue(async () => {
    const log = await fetch(`${target.url}/_dev/log?path=${encodeURIComponent(path)}`);
    const { requests } = (await log.json()) as { requests: { method: string; status: number | null }[] };
    return requests.some(({ method, status }) => method === 'POST' && status === null);
  });
  worker.kill('SIGSTOP');
  fleet.redis.kill('SIGKILL');
  await fleet.redis.restart();
  await sleep(3 * ttlMs);
  worker.kill('SIGCONT');
  await sleep(AFTERMATH_MS);
  return nothingMore;
};

const STRIKES: Readonly<Record<Server, Strike>> = {
  redis: redisFor(() => REDIS_AWAY_MS),
  'redis-long': redisFor((ttlMs) => 1.5 * ttlMs),
  'redis-slow': redisSlow,
  'node-source': nodeOf('source'),
  'node-target': nodeOf('target'),
  'silent-loss': silentLoss,
  'job-lock': jobLock,
  'late-arrival': lateArrival,
};

/** Waits until the worker stands still, then strikes; null when it never did. */
export async function strike(
  server: Server,
  scene: Scene,
  isOff: () => boolean,
): Promise<(() => Promise<string[]>) | null> {
  const { worker } = scene;
  while (!worker.isStopped) {
    if (isOff() || worker.generation > 1) return null;
    await sleep(LOOK_MS);
  }
  return STRIKES[server](scene);
}
