/** Reading the records: topology, index registry, routing tables, moves, plans. Nothing here changes anything. */
import type { Redis } from 'ioredis';
import type { TopologyGroup } from '../core/groups.ts';
import { type MoveReason, type Outcome, PHASES, type Phase } from '../core/move.ts';
import { reasonOf } from '../core/reasons.ts';
import { hasBegun } from '../core/plan-hold.ts';
import type { IndexEntry, ShardRoute } from '../core/routing.ts';
import type { Sighting } from '../core/sightings.ts';
import type { TopologyNode } from '../core/topology.ts';
import { assertReadable } from '../core/version.ts';
import { InvariantError } from '../errors.ts';
import type { MoveState, PlanRecord, Records } from '../ports.ts';
import { parseDeletion } from './deletion-text.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { parseHold } from './plan-holds.ts';
import { recordPages } from './record-pages.ts';
import { parseJson, parseRoute, routeBody, routeField } from './route-text.ts';
import { type Scripts, refusalError } from './scripts.ts';
import { redisNowMs } from './time.ts';

type Fields = Record<string, string>;

const numberOrNull = (text: string | undefined): number | null => (text === undefined ? null : Number(text));

function versioned(text: string, what: string): unknown {
  const value = parseJson(text, what) as { v?: unknown };
  assertReadable(value.v, what);
  return value;
}

interface StoredMove {
  v: number;
  id: string;
  planId: string;
  step: number;
  index: string;
  shard: number;
  group: number;
  source: string;
  target: string;
  retires: string | null;
  reason: MoveReason;
}

function toMove(id: string, fields: Fields): MoveState | null {
  const text = fields['move'];
  if (text === undefined) return null;
  const { v: _v, ...planned } = versioned(text, `move ${id}`) as StoredMove;
  const count = (name: string): number => Number(fields[name] ?? '0');
  const outcome = fields['outcome'];
  const waiting = fields['waiting'];
  const wish = (fields['wish'] ?? '') as MoveState['wish'];
  return {
    ...planned,
    source: fields['source'] ?? planned.source,
    plannedSource: planned.source,
    phase: (fields['phase'] ?? 'Idle') as Phase,
    ...(outcome === undefined ? {} : { outcome: outcome as Outcome }),
    wish,
    cancelWished: wish === 'cancel',
    createdAtMs: count('createdAt'),
    startedAtMs: numberOrNull(fields['startedAt']),
    phaseAtMs: numberOrNull(fields['phaseAt']),
    switchedAtMs: numberOrNull(fields['switchedAt']),
    endedAtMs: numberOrNull(fields['endedAt']),
    docsMigrated: count('docsMigrated'),
    lastOffset: count('lastOffset'),
    verifiedOffset: count('verifiedOffset'),
    windowsVerified: count('windowsVerified'),
    windowsRepeated: count('windowsRepeated'),
    differences: count('differences'),
    bytes: count('bytes'),
    documents: numberOrNull(fields['documents']),
    targetFloor: numberOrNull(fields['targetFloor']),
    sourceCreated: fields['sourceCreated'] ?? null,
    targetCreated: fields['targetCreated'] ?? null,
    sourceFloor: numberOrNull(fields['sourceFloor']),
    gateFloor: numberOrNull(fields['gateFloor']),
    gateTargetFloor: numberOrNull(fields['gateTargetFloor']),
    trackingEpoch: numberOrNull(fields['trackingEpoch']),
    switchEpoch: numberOrNull(fields['switchEpoch']),
    gateRefused: count('gateRefused'),
    holdMs:
      fields['heldAt'] === undefined || fields['switchedAt'] === undefined
        ? null
        : count('switchedAt') - count('heldAt'),
    settlingBy: fields['settlingBy'] ?? null,
    settlingFloor: numberOrNull(fields['settlingFloor']),
    sourceMark: numberOrNull(fields['sourceMark']),
    takenBy: fields['takenBy'] ?? null,
    takenFloor: numberOrNull(fields['takenFloor']),
    retiresFloor: numberOrNull(fields['retiresFloor']),
    lost: count('lost'),
    lostIds: parseJson(fields['lostIds'] ?? '[]', `lost documents of move ${id}`) as string[],
    deletingAtMs: numberOrNull(fields['deletingAt']),
    level: fields['level'] === '1',
    vectors: fields['vectors'] === '1',
    flow: count('flow'),
    progressAtMs: Math.max(...['createdAt', 'startedAt', 'phaseAt', 'switchedAt', 'checkpointAt'].map(count)),
    phases: Object.fromEntries(
      PHASES.filter((phase) => `at:${phase}` in fields).map((phase) => [phase, count(`at:${phase}`)]),
    ),
    waiting:
      waiting === undefined ? null : { code: reasonOf(waiting), reason: waiting, sinceMs: count('waitingSince') },
    error: fields['error'] ?? null,
  };
}

interface StoredPlan {
  v: number;
  why: string;
  topologyVersion: number;
  moves: number;
  blocked: PlanRecord['blocked'];
}

function toPlan(id: string, fields: Fields): PlanRecord | null {
  const text = fields['plan'];
  if (text === undefined) return null;
  const stored = versioned(text, `plan ${id}`) as StoredPlan;
  const cancelled = parseHold(fields['cancelled'] === undefined ? null : `cancel ${fields['cancelled']}`);
  return {
    id,
    why: stored.why,
    topologyVersion: stored.topologyVersion,
    moves: stored.moves,
    blocked: stored.blocked,
    state: (fields['state'] ?? 'opening') as PlanRecord['state'],
    left: Number(fields['left'] ?? stored.moves),
    createdAtMs: Number(fields['createdAt'] ?? '0'),
    startedAtMs: numberOrNull(fields['startedAt']),
    endedAtMs: numberOrNull(fields['endedAt']),
    held: parseHold(fields['held']),
    cancelled: cancelled === null ? null : { sinceMs: cancelled.sinceMs, actor: cancelled.actor },
  };
}

const newestFirst = (a: PlanRecord, b: PlanRecord): number => b.createdAtMs - a.createdAtMs;
/** Hashes read in one round trip: enough to be quick, few enough not to hold Redis up. */
const PIPELINE = 500;

export interface RecordsOptions {
  readonly redis: Redis;
  readonly scripts: Scripts;
  /** Wait after a change of the Redis run id before a barrier passes (ms). */
  readonly runChangeMs: number;
}

/** Every read with its trouble told as what it is. */
const withFaults = (records: Records): Records =>
  Object.fromEntries(
    Object.entries(records).map(([name, read]: [string, (...args: unknown[]) => Promise<unknown>]) => [
      name,
      (...args: unknown[]) => reading(name, () => read(...args)),
    ]),
  ) as unknown as Records;

export function createRecords({ redis, scripts, runChangeMs }: RecordsOptions): Records {
  const hashes = async <T>(
    ids: readonly string[],
    key: (id: string) => string,
    parse: (id: string, fields: Fields) => T | null,
  ): Promise<T[]> => {
    const out: T[] = [];
    for (let at = 0; at < ids.length; at += PIPELINE) {
      const part = ids.slice(at, at + PIPELINE);
      const pipeline = redis.pipeline();
      for (const id of part) pipeline.hgetall(key(id));
      const replies = (await pipeline.exec()) ?? [];
      for (const [position, [error, fields]] of replies.entries()) {
        if (error) throw error;
        const value = parse(part[position] ?? '', fields as Fields);
        if (value !== null) out.push(value);
      }
    }
    return out;
  };
  const moves = (ids: readonly string[]): Promise<MoveState[]> => hashes(ids, keys.move, toMove);

  return withFaults({
    nowMs: () => redisNowMs(redis),
    ...recordPages(redis),
    async topology() {
      const fields = await redis.hgetall(keys.topology);
      if (fields['v'] !== undefined) assertReadable(fields['v'], 'topology');
      const nodes = Object.entries(fields)
        .filter(([name]) => name.startsWith('node:'))
        .map(([name, text]) => versioned(text, name) as TopologyNode);
      const groups = Object.entries(fields)
        .filter(([name]) => name.startsWith('group:'))
        .map(([name, text]) => versioned(text, name) as TopologyGroup);
      return {
        version: Number(fields['version'] ?? '0'),
        nodes: nodes.sort((a, b) => (a.id < b.id ? -1 : 1)),
        ...(groups.length === 0 ? {} : { groups: groups.sort((a, b) => a.id - b.id) }),
      };
    },
    async indexes() {
      const entries = await redis.hgetall(keys.indexes);
      return Object.entries(entries)
        .map(([uid, text]) => versioned(text, `index ${uid}`) as IndexEntry)
        .sort((a, b) => (a.uid < b.uid ? -1 : 1));
    },
    async index(uid) {
      const text = await redis.hget(keys.indexes, uid);
      return text === null ? null : (versioned(text, `index ${uid}`) as IndexEntry);
    },
    async deletion(index) {
      const text = await redis.hget(keys.deletions, index);
      return text === null ? null : parseDeletion(index, text);
    },
    async deletionsLeft() {
      const nowMs = await redisNowMs(redis);
      return Object.entries(await redis.hgetall(keys.deletions))
        .map(([index, text]) => parseDeletion(index, text))
        .filter(({ untilMs }) => untilMs <= nowMs)
        .map(({ index }) => index)
        .sort();
    },
    async table(index) {
      const fields = await redis.hgetall(keys.routing(index));
      if (fields['epoch'] === undefined) return null;
      assertReadable(fields['v'], `routing table of ${index}`);
      const shards: ShardRoute[] = [];
      for (let shard = 0; ; shard += 1) {
        const text = fields[routeField(shard)];
        if (text === undefined) break;
        shards.push(parseRoute(shard, text));
      }
      return { index, epoch: Number(fields['epoch']), shards };
    },
    async route(index, shard) {
      const text = await redis.hget(keys.routing(index), routeField(shard));
      if (text === null) throw new InvariantError(`index ${index} has no shard ${shard}`);
      return { route: parseRoute(shard, text), text };
    },
    async sightings(index) {
      const fields = await redis.hgetall(keys.sightings(index));
      return new Map(
        Object.entries(fields).map(([node, text]) => {
          const { v: _v, ...sighting } = versioned(text, `sighting of ${index} on ${node}`) as Sighting & { v: number };
          return [node, { sighting, text }];
        }),
      );
    },
    async move(id) {
      return toMove(id, await redis.hgetall(keys.move(id)));
    },
    moves,
    async freePlaces(moveId, movesPerNode) {
      const move = toMove(moveId, await redis.hgetall(keys.move(moveId)));
      if (move === null || hasBegun(move) || move.cancelWished) return 1;
      const [out, into] = await Promise.all([
        redis.scard(keys.nodeMoves(move.plannedSource, 'out')),
        redis.scard(keys.nodeMoves(move.target, 'in')),
      ]);
      return Math.max(0, movesPerNode - Math.max(out, into));
    },
    async unfinishedMoves() {
      return moves((await redis.smembers(keys.moves)).sort());
    },
    async plan(id) {
      return toPlan(id, await redis.hgetall(keys.plan(id)));
    },
    async planMoveIds(id) {
      return redis.lrange(keys.planMoves(id), 0, -1);
    },
    async plans(ended) {
      const running = await hashes(await redis.smembers(keys.plans), keys.plan, toPlan);
      const over = ended === 0 ? [] : await redis.zrange(keys.plansEnded, String(-ended), '-1');
      return [...running.sort(newestFirst), ...(await hashes(over, keys.plan, toPlan)).sort(newestFirst)];
    },
    async barrier(index, shard, epoch, restMs = 0) {
      const values = await scripts.run('barrier', [keys.routers, keys.run], [index, shard, epoch, runChangeMs, restMs]);
      return values[0] === 'open'
        ? { open: true, routers: Number(values[1]) }
        : { open: false, reason: values[1] ?? '', ms: Number(values[2]) };
    },
    async runAccepted() {
      return (await scripts.run('run-accepted', [keys.run], []))[0] === 'yes';
    },
    async wish(moveId, wish) {
      await scripts.run('move-wish', [keys.move(moveId)], [wish]);
    },
    async journaled(moveId, limit) {
      const [total, ids] = await Promise.all([
        redis.zcard(keys.journal(moveId)),
        limit <= 0 ? [] : redis.zrange(keys.journal(moveId), '0', String(limit - 1)),
      ]);
      return { total, ids };
    },
    async endHold(index, { route, text }) {
      const back = routeBody({ ...route, state: 'tracking' });
      const args = [route.shard, text, route.heldUntilMs ?? 0, back, runChangeMs];
      const reply = await scripts.try('hold-end', [keys.routing(index), keys.run], args);
      if (!('refused' in reply)) return true;
      if (reply.refused === 'hold' || reply.refused === 'conflict') return false;
      throw refusalError('hold-end', reply);
    },
  });
}
