/**
 * How fast a plan is and when its shards will be on their new owners, from what Redis keeps of it: no process has to have
 * seen the plan from its start. The grace of old copies comes on top, and is in no figure here.
 */
import { mean, quantile, sum } from './statistics.ts';

/** What a plan had brought about at a moment. */
export interface Sample {
  readonly atMs: number;
  /** Documents copied so far. */
  readonly documents: number;
  /** Moves that are settled, or ended before. */
  readonly over: number;
}

/** A move that has begun and is not settled. */
export interface RunningMove {
  /** Of the shard; null before they are counted. */
  readonly documents: number | null;
  readonly copied: number;
  readonly startedAtMs: number;
  /** When copying began and ended; null: not yet. */
  readonly copyAtMs: number | null;
  readonly copiedAtMs: number | null;
}

/** Sums over the moves of the plan that are settled. */
export interface Settled {
  readonly moves: number;
  readonly documents: number;
  /** From their starts to their being settled, and how much of that was copying. */
  readonly lastedMs: number;
  readonly copyMs: number;
}

export interface PlanHistory {
  readonly nowMs: number;
  readonly startedAtMs: number | null;
  /** When a document was copied, or a move got over, last. */
  readonly progressAtMs: number | null;
  /** Documents that all of its moves were to carry when it was planned; null: nobody has counted them. */
  readonly planned: number | null;
  /** Moves that are neither settled nor have ended. */
  readonly left: number;
  readonly running: readonly RunningMove[];
  readonly settled: Settled;
  /** Oldest first; the last one is as of `progressAtMs`. */
  readonly samples: readonly Sample[];
}

export interface Eta {
  /** Documents a second, over the last minute; null before there are three samples. */
  readonly ratePerSecond: number | null;
  /** Documents that are still to be copied; those of moves that have not begun as they were counted, else as of those that have. */
  readonly documentsLeft: number | null;
  /** Until every shard is settled, without any grace; null: `etaNote` says why. */
  readonly etaSeconds: number | null;
  readonly etaLowSeconds: number | null;
  readonly etaHighSeconds: number | null;
  readonly etaNote: string | null;
  /** How long nothing has got on (ms); null while something does. */
  readonly stalledMs: number | null;
}

const WINDOW_MS = 60_000;
const SAMPLES_MIN = 3;
/** So many settled moves tell what the others will cost; before that the flow of documents tells better. */
const TELLING = 3;
const STALLED_MS = 30_000;
/** What follows the copy of a move, where none has settled yet: at least this, and what came before the copy once more. */
const ENDING_MS = 400;
/** A range is never wider than this to either side: a rate that was nothing for a while says nothing of later. */
const SPREAD_MAX = 3;

/** Samples of the last minute before the newest one, and the one before these. */
function recent(samples: readonly Sample[]): readonly Sample[] {
  const newest = samples.at(-1)?.atMs ?? 0;
  const first = samples.findIndex(({ atMs }) => atMs >= newest - WINDOW_MS);
  return first < 0 ? [] : samples.slice(Math.max(0, first - 1));
}

/** Documents a second of stretches of a quarter of the samples each: single samples jump with every window. */
function stretchRates(samples: readonly Sample[]): number[] {
  const length = Math.max(1, Math.floor(samples.length / 4));
  const rates: number[] = [];
  for (let at = length; at < samples.length; at += 1) {
    const [from, to] = [samples[at - length], samples[at]] as [Sample, Sample];
    if (to.atMs > from.atMs) rates.push(((to.documents - from.documents) * 1_000) / (to.atMs - from.atMs));
  }
  return rates.sort((a, b) => a - b);
}

/** Documents a second between the first and the last of them; null for fewer than three. */
export function rateOf(samples: readonly Sample[], nowMs: number): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || samples.length < SAMPLES_MIN) return null;
  // A pause since the last one counts: nothing was copied in it.
  const lastMs = Math.max(last.atMs, nowMs - STALLED_MS >= last.atMs ? nowMs : last.atMs);
  return lastMs <= first.atMs ? null : (Math.max(0, last.documents - first.documents) * 1_000) / (lastMs - first.atMs);
}

interface Cost {
  /** Enough moves have settled: what they took is what the others will take. */
  readonly isTold: boolean;
  /** Documents of a shard. */
  readonly documents: number;
  readonly msPerDocument: number;
  /** Documents that this was learned from. */
  readonly copied: number;
  /** What a move lasts beside its copying: before it and after it. */
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** What a move of the plan costs, by those that have begun; null while none was counted. */
function costOf({ nowMs, settled, running }: PlanHistory): Cost | null {
  const counted = running.flatMap(({ documents }) => documents ?? []);
  if (settled.moves + counted.length === 0) return null;
  // What windows under way carry is not counted as copied yet: those that are settled tell better, once there are some.
  const isTold = settled.moves >= TELLING && settled.documents >= sum(running.map((move) => move.copied));
  const tells = isTold ? [] : running;
  const copied = settled.documents + sum(tells.map((move) => move.copied));
  const copying = tells.flatMap(({ copyAtMs, copiedAtMs }) =>
    copyAtMs === null ? [] : Math.max(0, (copiedAtMs ?? nowMs) - copyAtMs),
  );
  const beforeMs = mean(
    running.flatMap(({ copyAtMs, startedAtMs }) => (copyAtMs === null ? [] : copyAtMs - startedAtMs)),
  );
  const beside = settled.moves === 0 ? null : (settled.lastedMs - settled.copyMs) / settled.moves;
  return {
    isTold,
    documents: (settled.documents + sum(counted)) / (settled.moves + counted.length),
    copied,
    msPerDocument: copied === 0 ? 0 : (settled.copyMs + sum(copying)) / copied,
    beforeMs,
    afterMs: beside === null ? Math.max(beforeMs, ENDING_MS) : Math.max(0, beside - beforeMs),
  };
}

/** Documents of a move that has not begun: what the plan was counted to carry and no other move does, where it was counted. */
function restOf({ planned, left, running, settled }: PlanHistory, cost: Cost): number {
  const notBegun = left - running.length;
  if (planned === null || notBegun <= 0) return cost.documents;
  const others = settled.documents + sum(running.map((move) => move.documents ?? cost.documents));
  return Math.max(0, planned - others) / notBegun;
}

/** What is left of a move that has begun (ms of its own). */
function leftOf(
  { documents, copied, copyAtMs, copiedAtMs, startedAtMs }: RunningMove,
  cost: Cost,
  nowMs: number,
): number {
  if (copiedAtMs !== null) return Math.max(0, cost.afterMs - (nowMs - copiedAtMs));
  const size = documents ?? cost.documents;
  const byDocuments = Math.max(0, size - copied) * cost.msPerDocument;
  // Windows under way are on neither side of what was copied, but time has gone by for them.
  const byTime = copyAtMs === null ? byDocuments : Math.max(0, size * cost.msPerDocument - (nowMs - copyAtMs));
  const copyMs = (byDocuments + Math.min(byDocuments, byTime)) / 2;
  const beforeMs = copyAtMs === null ? Math.max(0, cost.beforeMs - (nowMs - startedAtMs)) : 0;
  return beforeMs + copyMs + cost.afterMs;
}

/** Moves at work at a time: as many as now, or as in the mean since the plan began. */
function width({ nowMs, startedAtMs, settled, running, left }: PlanHistory): number {
  const sinceMs = nowMs - (startedAtMs ?? nowMs);
  const busyMs = settled.lastedMs + sum(running.map((move) => nowMs - move.startedAtMs));
  return Math.max(1, Math.min(left, Math.max(running.length, sinceMs <= 0 ? 0 : busyMs / sinceMs)));
}

const UNKNOWN = { etaSeconds: null, etaLowSeconds: null, etaHighSeconds: null };

export function etaOf(history: PlanHistory): Eta {
  const { nowMs, startedAtMs, progressAtMs, left, running, samples } = history;
  const window = recent(samples);
  const ratePerSecond = rateOf(window, nowMs);
  const cost = costOf(history);
  const notBegun = Math.max(0, left - running.length);
  const documentsLeft =
    left === 0
      ? 0
      : cost === null
        ? null
        : Math.round(
            sum(running.map((move) => Math.max(0, (move.documents ?? cost.documents) - move.copied))) +
              notBegun * restOf(history, cost),
          );
  const stillMs = startedAtMs === null ? 0 : nowMs - Math.max(startedAtMs, progressAtMs ?? 0);
  const stalledMs = left > 0 && stillMs >= STALLED_MS ? stillMs : null;
  const told = { ratePerSecond, documentsLeft, stalledMs };
  if (left === 0) return { ...told, etaSeconds: 0, etaLowSeconds: 0, etaHighSeconds: 0, etaNote: null };
  if (stalledMs !== null) return { ...told, ...UNKNOWN, etaNote: 'stalled' };
  if (cost === null) return { ...told, ...UNKNOWN, etaNote: 'no move has counted its documents yet' };
  // Of moves without documents nobody learns what a document costs.
  if (cost.copied === 0 && (documentsLeft ?? 0) > 0)
    return { ...told, ...UNKNOWN, etaNote: 'no document was copied yet' };
  if (ratePerSecond === null) return { ...told, ...UNKNOWN, etaNote: 'estimating: fewer than three samples' };

  const longest = Math.max(0, ...running.map((move) => leftOf(move, cost, nowMs)));
  const isFlow = !cost.isTold && (documentsLeft ?? 0) > 0 && ratePerSecond > 0;
  const ms = Math.max(
    longest,
    isFlow
      ? byFlow(history, cost, (documentsLeft ?? 0) / ratePerSecond)
      : byMoves(history, cost) * slowdown(history, window),
  );
  const rates = stretchRates(window);
  const [p20, p50, p80] = [0.2, 0.5, 0.8].map((share) => quantile(rates, share)) as [number, number, number];
  const lower = p80 > 0 ? Math.min(SPREAD_MAX, Math.max(1, p80 / p50)) : 1;
  const higher = p20 > 0 ? Math.min(SPREAD_MAX, Math.max(1, p50 / p20)) : SPREAD_MAX;
  return {
    ...told,
    etaSeconds: tenths(ms),
    etaLowSeconds: tenths(ms / lower),
    etaHighSeconds: tenths(ms * higher),
    etaNote: null,
  };
}

/** By what moves of the plan took: those at work go on, the others follow in their places. */
function byMoves(history: PlanHistory, cost: Cost): number {
  const { nowMs, running, left } = history;
  const notBegun = Math.max(0, left - running.length);
  const copyMs = restOf(history, cost) * cost.msPerDocument;
  const one = cost.beforeMs + copyMs + cost.afterMs;
  const lanes = width(history);
  const work = sum(running.map((move) => leftOf(move, cost, nowMs))) + notBegun * one;
  // The last moves end one after the other. What they copy shares the nodes, and is faster with fewer; the rest is not.
  const tail = notBegun > 0 ? ((one - copyMs) * (lanes - 1)) / (2 * lanes) : 0;
  return work / lanes + tail;
}

/**
 * By how documents flow into all targets together. Windows under way count on neither side, so it does not take the time that
 * the first ones need for what a document costs. Beside their copying moves hold the flow up only while no other one copies.
 */
function byFlow(history: PlanHistory, cost: Cost, flowSeconds: number): number {
  const { running, left } = history;
  const lanes = width(history);
  const besideMs = (Math.max(0, left - running.length) * (cost.beforeMs + cost.afterMs)) / (lanes * lanes);
  return flowSeconds * 1_000 + besideMs + cost.afterMs;
}

const tenths = (ms: number): number => Math.round(ms / 100) / 10;

/** How much slower than in the mean since its start the plan was in the last minute: a throttle, clients, a new worker. */
function slowdown({ samples, nowMs }: PlanHistory, window: readonly Sample[]): number {
  if (window.length === samples.length) return 1;
  const [overall, lately] = [rateOf(samples, nowMs), rateOf(window, nowMs)];
  if (overall === null || lately === null || overall === 0 || lately === 0) return 1;
  return Math.min(SPREAD_MAX, Math.max(1 / SPREAD_MAX, overall / lately));
}
