/** Watching a plan: one bar for the whole, one for each running move, and how fast it goes. */
import { type FollowOptions, type PlanProgress, followPlan } from '../../control/progress.ts';
import { etaOf } from '../../core/eta.ts';
import { type Phase, isSwitched } from '../../core/move.ts';
import type { MoveState } from '../../ports.ts';
import type { Control } from '../../service.ts';
import type { BarLine, Screen } from './screen.ts';

export interface Watched {
  readonly progress: PlanProgress;
  /** Windows that a successor sent again. */
  readonly repeated: number;
  /** From the event until every shard was served by its new owners (ms). */
  readonly settledMs: number;
  /** The time left as it was told when a tenth had been copied, and as it turned out; null: nothing could be told then. */
  readonly left: { readonly toldMs: number; readonly trueMs: number } | null;
}

export interface WatchInput {
  readonly control: Control;
  readonly screen: Screen;
  readonly planId: string;
  /** Documents that the plan moves. */
  readonly documents: number;
  /** When the event was sent, by `performance.now()`. */
  readonly sentAtMs: number;
  /** What else there is to say at the moment, or null. */
  readonly note: () => string | null;
  /** What clients do meanwhile, or null. */
  readonly clients: () => string | null;
  readonly signal: AbortSignal;
}

/** As many as one process runs at a time. */
const MOVES_SHOWN = 4;
/** A rate is worth showing once there are two samples this far apart, and forgets what is older than the second. */
const RATE_MIN_MS = 1_000;
const RATE_WINDOW_MS = 5_000;
/** Of the copy: then the time left is told once, and held against the truth at the end. */
const TOLD_AT = 0.1;
/** Nobody waits longer than this for a plan of the demo: a real node under load needs minutes, not a quarter hour. */
const PLAN_MS = 900_000;

/** What a move does now, by the phase that it has reached. */
const DOING: Readonly<Record<Phase, string>> = {
  Idle: 'waiting',
  DualWriteStarted: 'copying',
  MigrationInProgress: 'verifying',
  MigrationComplete: 'switching',
  DualWriteStopped: 'in grace',
  OldReplicaDeleted: 'done',
};

export const count = (value: number): string => Math.round(value).toLocaleString('en-US');

/** Documents a second over the last few seconds. */
class Rate {
  readonly #samples: { readonly atMs: number; readonly documents: number }[] = [];

  add(atMs: number, documents: number): void {
    this.#samples.push({ atMs, documents });
    while ((this.#samples[1]?.atMs ?? Infinity) < atMs - RATE_WINDOW_MS) this.#samples.shift();
  }

  get text(): string {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs - first.atMs < RATE_MIN_MS) return '';
    return `${count(((last.documents - first.documents) * 1_000) / (last.atMs - first.atMs))}/s`;
  }
}

const isRunning = (move: MoveState): boolean =>
  move.outcome === undefined && move.phase !== 'Idle' && !isSwitched(move.phase);

function moveLine(move: MoveState): BarLine {
  const { index, shard, source, target, phase, docsMigrated, documents } = move;
  const label = `${index}/${shard} ${source}→${target}`;
  if (documents === null) return { label, share: 0, text: 'starting' };
  const share = documents === 0 ? 1 : docsMigrated / documents;
  return { label, share, text: `${count(docsMigrated)}/${count(documents)}  ${DOING[phase]}` };
}

/** Each running move keeps its line until it is settled; a free line goes to the next one. */
class Lines {
  readonly #ids: (string | null)[] = Array.from({ length: MOVES_SHOWN }, () => null);

  of(moves: readonly MoveState[]): BarLine[] {
    const running = new Map(moves.filter(isRunning).map((move) => [move.id, move]));
    for (const [at, id] of this.#ids.entries()) if (id === null || !running.has(id)) this.#ids[at] = null;
    for (const id of running.keys()) {
      const free = this.#ids.indexOf(null);
      if (free < 0) break;
      if (!this.#ids.includes(id)) this.#ids[free] = id;
    }
    return this.#ids.map((id) => {
      const move = id === null ? undefined : running.get(id);
      return move === undefined ? { label: '', share: null, text: '' } : moveLine(move);
    });
  }
}

/** The time left as it is told at one moment. */
async function tellLeft(control: Control, planId: string): Promise<{ etaMs: number; atMs: number } | null> {
  const plan = await control.records.plan(planId);
  if (plan === null) return null;
  const atMs = performance.now();
  const { etaSeconds } = etaOf(await control.progress.of(plan));
  return etaSeconds === null ? null : { etaMs: etaSeconds * 1_000, atMs };
}

/** Resolves when the old copies are gone, too. Throws `TimeoutError`, and what the signal carries. */
export async function watchPlan(input: WatchInput): Promise<Watched> {
  const { control, screen, planId, documents, sentAtMs, note, clients, signal } = input;
  const rate = new Rate();
  const lines = new Lines();
  let settledMs: number | null = null;
  let repeated = 0;
  const telling: ReturnType<typeof tellLeft>[] = [];
  const onProgress: FollowOptions['onProgress'] = (progress, moves) => {
    const nowMs = performance.now();
    rate.add(nowMs, progress.docsMigrated);
    if (telling.length === 0 && progress.docsMigrated >= TOLD_AT * documents) telling.push(tellLeft(control, planId));
    repeated = moves.reduce((sum, move) => sum + move.windowsRepeated, 0);
    const isSettled = progress.settled === progress.moves;
    if (isSettled) settledMs ??= nowMs - sentAtMs;
    // What clients write while their shard moves is counted in as well.
    const whole = `${count(progress.docsMigrated)}/${count(Math.max(documents, progress.docsMigrated))} documents`;
    const remark = note();
    const written = clients();
    const speed = isSettled || remark !== null ? '' : rate.text;
    const state = isSettled
      ? `all settled, ${progress.cleaned}/${progress.moves} old copies deleted`
      : `${progress.settled}/${progress.moves} moves settled`;
    const share = documents === 0 ? 1 : progress.docsMigrated / documents;
    screen.bars(
      [
        { label: 'whole plan', share, text: [whole, speed].filter((part) => part !== '').join('  ') },
        { label: '', share: null, text: [state, remark].filter((part) => part !== null).join(' · ') },
        ...lines.of(moves),
        ...(written === null ? [] : [{ label: 'clients', share: null, text: written }]),
      ],
      [state, isSettled ? '' : whole, speed, remark ?? '', written ?? ''].filter((part) => part !== '').join(', '),
    );
  };
  try {
    const progress = await followPlan(control, planId, { until: 'cleaned', timeoutMs: PLAN_MS, signal, onProgress });
    const wholeMs = settledMs ?? performance.now() - sentAtMs;
    const told = (await telling[0]) ?? null;
    const left = told === null ? null : { toldMs: told.etaMs, trueMs: sentAtMs + wholeMs - told.atMs };
    return { progress, repeated, settledMs: wholeMs, left };
  } finally {
    await Promise.allSettled(telling);
    screen.clear();
  }
}
