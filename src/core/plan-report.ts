/** What became of a plan: what it moved and why, how long each step took, and how it came out against what was said. */
import type { MoveReason, Outcome, Phase } from './move.ts';
import { PHASES, isSwitched } from './move.ts';
import { sum } from './statistics.ts';

/** The first that could be said of a plan. */
export interface Prediction {
  /** When that was (Redis time, ms). */
  readonly atMs: number;
  /** Documents to be copied, in all. */
  readonly documents: number;
  /** From then on until every shard is settled. */
  readonly lowSeconds: number;
  readonly seconds: number;
  readonly highSeconds: number;
}

/** What somebody was shown before anything of the plan began; null figures: nobody could tell. */
export interface Shown {
  readonly madeAtMs: number;
  readonly moves: number;
  readonly documents: number | null;
  /** Until every shard is settled, from the first move on. */
  readonly lowSeconds: number | null;
  readonly highSeconds: number | null;
}

/** As it came out; `isWithinRange` is null where no time was told. */
interface CameOut {
  readonly documents: number;
  readonly seconds: number;
  readonly isWithinRange: boolean | null;
}

/** As much of a move's record as its line takes. */
export interface ReportedMove {
  readonly id: string;
  readonly index: string;
  readonly shard: number;
  readonly source: string;
  readonly target: string;
  readonly retires: string | null;
  readonly reason: MoveReason;
  readonly phase: Phase;
  readonly outcome?: Outcome;
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly switchedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly phases: Readonly<Partial<Record<Phase, number>>>;
  readonly documents: number | null;
  readonly docsMigrated: number;
  readonly bytes: number;
  readonly windowsVerified: number;
  readonly windowsRepeated: number;
  readonly differences: number;
  readonly holdMs: number | null;
  readonly gateRefused: number;
  readonly lost: number;
  readonly error: string | null;
}

export interface MoveLine {
  readonly id: string;
  readonly index: string;
  readonly shard: number;
  readonly source: string;
  readonly target: string;
  readonly retires: string | null;
  readonly reason: MoveReason;
  readonly phase: Phase;
  readonly outcome: Outcome | null;
  /** From its start until its shard was settled on its new owners; null: not yet, or not known. */
  readonly settledMs: number | null;
  /** How long it took to reach each phase from the one before it; null: not reached, or not known. */
  readonly phaseMs: Readonly<Record<Exclude<Phase, 'Idle'>, number | null>>;
  readonly documents: number;
  readonly bytes: number;
  readonly windowsVerified: number;
  /** Windows that were sent again, and times that the gate before the switch was closed. */
  readonly retries: number;
  /** Documents that differed when they were compared, and were repaired. */
  readonly repaired: number;
  /** How long clients' writes were held for the switch. */
  readonly longestWriteWaitMs: number | null;
  /** Documents whose last write an operator has given up. */
  readonly lost: number;
  readonly error: string | null;
}

export interface ReportTotals {
  readonly moves: number;
  readonly settled: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly byReason: Readonly<Partial<Record<MoveReason, number>>>;
  readonly documents: number;
  readonly bytes: number;
  readonly windowsVerified: number;
  readonly retries: number;
  readonly repaired: number;
  readonly longestWriteWaitMs: number | null;
  readonly lost: number;
}

export interface PlanReport {
  readonly totals: ReportTotals;
  /** From the plan's start until its last shard was settled, or until now; null: it has not begun. */
  readonly settledSeconds: number | null;
  /** Whether every move is settled or has ended: before that all figures are those so far. */
  readonly isSettled: boolean;
  /** Null where nobody looked before it ran, or it is not kept any more. `actual` is null before the end. */
  readonly shown: (Shown & { readonly actual: CameOut | null }) | null;
  readonly predicted: Prediction | null;
  /** What the prediction said, as it came out: from when it was made. Null before the end, or without a prediction. */
  readonly actual: { readonly documents: number; readonly seconds: number; readonly isWithinRange: boolean } | null;
  readonly moves: readonly MoveLine[];
  /** What is not known, and why. */
  readonly unknown: readonly string[];
}

const seconds = (ms: number): number => Math.round(ms / 100) / 10;

/** When its shard was settled, or it ended without that. */
const overAtMs = ({ phases, endedAtMs, outcome, phase }: ReportedMove): number | null =>
  phases.DualWriteStopped ?? (outcome !== undefined && !isSwitched(phase) ? endedAtMs : null);

const isOver = ({ phase, outcome }: ReportedMove): boolean => outcome !== undefined || isSwitched(phase);

function lineOf(move: ReportedMove): MoveLine {
  const { phases, startedAtMs, outcome = null } = move;
  let beforeMs = startedAtMs;
  const phaseMs = Object.fromEntries(
    PHASES.slice(1).map((phase) => {
      const atMs = phases[phase] ?? null;
      const lastedMs = atMs === null || beforeMs === null ? null : atMs - beforeMs;
      beforeMs = atMs;
      return [phase, lastedMs];
    }),
  ) as MoveLine['phaseMs'];
  const settledAtMs = phases.DualWriteStopped ?? null;
  const { id, index, shard, source, target, retires, reason, phase, bytes, windowsVerified, lost, error } = move;
  return {
    id,
    index,
    shard,
    source,
    target,
    retires,
    reason,
    phase,
    outcome,
    settledMs: settledAtMs === null || startedAtMs === null ? null : settledAtMs - startedAtMs,
    phaseMs,
    documents: move.docsMigrated,
    bytes,
    windowsVerified,
    retries: move.windowsRepeated + move.gateRefused,
    repaired: move.differences,
    longestWriteWaitMs: move.holdMs,
    lost,
    error,
  };
}

function totalsOf(moves: readonly ReportedMove[], lines: readonly MoveLine[]): ReportTotals {
  const count = (which: (move: ReportedMove) => boolean): number => moves.filter(which).length;
  const byReason: Partial<Record<MoveReason, number>> = {};
  for (const { reason } of moves) byReason[reason] = (byReason[reason] ?? 0) + 1;
  const holds = lines.flatMap(({ longestWriteWaitMs }) => longestWriteWaitMs ?? []);
  return {
    moves: moves.length,
    settled: count(({ phase }) => isSwitched(phase)),
    cancelled: count(({ outcome }) => outcome === 'cancelled'),
    failed: count(({ outcome }) => outcome === 'failed'),
    byReason,
    documents: sum(lines.map(({ documents }) => documents)),
    bytes: sum(lines.map(({ bytes }) => bytes)),
    windowsVerified: sum(lines.map(({ windowsVerified }) => windowsVerified)),
    retries: sum(lines.map(({ retries }) => retries)),
    repaired: sum(lines.map(({ repaired }) => repaired)),
    longestWriteWaitMs: holds.length === 0 ? null : Math.max(...holds),
    lost: sum(lines.map(({ lost }) => lost)),
  };
}

function unknownOf(moves: readonly ReportedMove[], planned: number, isUnpredicted: boolean): string[] {
  const untimed = moves.filter((move) => isSwitched(move.phase) && move.phases.DualWriteStopped === undefined).length;
  return [
    ...(moves.length < planned ? [`${planned - moves.length} of ${planned} moves: their records are not there`] : []),
    ...(untimed === 0 ? [] : [`the times of the phases of ${untimed} moves: they ran under an older version`]),
    ...(isUnpredicted ? ['what was predicted: it was over too soon, or ran under an older version'] : []),
  ];
}

/** From the first move on: until then the plan may have waited for its approval. */
function cameOut(shown: Shown, moves: readonly ReportedMove[], { documents }: ReportTotals, untilMs: number): CameOut {
  const begun = moves.flatMap(({ startedAtMs }) => startedAtMs ?? []);
  const took = begun.length === 0 ? 0 : seconds(untilMs - begun.reduce((first, atMs) => Math.min(first, atMs)));
  const { lowSeconds, highSeconds } = shown;
  const isUntold = lowSeconds === null || highSeconds === null;
  return { documents, seconds: took, isWithinRange: isUntold ? null : took >= lowSeconds && took <= highSeconds };
}

export interface ReportedPlan {
  readonly startedAtMs: number | null;
  readonly moves: number;
  readonly shown: Shown | null;
  readonly predicted: Prediction | null;
}

export function reportOf(plan: ReportedPlan, moves: readonly ReportedMove[], nowMs: number): PlanReport {
  const { startedAtMs, shown, predicted } = plan;
  const lines = moves.map(lineOf);
  const isSettled = moves.every(isOver);
  const overs = moves.flatMap((move) => overAtMs(move) ?? []);
  const untilMs = isSettled ? overs.reduce((last, atMs) => Math.max(last, atMs), startedAtMs ?? 0) : nowMs;
  const totals = totalsOf(moves, lines);
  const tookSeconds = predicted === null ? 0 : seconds(untilMs - predicted.atMs);
  return {
    totals,
    settledSeconds: startedAtMs === null ? null : seconds(untilMs - startedAtMs),
    isSettled,
    shown: shown === null ? null : { ...shown, actual: isSettled ? cameOut(shown, moves, totals, untilMs) : null },
    predicted,
    actual:
      predicted === null || !isSettled
        ? null
        : {
            documents: totals.documents,
            seconds: tookSeconds,
            isWithinRange: tookSeconds >= predicted.lowSeconds && tookSeconds <= predicted.highSeconds,
          },
    moves: lines,
    unknown: unknownOf(moves, plan.moves, isSettled && predicted === null),
  };
}
