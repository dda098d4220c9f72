// What people and programs read of runs: counts, times, what was wrong, how to run it again.
import { FAULTS, describeVerdict, isClean } from '../../history/verdict.ts';
import { DEATH_KINDS } from './deaths.ts';
import { quantiles } from './moves.ts';
import type { WritesResult } from './run.ts';
import { FAMILIES } from './troubles.ts';

export const isRight = ({ verdict, faults, moves }: WritesResult): boolean =>
  isClean(verdict) && faults.length === 0 && moves.failed === 0;

const COUNTED = ['acknowledged', 'applied', 'failed', 'refused', 'unknown', 'reads'] as const;
const round = (ms: number): number => Math.round(ms * 10) / 10;

/** One object of counts and times, for `-o json`; of several runs together. */
export function figures(results: readonly WritesResult[]): Readonly<Record<string, number | string | null>> {
  const sum = (pick: (one: WritesResult) => number): number => results.reduce((all, one) => all + pick(one), 0);
  const sums = <T extends string>(names: readonly T[], pick: (one: WritesResult, name: T) => number) =>
    Object.fromEntries(names.map((name) => [name, sum((one) => pick(one, name))]));
  const hold = quantiles(results.flatMap(({ moves }) => moves.holdMs));
  const settle = quantiles(results.flatMap(({ moves }) => moves.settleMs));
  const write = quantiles(results.flatMap(({ writeMs }) => writeMs));
  const deaths = results.flatMap((one) => one.deaths);
  const failed = quantiles(deaths.map(({ failedMs }) => failedMs));
  const active = quantiles(deaths.map(({ activeMs }) => activeMs));
  return {
    seed: results[0]?.seed ?? 0,
    seconds: Math.round(sum(({ seconds }) => seconds)),
    ...sums(COUNTED, ({ verdict }, name) => verdict[name]),
    moves: sum(({ moves }) => moves.done),
    cancelled: sum(({ moves }) => moves.cancelled),
    holds_in_vain: sum(({ moves }) => moves.holdsInVain),
    ...sums(FAMILIES, ({ troubles }, family) => troubles[family]),
    ...Object.fromEntries(
      DEATH_KINDS.map((kind) => [`deaths_${kind}`, deaths.filter((one) => one.kind === kind).length]),
    ),
    ...sums(FAULTS, ({ verdict }, kind) => verdict.counts[kind]),
    listed_for_repair: sum(({ missed }) => missed.documents),
    moves_awaiting_repair: sum(({ missed }) => missed.moves),
    other_faults: sum(({ faults, moves }) => faults.length + moves.failed),
    hold_ms_p50: hold.p50,
    hold_ms_p99: hold.p99,
    hold_ms_max: hold.max,
    settle_ms_p50: settle.p50,
    settle_ms_p99: settle.p99,
    settle_ms_max: settle.max,
    death_to_failed_ms_p50: Math.round(failed.p50),
    death_to_failed_ms_max: Math.round(failed.max),
    return_to_active_ms_p50: Math.round(active.p50),
    return_to_active_ms_max: Math.round(active.max),
    write_ms_p50: round(write.p50),
    write_ms_p99: round(write.p99),
    write_ms_max: round(write.max),
    evidence: results.find(({ evidence }) => evidence !== null)?.evidence ?? null,
  };
}

/** What one run has to say beside its figures. */
export function reportLines(result: WritesResult, command: string): string[] {
  const lines = Object.entries(result.notes).map(([note, count]) => `${count} calls ${note}`);
  for (const [message, count] of Object.entries(result.errors))
    lines.push(`said as an error ${count} times: ${message}`);
  if (isRight(result)) return lines;
  const verdict = describeVerdict(result.verdict);
  const others = [...result.faults, ...(result.moves.failed > 0 ? [`${result.moves.failed} moves failed`] : [])];
  lines.push('', verdict, ...others);
  // One line with all that is known when nothing but the end of the output is left.
  const all = [verdict.split('\n', 1)[0], ...others].join('; ').replaceAll(/\s+/g, ' ');
  lines.push('', `failed: ${command}: ${all}`, `kept: ${result.evidence}`);
  return lines;
}

export const figureLines = (results: readonly WritesResult[]): string[] =>
  Object.entries(figures(results)).map(([name, value]) => `${name.padEnd(24)} ${value}`);
