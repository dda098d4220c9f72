// How long calls took, for the figures of a run.
import type { Call, History } from './record.ts';

export interface Latency {
  readonly calls: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Of the calls that were answered in the end: a 202, or documents. */
export function latencyOf(history: History, isMeant: (call: Call) => boolean): Latency {
  const tookMs: number[] = [];
  for (const call of history) {
    const isAnswered =
      call.is === 'read' ? call.outcome === 'answered' : ['acknowledged', 'applied', 'failed'].includes(call.outcome);
    if (isAnswered && call.answeredAtMs !== null && isMeant(call)) tookMs.push(call.answeredAtMs - call.invokedAtMs);
  }
  tookMs.sort((a, b) => a - b);
  const quantile = (part: number): number => tookMs[Math.ceil(part * tookMs.length) - 1] ?? 0;
  return {
    calls: tookMs.length,
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    p99Ms: quantile(0.99),
    maxMs: tookMs.at(-1) ?? 0,
  };
}
