/** Ids of plans and moves, page by page, without reading the records of other pages. */
import type { Redis } from 'ioredis';
import type { IdPage, PageAsked, Records } from '../ports.ts';
import { keys } from './keys.ts';

/** Of ids in order. The one that was next may have ended since: what came behind it is next then. */
export function pageAt(ids: readonly string[], { from, limit }: PageAsked): IdPage {
  const at = from === null ? 0 : ids.findIndex((id) => id >= from);
  return { keys: at < 0 ? [] : ids.slice(at, at + limit + 1), total: ids.length };
}

export function recordPages(redis: Redis): Pick<Records, 'planPage' | 'movePage' | 'planMovePage'> {
  /** Ids of ended records, newest first; null behind one that there never was, or that is forgotten by now. */
  const endedPage = async (key: string, from: string | null, count: number): Promise<string[] | null> => {
    const rank = from === null ? 0 : await redis.zrevrank(key, from);
    if (rank === null) return null;
    return count <= 0 ? [] : redis.zrevrange(key, rank, rank + count - 1);
  };
  /** Running plans are few: each of them moves something. */
  const newestFirst = async (ids: readonly string[]): Promise<string[]> => {
    const made = await Promise.all(ids.map((id) => redis.hget(keys.plan(id), 'createdAt')));
    const atMs = new Map(ids.map((id, at) => [id, Number(made[at] ?? '0')]));
    return [...ids].sort((a, b) => (atMs.get(b) ?? 0) - (atMs.get(a) ?? 0) || (a < b ? -1 : 1));
  };
  return {
    async planPage({ from, limit }) {
      const running = await newestFirst(await redis.smembers(keys.plans));
      const at = from === null ? 0 : running.indexOf(from);
      const first = at < 0 ? [] : running.slice(at, at + limit + 1);
      const ended = await endedPage(keys.plansEnded, at < 0 ? from : null, limit + 1 - first.length);
      return ended && { keys: [...first, ...ended], total: running.length + (await redis.zcard(keys.plansEnded)) };
    },
    async planMovePage(plan, { from, limit }) {
      const at = from === null ? 0 : await redis.lpos(keys.planMoves(plan), from);
      if (at === null) return null;
      const [ids, total] = await Promise.all([
        redis.lrange(keys.planMoves(plan), at, at + limit),
        redis.llen(keys.planMoves(plan)),
      ]);
      return { keys: ids, total };
    },
    async movePage(state, { from, limit }) {
      if (state === 'ended') {
        const ended = await endedPage(keys.movesEnded, from, limit + 1);
        return ended && { keys: ended, total: await redis.zcard(keys.movesEnded) };
      }
      return pageAt((await redis.smembers(keys.moves)).sort(), { from, limit });
    },
  };
}
