// What people and programs read of a run: counts, times, what was wrong, how to run it again.
import { FAULTS, describeVerdict, isClean } from '../../history/verdict.ts';
import { quantiles } from './moves.ts';
import type { WritesResult } from './run.ts';

export const isRight = ({ verdict, faults }: WritesResult): boolean => isClean(verdict) && faults.length === 0;

const round = (ms: number): number => Math.round(ms * 10) / 10;

/** One object of counts and times, for `-o json`. */
export function figures(result: WritesResult): Readonly<Record<string, number | string | null>> {
  const { seed, seconds, verdict, moves, troubles, writeMs, faults, evidence } = result;
  const hold = quantiles(moves.holdMs);
  const settle = quantiles(moves.settleMs);
  return {
    seed,
    seconds: Math.round(seconds),
    acknowledged: verdict.acknowledged,
    applied: verdict.applied,
    failed: verdict.failed,
    refused: verdict.refused,
    unknown: verdict.unknown,
    reads: verdict.reads,
    moves: moves.done,
    cancelled: moves.cancelled,
    holds_in_vain: moves.holdsInVain,
    ...troubles,
    ...Object.fromEntries(FAULTS.map((kind) => [kind, verdict.counts[kind]])),
    other_faults: faults.length + moves.failed,
    hold_ms_p50: hold.p50,
    hold_ms_p99: hold.p99,
    hold_ms_max: hold.max,
    settle_ms_p50: settle.p50,
    settle_ms_p99: settle.p99,
    settle_ms_max: settle.max,
    write_ms_p50: round(writeMs.p50),
    write_ms_p95: round(writeMs.p95),
    write_ms_p99: round(writeMs.p99),
    write_ms_max: round(writeMs.max),
    evidence,
  };
}

export function reportLines(result: WritesResult, command: string): string[] {
  const lines = Object.entries(figures(result)).map(([name, value]) => `${name.padEnd(16)} ${value}`);
  for (const [note, count] of Object.entries(result.notes)) lines.push(`${count} writes ${note}`);
  for (const [message, count] of Object.entries(result.errors))
    lines.push(`said as an error ${count} times: ${message}`);
  if (isRight(result)) return lines;
  lines.push('', describeVerdict(result.verdict), ...result.faults);
  lines.push('', `failed: ${command}`, `kept: ${result.evidence}`);
  return lines;
}
