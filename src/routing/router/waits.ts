/** Parts of writes that cannot be sent now: why, how long at most, and how many at a time. */
import { NoQuorumError, OverloadedError, RouterUnconfirmedError, WriteWaitedError } from '../../errors.ts';
import type { MiroirError } from '../../errors.ts';
import type { RouterLimits } from './parts.ts';

export type WaitWhy =
  /** The switch of the shard is under way (R4). */
  | 'held'
  /** The document is being carried over (R4). */
  | 'settling'
  /** Another write of the document is under way (R9). */
  | 'turn'
  /** The mover is at its gate (R6). */
  | 'gate'
  /** The mover asks for slower writes. */
  | 'delay'
  /** The owners are busy or down. */
  | 'busy'
  /** As many requests as may are under way to an owner. */
  | 'places'
  /** The table is to be read again. */
  | 'reread';

/** How soon it is looked at again: first after, then after half as much more each time, at most. */
const LOOKS: Readonly<Record<WaitWhy, readonly [firstMs: number, mostMs: number]>> = {
  held: [2_000, 2_000],
  settling: [20, 100],
  turn: [3, 25],
  gate: [25, 100],
  delay: [0, 0],
  busy: [50, 500],
  places: [25, 50],
  reread: [1, 50],
};

export const lookAfterMs = (why: WaitWhy, looks: number): number => {
  const [firstMs, mostMs] = LOOKS[why];
  return Math.min(mostMs, firstMs * 1.5 ** looks);
};

export function longestMs(why: WaitWhy, limits: RouterLimits): number {
  switch (why) {
    case 'held':
      return limits.holdMs;
    case 'settling':
    case 'turn':
    case 'gate':
      return limits.settleMs;
    case 'delay':
      return Number.POSITIVE_INFINITY;
    case 'busy':
    case 'places':
    case 'reread':
      return limits.busyMs;
  }
}

/** What the client is told when the time is over and nothing of the part is anywhere. */
export function overdue(why: WaitWhy, index: string, shard: number, problem: string): MiroirError {
  const where = `shard ${shard} of index ${index}`;
  const details = { index, shard, why };
  const remedy = 'send it again in a moment';
  switch (why) {
    case 'busy':
      return new NoQuorumError(`no owner of ${where} takes writes now: ${problem}`, { remedy, details });
    case 'places':
      return new OverloadedError(`too many writes are under way to the owners of ${where}`, { remedy, details });
    case 'reread':
      return new RouterUnconfirmedError(`the routing table of ${where} could not be settled on`, { remedy, details });
    case 'held':
    case 'settling':
    case 'turn':
    case 'gate':
    case 'delay':
      return new WriteWaitedError(`a write to ${where} waited too long (${why})`, { remedy, details });
  }
}

/** Bounds what waits in this process. */
export class WaitingRoom {
  readonly #limits: Pick<RouterLimits, 'waitingParts' | 'waitingBytes'>;
  #parts = 0;
  #bytes = 0;

  constructor(limits: Pick<RouterLimits, 'waitingParts' | 'waitingBytes'>) {
    this.#limits = limits;
  }

  /** False: there is no room. One part is always let in, however large it is. */
  enter(bytes: number): boolean {
    const { waitingParts, waitingBytes } = this.#limits;
    if (this.#parts > 0 && (this.#parts >= waitingParts || this.#bytes + bytes > waitingBytes)) return false;
    this.#parts += 1;
    this.#bytes += bytes;
    return true;
  }

  leave(bytes: number): void {
    this.#parts -= 1;
    this.#bytes -= bytes;
  }

  get parts(): number {
    return this.#parts;
  }
}

export const roomFull = (): OverloadedError =>
  new OverloadedError('as many writes wait in this router as may', { remedy: 'send it again in a moment' });
