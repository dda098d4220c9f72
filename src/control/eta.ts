/** How fast a plan is, when it will be settled, and why it stands still. */
import { type Eta, etaOf } from '../core/eta.ts';
import type { PlanRecord, ProgressHistory, ThroughputBucket } from '../ports.ts';
import { type MoveViewParts, viewMoves } from './move-view.ts';
import type { ControlParts } from './parts.ts';

export interface EtaView extends Eta {
  /** Of a plan that stands still: why most of its moves do not get on, and what unblocks that. */
  readonly reason: string | null;
  readonly unblock: string | null;
}

export interface EtaParts extends MoveViewParts, Pick<ControlParts, 'records'> {
  readonly progress: ProgressHistory;
}

export async function etaView(parts: EtaParts, plan: PlanRecord): Promise<EtaView> {
  const eta = etaOf(await parts.progress.of(plan));
  return eta.stalledMs === null
    ? { ...eta, reason: null, unblock: null }
    : { ...eta, ...(await standstill(parts, plan)) };
}

/** Of moves that have begun, else of those that have not. */
async function standstill(parts: EtaParts, { id }: PlanRecord): Promise<Pick<EtaView, 'reason' | 'unblock'>> {
  const unfinished = (await parts.records.unfinishedMoves()).filter((move) => move.planId === id);
  const begun = unfinished.filter((move) => move.startedAtMs !== null && move.phase !== 'DualWriteStopped');
  const views = await viewMoves(parts, begun.length > 0 ? begun : unfinished);
  const counts = new Map<string, number>();
  for (const { waiting } of views)
    if (waiting !== null) counts.set(waiting.reason, (counts.get(waiting.reason) ?? 0) + 1);
  const [most] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
  const waiting = views.find((view) => view.waiting?.reason === most)?.waiting ?? null;
  return { reason: waiting?.text ?? null, unblock: waiting?.unblock ?? null };
}

/** What the fleet copied in each five seconds of the last fifteen minutes. */
export const showThroughput = ({
  progress,
}: {
  readonly progress: Pick<ProgressHistory, 'throughput'>;
}): Promise<{ readonly bucketMs: number; readonly results: readonly ThroughputBucket[] }> => progress.throughput();
