/**
 * The lease: one holder per scope, an ever-growing fence, and a holder that stops by its own clock before anybody else
 * can start. Nobody relies on Redis' expiry alone: a holder stops 0.6 TTL after the send time of its last good renewal,
 * a successor acts 1.1 TTL after the last renewal that it saw itself (docs/protocol.md, "The lease").
 */
import type { Clock, Lease, Leases, Logger, Observer } from '../ports.ts';
import type { Timings } from '../core/timing.ts';
import { LeaseLostError, messageOf } from '../errors.ts';
import type { LeaseWatch } from './lease-watch.ts';
import { keys, leaseKeptMs } from './keys.ts';
import type { Scripts } from './scripts.ts';
import { stopwatch } from '../core/stopwatch.ts';

export interface LeaseOptions {
  readonly scripts: Scripts;
  readonly clock: Clock;
  readonly timings: Timings;
  /** Who holds, for people: host and pid. */
  readonly holder: string;
  readonly watch: LeaseWatch;
  readonly logger: Logger;
  readonly observer: Observer;
  /** False where a predecessor has nothing on its way that a fence does not stop (the planner writes only to Redis). */
  readonly waits?: (scope: string) => boolean;
}

type Grant = { readonly fence: string; readonly how: string; readonly waitMs: number };

/** What scripts are told of it; nothing for ever. */
function keptFor(scope: string): readonly number[] {
  const keptMs = leaseKeptMs(scope);
  return keptMs === null ? [] : [keptMs];
}

interface Try {
  readonly nonce: string;
  readonly elapsed: () => number;
}

class HeldLease implements Lease {
  readonly scope: string;
  readonly fence: string;
  readonly ready: Promise<void>;
  readonly #options: LeaseOptions;
  readonly #controller = new AbortController();
  readonly #elapsed: () => number;
  /** On the lease's own stopwatch: when acting ends, by the send time of the last good renewal. */
  #stopAtMs: number;
  #ended = false;
  #readyAtMs: number;
  #cancelRenewal: () => void = () => undefined;
  #cancelWatchdog: () => void = () => undefined;

  constructor(options: LeaseOptions, scope: string, grant: Grant, elapsed: () => number) {
    this.#options = options;
    this.scope = scope;
    this.fence = grant.fence;
    this.#elapsed = elapsed;
    this.#stopAtMs = options.timings.selfStopMs;
    this.#readyAtMs = elapsed() + grant.waitMs;
    this.ready = grant.waitMs === 0 ? Promise.resolve() : options.clock.sleep(grant.waitMs, this.signal);
    // A lease may be lost before anybody waits for it; the loss itself is told through the signal.
    this.ready.catch(() => undefined);
    this.#watchdog();
    this.#scheduleRenewal(options.timings.renewMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  budgetMs(): number {
    this.signal.throwIfAborted();
    const { requestMs, marginMs } = this.#options.timings;
    const now = this.#elapsed();
    if (now < this.#readyAtMs) throw this.#loss('is not ready: a predecessor may still act');
    const left = this.#stopAtMs - now;
    if (left <= marginMs) {
      this.#options.observer.refused('lease');
      if (left <= 0) this.#lose('was not renewed in time');
      this.signal.throwIfAborted();
      throw this.#loss(`ends in ${Math.round(left)} ms`);
    }
    return Math.min(requestMs, left);
  }

  async release(clean: boolean): Promise<void> {
    if (this.#ended) return;
    const isReady = this.#elapsed() >= this.#readyAtMs;
    this.#end(this.#loss('was released'));
    if (!isReady) {
      // A predecessor may still act. Left to run out, the lease makes the next holder wait as this one had to.
      this.#options.logger.info(
        { scope: this.scope, fence: this.fence },
        'lease left to run out: it was not ready yet',
      );
      this.#options.observer.lease(this.scope, 'released');
      return;
    }
    const reply = await this.#options.scripts.try(
      'lease-release',
      [keys.lease(this.scope), keys.leases],
      [this.fence, clean ? 'clean' : 'dirty', this.scope],
    );
    this.#options.logger.info({ scope: this.scope, fence: this.fence, clean, reply }, 'lease released');
    this.#options.observer.lease(this.scope, 'released');
  }

  #loss(what: string): LeaseLostError {
    return new LeaseLostError(`lease ${this.scope} ${what}`, { details: { scope: this.scope, fence: this.fence } });
  }

  #end(reason: LeaseLostError): void {
    this.#ended = true;
    this.#cancelRenewal();
    this.#cancelWatchdog();
    this.#controller.abort(reason);
  }

  #lose(why: string): void {
    if (this.#ended) return;
    this.#end(this.#loss(why));
    this.#options.observer.lease(this.scope, 'lost');
    this.#options.logger.warn({ scope: this.scope, fence: this.fence, why }, 'lease lost');
  }

  /** Timers come late when the process was frozen; `budgetMs` and `#renew` compare clocks for themselves. */
  #watchdog(): void {
    this.#cancelWatchdog();
    this.#cancelWatchdog = this.#options.clock.timer(Math.max(0, this.#stopAtMs - this.#elapsed()), () => {
      if (this.#elapsed() >= this.#stopAtMs) this.#lose('was not renewed in time');
      else this.#watchdog();
    });
  }

  #scheduleRenewal(afterMs: number): void {
    this.#cancelRenewal = this.#options.clock.timer(afterMs, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { timings, scripts, logger, observer, clock } = this.#options;
    const sentAtMs = this.#elapsed();
    if (sentAtMs >= this.#stopAtMs) return this.#lose('was not renewed in time');
    try {
      const reply = await scripts.try(
        'lease-renew',
        [keys.lease(this.scope)],
        [this.fence, timings.ttlMs, ...keptFor(this.scope)],
      );
      if (this.#ended) return;
      if ('refused' in reply) return this.#lose(`was taken: ${reply.refused}`);
      // An answer that comes after the end does not revive: somebody else may rely on that end.
      if (this.#elapsed() >= this.#stopAtMs) return this.#lose('was renewed too late');
      this.#stopAtMs = sentAtMs + timings.selfStopMs;
      this.#watchdog();
      observer.lease(this.scope, 'renewed');
      this.#scheduleRenewal(timings.renewMs * (0.9 + 0.2 * clock.random()));
    } catch (error) {
      if (this.#ended) return;
      logger.warn({ scope: this.scope, problem: messageOf(error) }, 'lease not renewed, trying again');
      this.#scheduleRenewal(timings.renewMs / 4);
    }
  }
}

/** How long a new holder waits, by how the lease before it ended. */
function takeoverWait(
  options: LeaseOptions,
  scope: string,
  how: string,
  previous: { fence: string; seq: string },
): number {
  const { timings, watch } = options;
  if (how === 'clean' || options.waits?.(scope) === false) return 0;
  if (how === 'dirty') return timings.residueMs;
  const seenMs = how === 'expired' ? watch.sinceMs(scope, previous.fence, previous.seq) : null;
  return seenMs === null ? timings.takeoverMs : Math.max(0, timings.takeoverMs - seenMs);
}

export function createLeases(options: LeaseOptions): Leases {
  const { scripts, clock, timings, holder, logger, observer } = options;
  // Random too: two processes of one name (hosts share process ids with their containers) must not share a grant.
  const begin = (): Try => ({
    nonce: `${holder}/${clock.now()}/${clock.random()}`,
    // Started before the request is sent: whatever Redis counts from is later.
    elapsed: stopwatch(clock),
  });
  /** Tries whose answer did not come. Sent again as they were: else a grant that nobody knows of is waited out. */
  const unanswered = new Map<string, Try>();
  return {
    async acquire(scope) {
      const open = unanswered.get(scope);
      // Two callers never send one nonce, so a grant never has two holders.
      unanswered.delete(scope);
      const attempt = open !== undefined && open.elapsed() < timings.renewMs ? open : begin();
      const { nonce, elapsed } = attempt;
      let values: readonly string[];
      try {
        values = await scripts.run(
          'lease-acquire',
          [keys.lease(scope), keys.leases],
          [holder, nonce, timings.ttlMs, scope, ...keptFor(scope)],
        );
      } catch (error) {
        unanswered.set(scope, attempt);
        throw error;
      }
      if (values[0] === 'busy') {
        return { busy: { holder: values[1] ?? '', remainingMs: Number(values[2] ?? '0') } };
      }
      const [, fence = '', how = '', previousFence = '', previousSeq = ''] = values;
      const waitMs = takeoverWait(options, scope, how, { fence: previousFence, seq: previousSeq });
      logger.info({ scope, fence, how, waitMs: Math.round(waitMs) }, 'lease acquired');
      observer.lease(scope, 'acquired');
      return { lease: new HeldLease(options, scope, { fence, how, waitMs }, elapsed) };
    },
  };
}
