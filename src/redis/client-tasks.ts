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

const inOrder =
  (reverse: boolean) =>
  (a: number, b: number): number =>
    reverse ? a - b : b - a;

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
  /** Uids of some indexes, or of all, also of tasks that have expired: those are the oldest. */
  const uidsOf = async ({ indexUids, limit, from, reverse = false }: ClientTaskQuery): Promise<number[]> => {
    const sets = indexUids === undefined ? [keys.clientTasks] : [...new Set(indexUids)].map(keys.clientTasksOf);
    const uids: number[] = [];
    for (const set of sets) {
      const part = reverse
        ? await redis.zrangebyscore(set, from ?? '-inf', '+inf', 'LIMIT', 0, limit)
        : await redis.zrevrangebyscore(set, from ?? '+inf', '-inf', 'LIMIT', 0, limit);
      uids.push(...part.map(Number));
    }
    return uids.sort(inOrder(reverse)).slice(0, limit);
  };
  /** In reverse the expired ones come first, and are passed over; there are no more of them than tasks are kept. */
  const walk = async (query: ClientTaskQuery): Promise<ClientTaskRecord[]> => {
    const found: ClientTaskRecord[] = [];
    let { from } = query;
    for (;;) {
      const uids = await uidsOf({ ...query, ...(from === undefined ? {} : { from }) });
      found.push(...(await records(uids)));
      const isEnd = query.reverse !== true || uids.length < query.limit;
      if (isEnd || found.length >= query.limit) return found.slice(0, query.limit);
      from = (uids.at(-1) ?? 0) + 1;
    }
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
      const { uids, indexUids, limit, reverse = false } = query;
      const from = query.from ?? (reverse ? 0 : Number.POSITIVE_INFINITY);
      if (limit <= 0) return [];
      return reading('tasks', async () => {
        if (uids === undefined) return walk(query);
        const asked = [...new Set(uids)].filter((uid) => (reverse ? uid >= from : uid <= from)).sort(inOrder(reverse));
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
