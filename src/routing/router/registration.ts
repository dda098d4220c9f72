/**
 * Being a router that others wait for (R1): registers first, then reads the tables, then serves; confirms at least every
 * second; stops when it has not confirmed for `routerLapseMs`, and then registers again under a new id.
 */
import { RedisTime } from '../../core/redis-time.ts';
import { stopwatch } from '../../core/stopwatch.ts';
import { messageOf, RouterUnconfirmedError } from '../../errors.ts';
import type { Acknowledged, Clock, Logger, Registry, RouterObserver } from '../../ports.ts';
import type { Bell } from './bell.ts';
import type { InFlight } from './in-flight.ts';
import type { Tables } from './tables.ts';

/** One registration from its first good confirmation until it lapses; a break ends it for good. */
export interface Session {
  readonly id: string;
  /** Looks at both clocks: whether the registration is confirmed now, and was without a break. */
  isLive(): boolean;
}

export interface RegistrationOptions {
  readonly registry: Registry;
  readonly tables: Tables;
  readonly inFlight: InFlight;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: RouterObserver;
  readonly bell: Bell;
  readonly name: string;
  readonly lapseMs: number;
}

/** Confirmations in one lapse: one that is lost, and one more, cost nothing. */
const CONFIRMS_PER_LAPSE = 6;
const CONFIRM_MS_MAX = 1_000;
/** After a failure, so that callers who ask for a confirmation make no loop of it. */
const FAILURE_MS_MAX = 50;
const WAKE = 'confirm';
const CONFIRMED = 'confirmed';
const CLOSED = 'closed';

class OpenSession implements Session {
  readonly id: string;
  readonly run: string;
  readonly #lapseMs: number;
  #elapsed: () => number;
  #isEnded = false;

  constructor(id: string, run: string, lapseMs: number, elapsed: () => number) {
    this.id = id;
    this.run = run;
    this.#lapseMs = lapseMs;
    this.#elapsed = elapsed;
  }

  isLive(): boolean {
    if (!this.#isEnded && this.#elapsed() >= this.#lapseMs) this.#isEnded = true;
    return !this.#isEnded;
  }

  /** A good confirmation, counted from when it was sent. One that comes after the end does not revive. */
  confirmed(elapsed: () => number): boolean {
    if (!this.isLive()) return false;
    this.#elapsed = elapsed;
    return this.isLive();
  }

  end(): void {
    this.#isEnded = true;
  }
}

export class Registration {
  readonly #options: RegistrationOptions;
  /** Between two confirmations. */
  readonly confirmMs: number;
  #isClosed = false;
  #stopNudges: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #session: OpenSession | null = null;
  /** Sent with a registration that was not answered; nothing was served under it, so it is sent again. */
  #openId: string | null = null;
  #registrations = 0;
  /** What was handed in with the last confirmation, by index. */
  #handedIn: Readonly<Record<string, Acknowledged>> = {};
  #isWoken = false;
  #begun = 0;
  #ended = 0;
  /** The newest one that was good. */
  #good = 0;
  #problem = 'not registered yet';
  /** As each confirmation tells it. */
  readonly redisTime = new RedisTime();

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.confirmMs = Math.min(CONFIRM_MS_MAX, options.lapseMs / CONFIRMS_PER_LAPSE);
  }

  start(): void {
    this.#stopNudges = this.#options.registry.onNudge(() => this.confirmSoon());
    this.#running = this.#run();
  }

  /** The session under which may be served now. Throws `RouterUnconfirmedError`. */
  session(): Session {
    if (this.#session?.isLive() === true) return this.#session;
    throw new RouterUnconfirmedError(`this router has not confirmed its routing tables: ${this.#problem}`, {
      remedy: 'send it again in a moment',
    });
  }

  /** The registration under which is served now; null while none is. */
  id(): string | null {
    return this.#session?.isLive() === true ? this.#session.id : null;
  }

  /** Null while it serves, else why not. */
  problem(): string | null {
    return this.#session?.isLive() === true ? null : this.#problem;
  }

  /** Redis time now, never earlier than it really is. */
  redisNowMs(): number {
    return this.redisTime.latest(this.#options.clock.monotonic());
  }

  confirmSoon(): void {
    this.#isWoken = true;
    this.#options.bell.ring(WAKE);
  }

  /** Something is over: confirms at once where a barrier may be waiting for it. */
  requestsOver(index: string): void {
    if (this.#handedIn[index]?.late !== undefined) this.confirmSoon();
  }

  /** Resolves after a confirmation that began after this call, good or not. */
  async confirmed(signal?: AbortSignal): Promise<void> {
    const wanted = this.#begun + 1;
    while (this.#ended < wanted && !this.#isClosed) {
      this.confirmSoon();
      await this.#options.bell.wait([CONFIRMED], this.confirmMs, signal);
    }
  }

  /**
   * Resolves after a good confirmation that began after this call: what the tables do not have then is not there. Throws
   * `RouterUnconfirmedError` after one that was not good.
   */
  async sure(signal?: AbortSignal): Promise<void> {
    const wanted = this.#begun + 1;
    await this.confirmed(signal);
    if (this.#good >= wanted) return;
    throw new RouterUnconfirmedError('this router could not look whether its routing tables are the newest', {
      remedy: 'send it again in a moment',
    });
  }

  /** Leaves the registry; nothing may be in flight any more. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#isClosed = true;
    this.#stopNudges();
    for (const name of [WAKE, CLOSED]) this.#options.bell.ring(name);
    await this.#running;
    if (session === null) return;
    this.#end('closed');
    await this.#options.registry.leave(session.id).catch((error: unknown) => {
      this.#options.logger.debug({ problem: messageOf(error) }, 'registration left to run out');
    });
  }

  async #run(): Promise<void> {
    const { bell, logger } = this.#options;
    while (!this.#isClosed) {
      this.#isWoken = false;
      this.#begun += 1;
      let isDone = false;
      try {
        isDone = !(await this.#step());
        if (this.problem() === null) this.#good = this.#begun;
      } catch (error) {
        if (this.problem() !== null) this.#problem = messageOf(error);
        logger.debug({ problem: messageOf(error) }, 'routing tables not confirmed, trying again');
        this.#announce();
        await bell.wait([CLOSED], Math.min(FAILURE_MS_MAX, this.confirmMs));
        continue;
      }
      this.#announce();
      if (isDone && !this.#isWoken && !this.#isClosed) await bell.wait([WAKE], this.confirmMs);
    }
  }

  #announce(): void {
    this.#ended = this.#begun;
    this.#options.bell.ring(CONFIRMED);
  }

  /** True when there is something to hand in or to do at once. */
  async #step(): Promise<boolean> {
    if (this.#session !== null && !this.#session.isLive()) this.#end('its tables lapsed');
    return this.#session === null ? this.#register() : this.#confirm(this.#session);
  }

  async #register(): Promise<boolean> {
    const { registry, tables, name, lapseMs, logger, observer } = this.#options;
    this.#openId ??= this.#newId();
    const id = this.#openId;
    const [elapsed, sentMs] = this.#send();
    const confirmation = await registry.register(id, name);
    this.redisTime.tell(confirmation.nowMs, sentMs, this.#options.clock.monotonic());
    await tables.update(confirmation.epochs, true);
    this.#openId = null;
    this.#handedIn = {};
    this.#session = new OpenSession(id, confirmation.run, lapseMs, elapsed);
    observer.registration('registered');
    logger.info({ registration: id, run: confirmation.run }, 'router registered');
    return true;
  }

  async #confirm(session: OpenSession): Promise<boolean> {
    const { registry, tables } = this.#options;
    const [elapsed, sentMs] = this.#send();
    this.#handedIn = this.#acknowledged();
    const confirmation = await registry.confirm(session.id, this.#handedIn);
    const toldMs = this.#options.clock.monotonic();
    // Ended while it was on its way.
    if (this.#session !== session) return true;
    if (confirmation === null) return this.#end('its entry is gone');
    if (confirmation.run !== session.run) return this.#end('Redis runs anew');
    if (!session.isLive()) return this.#end('its tables lapsed');
    this.redisTime.tell(confirmation.nowMs, sentMs, toldMs);
    const isChanged = await tables.update(confirmation.epochs, false);
    if (!session.confirmed(elapsed)) return this.#end('its tables lapsed');
    return isChanged || this.#hasNews();
  }

  /** Whether what is late by the last confirmation is not any more. */
  #hasNews(): boolean {
    const present = this.#acknowledged();
    return Object.entries(this.#handedIn).some(
      ([index, { late }]) => late !== undefined && JSON.stringify(present[index]?.late) !== JSON.stringify(late),
    );
  }

  #acknowledged(): Record<string, Acknowledged> {
    const { tables, inFlight } = this.#options;
    return inFlight.acknowledgedAll(tables.all().map(({ table }) => table));
  }

  #send(): readonly [() => number, number] {
    return [stopwatch(this.#options.clock), this.#options.clock.monotonic()];
  }

  #newId(): string {
    const { clock } = this.#options;
    this.#registrations += 1;
    const random = Math.floor(clock.random() * 2 ** 48).toString(36);
    return `${Math.trunc(clock.now()).toString(36)}-${random}-${this.#registrations}`;
  }

  #end(why: string): true {
    const session = this.#session;
    session?.end();
    this.#session = null;
    this.#problem = why;
    if (session !== null && !this.#isClosed) {
      this.#options.observer.registration('ended');
      this.#options.logger.warn({ registration: session.id, why }, 'router registers anew');
    }
    return true;
  }
}
