/** Killing the worker that moves shards, in the middle of it, and seeing who goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isSwitched } from '../../core/move.ts';
import { TimeoutError } from '../../errors.ts';
import type { MoveState } from '../../ports.ts';
import type { DemoFleet, DemoWorker } from './fleet.ts';

export interface Takeover {
  readonly killed: DemoWorker;
  readonly successor: DemoWorker;
  /** From the kill until the successor was granted the lease (ms). */
  readonly leaseMs: number;
  /** From the kill until a move went on (ms). */
  readonly actingMs: number;
}

export interface TakeoverInput {
  readonly fleet: DemoFleet;
  readonly index: string;
  readonly planId: string;
  /** Documents that the plan moves. */
  readonly documents: number;
  readonly onKill: (worker: DemoWorker, movesRunning: number) => void;
  readonly signal: AbortSignal;
}

/** In the middle: this share of the documents has been copied. */
const SHARE = 0.3;
const LOOK_MS = 20;
/** Takes 1.1 lease TTLs by design, some 11 s; a machine that is busy with other things gets the rest. */
const TAKEOVER_MS = 90_000;

const hasEnded = (move: MoveState): boolean => move.outcome !== undefined || isSwitched(move.phase);
const isRunning = (move: MoveState): boolean => !hasEnded(move) && move.phase !== 'Idle';
const stateOf = (moves: readonly MoveState[]): string =>
  JSON.stringify(moves.map(({ phase, docsMigrated, verifiedOffset }) => [phase, docsMigrated, verifiedOffset]));

/** `host/4711` → the worker with that process id. */
function workerOf(holder: string | null, workers: readonly DemoWorker[]): DemoWorker | undefined {
  const pid = Number(holder?.split('/').at(-1));
  return workers.find(({ process }) => process.child.pid === pid);
}

/** Null when everything had moved before anybody could be killed: a plan of very few documents. */
export async function killInTheMiddle(input: TakeoverInput): Promise<Takeover | null> {
  const { fleet, index, planId, documents, onKill, signal } = input;
  const { control, workers } = fleet;
  const { records } = control;
  const look = async (): Promise<readonly MoveState[]> => records.moves(await records.planMoveIds(planId));
  let killed: DemoWorker | undefined;
  while (killed === undefined) {
    const moves = await look();
    if (moves.length > 0 && moves.every(hasEnded)) return null;
    const copied = moves.reduce((sum, move) => sum + move.docsMigrated, 0);
    const running = moves.filter(isRunning).length;
    if (running > 0 && copied >= documents * SHARE) {
      killed = workerOf(await control.holderOf(index), workers);
      if (killed !== undefined) {
        fleet.kill(killed);
        onKill(killed, running);
      }
    }
    if (killed === undefined) await sleep(LOOK_MS, undefined, { signal });
  }
  const killedAtMs = performance.now();
  let successor: DemoWorker | undefined;
  let leaseMs = 0;
  let before = '';
  while (performance.now() - killedAtMs < TAKEOVER_MS) {
    const moves = await look();
    if (successor === undefined) {
      const holder = workerOf(await control.holderOf(index), workers);
      if (holder !== undefined && holder !== killed) {
        successor = holder;
        leaseMs = performance.now() - killedAtMs;
        // Read after the grant: what the killed one had sent before is not taken for the successor's.
        before = stateOf(moves);
      }
    } else if (stateOf(moves) !== before) {
      return { killed, successor, leaseMs, actingMs: performance.now() - killedAtMs };
    }
    await sleep(LOOK_MS, undefined, { signal });
  }
  throw new TimeoutError(`nobody took over within ${TAKEOVER_MS / 1_000} s after ${killed.name} was killed`, {
    remedy: 'report the last lines of the logs, which are above',
  });
}
