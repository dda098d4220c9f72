/** Tasks as clients see them, in Redis: a bounded number of them, for a bounded time. */
import type { Redis } from 'ioredis';
import { RECORD_VERSION, assertReadable } from '../core/version.ts';
import type { ClientTaskOutcome, ClientTaskQuery, ClientTaskRecord, ClientTasks } from '../ports.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import type { Scripts } from './scripts.ts';

export interface ClientTasksOptions {
  readonly redis: Redis;
  readonly scripts: Scripts;
  readonly maxTasks: number;
  readonly ttlSecs: number;
}

/** Records read in one round trip. */
const PIPELINE = 500;

function toTask(uid: number, text: string, outcome: string | null): ClientTaskRecord {
  const task = parseJson(text, `task ${uid}`) as Omit<ClientTaskRecord, 'uid' | 'outcome'>;
  assertReadable(task.v, `task ${uid}`);
  const final = outcome === null ? null : (parseJson(outcome, `outcome of task ${uid}`) as ClientTaskOutcome);
  return { ...task, uid, outcome: final };
}

export function createClientTasks({ redis, scripts, maxTasks, ttlSecs }: ClientTasksOptions): ClientTasks {
  /** The records of these uids that are there, in their order. */
  const records = async (uids: readonly number[]): Promise<ClientTaskRecord[]> => {
    const found: ClientTaskRecord[] = [];
    for (let at = 0; at < uids.length; at += PIPELINE) {
      const part = uids.slice(at, at + PIPELINE);
      const pipeline = redis.pipeline();
      for (const uid of part) pipeline.hmget(keys.clientTask(uid), 'task', 'outcome');
      for (const [position, [error, fields]] of ((await pipeline.exec()) ?? []).entries()) {
        if (error) throw error;
        const [text, outcome] = fields as [string | null, string | null];
        if (text !== null) found.push(toTask(part[position] ?? 0, text, outcome));
      }
    }
    return found;
  };
  /** Newest uids of some indexes, or of all. What has expired is at their end. */
  const newest = async ({ indexUids, limit, from }: ClientTaskQuery): Promise<number[]> => {
    const sets = indexUids === undefined ? [keys.clientTasks] : [...new Set(indexUids)].map(keys.clientTasksOf);
    const uids: number[] = [];
    for (const set of sets) {
      const part = await redis.zrevrangebyscore(set, from ?? '+inf', '-inf', 'LIMIT', 0, limit);
      uids.push(...part.map(Number));
    }
    return uids.sort((a, b) => b - a).slice(0, limit);
  };

  const finish = (uid: number, outcome: ClientTaskOutcome | null): Promise<unknown> =>
    scripts.run('task-finish', [keys.clientTask(uid), keys.openClientTasks], [JSON.stringify(outcome), uid]);

  return {
    async add(task) {
      const [, uid] = await scripts.run(
        'task-add',
        [keys.clientTaskCounter, keys.clientTasks, keys.clientTasksOf(task.indexUid), keys.openClientTasks],
        [keys.clientTaskPrefix, JSON.stringify({ v: RECORD_VERSION, ...task }), maxTasks, ttlSecs],
      );
      return Number(uid);
    },
    async get(uid) {
      return reading('a task', async () => (await records([uid]))[0] ?? null);
    },
    async list(query) {
      const { uids, indexUids, limit, from = Number.POSITIVE_INFINITY } = query;
      if (limit <= 0) return [];
      return reading('tasks', async () => {
        if (uids === undefined) return records(await newest(query));
        const asked = [...new Set(uids)].filter((uid) => uid <= from).sort((a, b) => b - a);
        const found = await records(asked);
        return found.filter(({ indexUid }) => indexUids?.includes(indexUid) ?? true).slice(0, limit);
      });
    },
    async finish(uid, outcome) {
      await finish(uid, outcome);
    },
    async open(from, limit) {
      return reading('open tasks', async () => {
        const uids = (await redis.zrangebyscore(keys.openClientTasks, from, '+inf', 'LIMIT', 0, limit)).map(Number);
        const found = await records(uids);
        const there = new Set(found.map(({ uid }) => uid));
        // A record that has expired is nobody's to end, and would be in everybody's way.
        for (const uid of uids) if (!there.has(uid)) await finish(uid, null);
        return found;
      });
    },
    async count() {
      for (;;) {
        const [, count, more] = await scripts.run('tasks-count', [keys.clientTasks], [keys.clientTaskPrefix]);
        if (more !== '1') return Number(count);
      }
    },
  };
}
