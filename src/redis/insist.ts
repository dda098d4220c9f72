/**
 * What must happen in Redis although its answer did not come: tried again until it is answered, or until the registration
 * that it concerns has surely ended, which ends what it left there.
 */
import { RedisUnreachableError } from '../errors.ts';
import type { Clock } from '../ports.ts';

const AGAIN_MS = 250;

export interface InsistOptions {
  readonly clock: Clock;
  /** How long a registration counts after its last confirmation (ms). */
  readonly entryMs: number;
}

export interface Insist {
  /**
   * Runs `call` and hands on what it says. When its outcome is unknown that is thrown, and `amends` is run in the
   * background until it is answered; it must be safe to repeat.
   */
  run<T>(call: () => Promise<T>, amends: () => Promise<unknown>): Promise<T>;
}

export function createInsist({ clock, entryMs }: InsistOptions): Insist {
  const later = (amends: () => Promise<unknown>, fromMs: number): void => {
    clock.timer(AGAIN_MS, () => {
      amends().catch((error: unknown) => {
        const isOver = !(error instanceof RedisUnreachableError) || clock.monotonic() - fromMs > entryMs;
        if (!isOver) later(amends, fromMs);
      });
    });
  };
  return {
    async run(call, amends) {
      try {
        return await call();
      } catch (error) {
        // Whatever was sent on this connection is carried out before what is sent on it later.
        if (error instanceof RedisUnreachableError) later(amends, clock.monotonic());
        throw error;
      }
    },
  };
}
