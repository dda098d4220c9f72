/** Rate and time left of a plan, in one line. */
import prettyMs from 'pretty-ms';
import type { EtaView } from '../control/eta.ts';
import { holdReason, type PlanHold } from '../core/plan-hold.ts';

const lengthText = (ms: number): string => prettyMs(ms, { secondsDecimalDigits: 0, unitCount: 2 }).replaceAll(' ', '');

/** `812 documents/s, 31s to 48s left`, `estimating…`, `stalled 2m10s: barrier: router 7f3a is behind`. */
export function etaText(eta: EtaView): string {
  const { ratePerSecond, etaLowSeconds, etaHighSeconds, etaNote, stalledMs, reason } = eta;
  if (stalledMs !== null) return `stalled ${lengthText(stalledMs)}: ${reason ?? 'no move says why'}`;
  if (etaHighSeconds === 0) return 'every shard is switched, old copies go when their grace is over';
  const rate = ratePerSecond === null ? '' : `${Math.round(ratePerSecond).toLocaleString('en')} documents/s, `;
  if (etaLowSeconds === null || etaHighSeconds === null) return `${rate}${etaNote}`;
  const [low, high] = [etaLowSeconds, etaHighSeconds].map((seconds) => lengthText(seconds * 1_000)) as [string, string];
  return `${rate}${low === high ? low : `${low} to ${high}`} left, and the grace of old copies after it`;
}

/** A plan that is held has no time left that would go by. */
export const paceText = (eta: EtaView, held: PlanHold | null): string =>
  held === null ? etaText(eta) : holdReason(held);
