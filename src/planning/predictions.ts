/** The first that can be said of how long a plan takes is kept, so that its report tells how that came out. */
import { etaOf } from '../core/eta.ts';
import type { PlanningParts } from './parts.ts';

export async function keepPredictions({
  records,
  writer,
  progress,
}: Pick<PlanningParts, 'records' | 'writer' | 'progress'>): Promise<void> {
  for (const plan of await records.plans(0)) {
    if (plan.state !== 'running' || (await progress.predicted(plan.id)) !== null) continue;
    const history = await progress.of(plan);
    const { etaSeconds, etaLowSeconds, etaHighSeconds, documentsLeft } = etaOf(history);
    if (etaSeconds === null || etaLowSeconds === null || etaHighSeconds === null || documentsLeft === null) continue;
    await writer.keepPrediction(plan.id, {
      atMs: history.nowMs,
      documents: documentsLeft + (history.samples.at(-1)?.documents ?? 0),
      lowSeconds: etaLowSeconds,
      seconds: etaSeconds,
      highSeconds: etaHighSeconds,
    });
  }
}
