/**
 * Taking up a new run of Redis (decision 0016). A restart may have cost Redis its newest writes; routers that served by a
 * newer table hand it in when they register again. Until the planner has restored its owners nobody changes a route and no
 * mover acts.
 */
import type { PlanningParts } from './parts.ts';

export async function takeUpRun({ runs, records, logger }: PlanningParts): Promise<void> {
  const { state, lost } = await runs.look();
  if (state !== 'due') return;
  for (const { uid } of await records.indexes()) {
    for (const { shard, owners, others, move } of await runs.restore(uid)) {
      const remedy = `compare the copies, then \`miroir index thaw ${uid} ${shard}\``;
      logger.error({ index: uid, shard, owners, others, move, remedy }, 'Redis lost writes: the shard is frozen');
    }
  }
  if (await runs.accept(lost)) logger.warn({ lost }, 'a new run of Redis is taken up');
}
