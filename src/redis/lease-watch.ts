/**
 * Watches all leases, so that a successor counts its wait from the last renewal that it saw itself instead of from its
 * own grant: after a crash that saves most of the wait.
 */
import type { Clock, Logger } from '../ports.ts';
import { messageOf } from '../errors.ts';
import { keys } from './keys.ts';
import type { Scripts } from './scripts.ts';

export interface LeaseWatch {
  /** Ms since this process saw the lease change to (fence, seq), by its own monotonic clock; null when it did not. */
  sinceMs(scope: string, fence: string, seq: string): number | null;
  stop(): void;
}

interface Sight {
  readonly version: string;
  readonly seenAtMs: number;
}

/** The newest sight of a lease, and the one before: our own grant may be seen before its answer is worked on. */
type Sights = readonly [Sight, ...Sight[]];

export function watchLeases(options: { scripts: Scripts; clock: Clock; everyMs: number; logger: Logger }): LeaseWatch {
  const { scripts, clock, everyMs, logger } = options;
  let sights = new Map<string, Sights>();
  let stopped = false;
  let cancel: () => void = () => undefined;

  const look = async (): Promise<void> => {
    // Before the request: what it shows may have changed the moment after.
    const askedAtMs = clock.monotonic();
    try {
      const values = await scripts.run('leases-observe', [keys.leases], [keys.leasePrefix]);
      const next = new Map<string, Sights>();
      for (let at = 0; at + 4 < values.length; at += 5) {
        const scope = values[at] ?? '';
        const version = `${values[at + 1]}/${values[at + 2]}`;
        const before = sights.get(scope);
        // A change seen now happened since the last look, at the latest now: count from the answer's arrival.
        const sight: Sight = { version, seenAtMs: clock.monotonic() };
        next.set(scope, before?.[0].version === version ? before : [sight, ...(before ?? []).slice(0, 1)]);
      }
      sights = next;
    } catch (error) {
      logger.debug({ problem: messageOf(error), afterMs: clock.monotonic() - askedAtMs }, 'leases not observed');
    }
    if (!stopped) cancel = clock.timer(everyMs * (0.9 + 0.2 * clock.random()), () => void look());
  };
  void look();

  return {
    sinceMs(scope, fence, seq) {
      const sight = sights.get(scope)?.find(({ version }) => version === `${fence}/${seq}`);
      return sight === undefined ? null : clock.monotonic() - sight.seenAtMs;
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
