/** Reading the records: topology, index registry, routing tables, moves, plans. Nothing here changes anything. */
import type { Redis } from 'ioredis';
import type { TopologyGroup } from '../core/groups.ts';
import { groupedBy } from '../core/grouped.ts';
import { hasBegun } from '../core/plan-hold.ts';
import type { IndexEntry, ShardRoute } from '../core/routing.ts';
import type { Sighting } from '../core/sightings.ts';
import type { TopologyNode } from '../core/topology.ts';
import { assertReadable } from '../core/version.ts';
import { InvariantError } from '../errors.ts';
import type { MoveState, PlanRecord, Records, SightingRead } from '../ports.ts';
import { parseDeletion } from './deletion-text.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { type Fields, toMove, toPlan, versioned } from './move-text.ts';
import { recordPages } from './record-pages.ts';
import { parseRoute, routeBody, routeField } from './route-text.ts';
import { type Scripts, refusalError } from './scripts.ts';
import { redisNowMs } from './time.ts';

const newestFirst = (a: PlanRecord, b: PlanRecord): number => b.createdAtMs - a.createdAtMs;
/** Hashes read in one round trip: enough to be quick, few enough not to hold Redis up. */
const PIPELINE = 500;

export interface RecordsOptions {
  readonly redis: Redis;
  readonly scripts: Scripts;
  /** Wait after a change of the Redis run id before a barrier passes (ms). */
  readonly runChangeMs: number;
}

function toSightings(index: string, fields: Fields): ReadonlyMap<string, SightingRead> {
  return new Map(
    Object.entries(fields).map(([node, text]) => {
      const { v: _v, ...sighting } = versioned(text, `sighting of ${index} on ${node}`) as Sighting & { v: number };
      return [node, { sighting, text }];
    }),
  );
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
      return toSightings(index, await redis.hgetall(keys.sightings(index)));
    },
    sightingsOf: (indexes) => hashes(indexes, keys.sightings, toSightings),
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
    async unfinishedByIndex() {
      return groupedBy(await moves((await redis.smembers(keys.moves)).sort()), (move) => move.index);
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
