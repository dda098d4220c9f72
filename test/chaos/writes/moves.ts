// What became of the moves, from the audit stream: how many ended in which way, how long writes were held for each, and
// how long each settled. Redis time throughout.
import type { Redis } from 'ioredis';

export interface MoveFigures {
  readonly done: number;
  readonly cancelled: number;
  readonly failed: number;
  /** From the hold that led to the switch, to the switch. */
  readonly holdMs: readonly number[];
  /** From the switch until readers changed over. */
  readonly settleMs: readonly number[];
  /** Holds that led to no switch. */
  readonly holdsInVain: number;
}

export async function moveFigures(client: Redis): Promise<MoveFigures> {
  const outcomes = { done: 0, cancelled: 0, failed: 0 };
  const holdMs: number[] = [];
  const settleMs: number[] = [];
  let holds = 0;
  const heldAt = new Map<string, number>();
  const switchedAt = new Map<string, number>();
  for (const [id, fields] of await client.xrange('{miroir}:audit', '-', '+')) {
    const atMs = Number(id.split('-')[0]);
    const entry = Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, at) => [fields[2 * at] ?? '', fields[2 * at + 1] ?? '']),
    );
    const { what = '', move } = entry;
    if (move === undefined) continue;
    if (what === 'held') {
      holds += 1;
      heldAt.set(move, atMs);
    } else if (what === 'settling') {
      holdMs.push(atMs - (heldAt.get(move) ?? atMs));
      switchedAt.set(move, atMs);
    } else if (what === 'DualWriteStopped') settleMs.push(atMs - (switchedAt.get(move) ?? atMs));
    else if (what === 'done' || what === 'cancelled' || what === 'failed') outcomes[what] += 1;
  }
  return { ...outcomes, holdMs, settleMs, holdsInVain: holds - holdMs.length };
}

export function quantiles(some: readonly number[]): { p50: number; p99: number; max: number } {
  const sorted = [...some].sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}
