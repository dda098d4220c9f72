/** A plan in one line: how far, how fast, how long. */
import type { Hold, MoveAnswer, PlanAnswer, PlanDetailsAnswer, Progress } from './answers.ts';
import { countText, durationText, percentOf, rangeText, rateText } from './format.ts';
import { isOnItsWay } from './move-steps.ts';

/**
 * What the bar shows: what runs or waits for somebody, else what ended a short while ago. Of several that run one whose
 * shards still have to be switched goes before those that only wait for their grace, and then the newest: its buttons
 * are to stop what goes on.
 */
export function shownPlan(
  plans: readonly PlanAnswer[],
  moves: readonly Pick<MoveAnswer, 'plan' | 'phase' | 'outcome'>[],
  nowMs: number,
): PlanAnswer | null {
  const atWork = new Set(moves.flatMap((move) => (isOnItsWay(move) ? [move.plan] : [])));
  const open = plans.filter((plan) => !isOver(plan));
  const [running] = open
    .filter((plan) => !awaitsApproval(plan))
    .sort((a, b) => Number(atWork.has(b.id)) - Number(atWork.has(a.id)) || b.createdAtMs - a.createdAtMs);
  const ended = plans.find(({ endedAtMs }) => endedAtMs !== null && nowMs - endedAtMs < ENDED_SHOWN_MS);
  return running ?? open[0] ?? ended ?? null;
}

const ENDED_SHOWN_MS = 3_600_000;
const STALLED_AFTER_MS = 30_000;

const WHYS: Readonly<Record<string, string>> = {
  NodeAdded: 'add',
  NodeDraining: 'drain',
  NodeFailed: 'restore after the loss of',
  NodeRecovered: 'take back',
  NodeRemoved: 'without',
  GroupAdded: 'add group',
  GroupDraining: 'drain group',
  GroupRemoved: 'without group',
};
/** `NodeAdded n4, NodeDraining n1` → add n4, drain n1 */
export const whyText = (why: string): string =>
  why
    .split(', ')
    .map((one) => one.replace(/\b(?:Node|Group)[A-Z]\w+/, (name) => WHYS[name] ?? name))
    .join(', ');

export const isOver = ({ state }: Pick<PlanAnswer, 'state'>): boolean => state === 'done';
export const isPaused = ({ held }: Pick<PlanAnswer, 'held'>): boolean => held?.by === 'operator';
/** Somebody has to say that it may begin. */
export const awaitsApproval = ({ state, held }: Pick<PlanAnswer, 'state' | 'held'>): boolean =>
  state === 'proposed' || held?.by === 'approval';

/** Every shard is switched or will not be: only old copies are left to go, and nothing can be undone any more. */
export const isSettled = ({ progress }: Pick<PlanDetailsAnswer, 'progress'>): boolean =>
  progress.settled + progress.cancelled + progress.failed >= progress.moves;

/** `all`: who has paused all plans. A plan that was cancelled is over as well, but not done. */
export function stateText(plan: Pick<PlanAnswer, 'state' | 'held' | 'cancelled'>, all: Hold | null = null): string {
  const { held, cancelled } = plan;
  if (isOver(plan)) return cancelled == null ? '✓ done' : `⊘ cancelled by ${cancelled.actor}`;
  if (cancelled != null) return `⊘ being cancelled for ${cancelled.actor}`;
  if (awaitsApproval(plan)) return '? waits for approval';
  if (all !== null) return `‖ all plans are paused by ${all.actor}`;
  return isPaused(plan) ? `‖ paused by ${held?.actor}` : '▶ running';
}

/**
 * Of the work: copying is nearly all of it, so a move that is copied halfway counts half, as far as documents tell; one
 * is whole only when it is switched.
 */
export function planPercent(plan: Pick<PlanDetailsAnswer, 'progress' | 'state' | 'cancelled'>): number {
  const { moves, settled, cancelled, failed, docsMigrated, documents, running } = plan.progress;
  // What is left of one that was cancelled.
  if (isOver(plan) && plan.cancelled != null) return percentOf(settled, moves);
  const ended = settled + cancelled + failed;
  if (moves === 0 || ended >= moves) return 100;
  const copied = documents > 0 ? Math.min(1, docsMigrated / documents) : 0;
  const begun = Math.min(moves, ended + running);
  return percentOf(Math.max(ended, copied * begun), moves);
}

/** Of the whole plan: before a move begins nobody has counted its documents, so all of them is a guess till then. */
export function documentsText({ moves, settled, cancelled, failed, running, ...progress }: Progress): string | null {
  const { docsMigrated, documents, documentsLeft } = progress;
  const isCounted = settled + cancelled + failed + running >= moves;
  if (documents === 0) return null;
  const all =
    isCounted || documentsLeft == null ? countText(documents) : `about ${countText(docsMigrated + documentsLeft)}`;
  return `${countText(docsMigrated)} of ${all} documents`;
}

export interface Pace {
  readonly text: string;
  readonly isStalled: boolean;
}

/** "800/s · 2–3 min left", "estimating…", or "stalled 2m10s: reason". */
export function paceOf(plan: PlanDetailsAnswer, measuredPerSecond: number | null): Pace {
  const { progress } = plan;
  if (isOver(plan)) return { text: '', isStalled: false };
  if (awaitsApproval(plan)) return { text: 'nothing moves before', isStalled: false };
  if (isPaused(plan)) return { text: 'paused', isStalled: false };
  const stalledMs = progress.stalledMs ?? 0;
  if (stalledMs >= STALLED_AFTER_MS) {
    return {
      text: `stalled ${durationText(stalledMs)}${progress.reason == null ? '' : `: ${progress.reason}`}`,
      isStalled: true,
    };
  }
  if (isSettled(plan)) {
    return { text: 'all shards are switched, old copies go', isStalled: false };
  }
  const rate = progress.ratePerSecond ?? measuredPerSecond;
  const parts = [rate === null || rate <= 0 ? null : `${rateText(rate)} documents`, etaText(progress)];
  return { text: parts.filter((part) => part !== null).join(' · '), isStalled: false };
}

function etaText({ etaLowSeconds, etaHighSeconds }: Progress): string | null {
  if (etaLowSeconds === undefined && etaHighSeconds === undefined) return null;
  if (etaLowSeconds == null || etaHighSeconds == null) return 'estimating…';
  return `${rangeText(etaLowSeconds, etaHighSeconds)} left`;
}

/** Of the browser's tab. */
export function titleOf(plan: PlanDetailsAnswer | null): string {
  if (plan === null || isOver(plan) || awaitsApproval(plan)) return 'Miroir';
  const { etaHighSeconds } = plan.progress;
  const left = etaHighSeconds == null || etaHighSeconds < 1 ? '' : ` · ${durationText(etaHighSeconds * 1_000)}`;
  return `${planPercent(plan)}%${isPaused(plan) ? ' paused' : left} – Miroir`;
}
