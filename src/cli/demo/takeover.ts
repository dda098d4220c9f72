/** Killing in the middle of moves, the worker that does them or a gateway, and seeing who goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isSwitched } from '../../core/move.ts';
import { InvariantError, TimeoutError } from '../../errors.ts';
import type { MoveState } from '../../ports.ts';
import type { Clients } from './clients.ts';
import type { DemoFleet, DemoWorker } from './fleet.ts';

export interface Takeover {
  readonly killed: DemoWorker;
  readonly successor: DemoWorker;
  /** From the kill until the successor was granted the lease (ms). */
  readonly leaseMs: number;
  /** From the kill until a move went on (ms). */
  readonly actingMs: number;
}

export interface MiddleInput {
  readonly fleet: DemoFleet;
  readonly planId: string;
  /** Documents that the plan moves. */
  readonly documents: number;
  readonly signal: AbortSignal;
}

export interface TakeoverInput extends MiddleInput {
  readonly index: string;
  readonly onKill: (worker: DemoWorker, movesRunning: number) => void;
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

const movesOf = async ({ fleet: { control }, planId }: MiddleInput): Promise<readonly MoveState[]> =>
  control.records.moves(await control.records.planMoveIds(planId));

/** How many moves run in the middle of the plan; 0 when it ended before anybody saw it there. */
async function untilMiddle(input: MiddleInput): Promise<number> {
  for (;;) {
    const moves = await movesOf(input);
    if (moves.length > 0 && moves.every(hasEnded)) return 0;
    const copied = moves.reduce((sum, move) => sum + move.docsMigrated, 0);
    const running = moves.filter(isRunning).length;
    if (running > 0 && copied >= input.documents * SHARE) return running;
    await sleep(LOOK_MS, undefined, { signal: input.signal });
  }
}

export interface Switchover {
  readonly killed: DemoWorker;
  /** From the kill until every client was answered by another gateway (ms). */
  readonly elsewhereMs: number;
}

/** Also when everything has moved already: clients must not notice then either. */
export async function killGateway(
  input: MiddleInput & {
    readonly clients: Clients;
    readonly onKill: (gateway: DemoWorker, movesRunning: number) => void;
  },
): Promise<Switchover> {
  const { fleet, clients, onKill, signal } = input;
  const running = await untilMiddle(input);
  const [killed] = fleet.gateways;
  if (killed === undefined) throw new InvariantError('clients without a gateway');
  fleet.kill(killed);
  const killedAtMs = performance.now();
  onKill(killed, running);
  await clients.untilElsewhere(0, signal);
  return { killed, elsewhereMs: performance.now() - killedAtMs };
}

/** Null when everything had moved before anybody could be killed: a plan of very few documents. */
export async function killInTheMiddle(input: TakeoverInput): Promise<Takeover | null> {
  const { fleet, index, onKill, signal } = input;
  const { control, workers } = fleet;
  const look = (): Promise<readonly MoveState[]> => movesOf(input);
  let killed: DemoWorker | undefined;
  while (killed === undefined) {
    const running = await untilMiddle(input);
    if (running === 0) return null;
    killed = workerOf(await control.holderOf(index), workers);
    if (killed === undefined) await sleep(LOOK_MS, undefined, { signal });
    else {
      fleet.kill(killed);
      onKill(killed, running);
    }
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
