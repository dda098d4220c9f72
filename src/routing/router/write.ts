/**
 * One client write, until every part of it is on a quorum of its owners. A loop over what is left: choose the newest
 * table for all parts at once (they are in flight from then on), prepare them, send those that are ready, and let the
 * others wait outside of any choice and choose anew (R2).
 */
import { setMaxListeners } from 'node:events';
import { type MiroirError, NoQuorumError, OutcomeUnknownError, RouterUnconfirmedError } from '../../errors.ts';
import type { Clock, Logger, NodeAnswer, RepairLists, RouterObserver } from '../../ports.ts';
import type { WriteOptions } from '../api.ts';
import type { Bell } from './bell.ts';
import { stepOf } from './choice.ts';
import type { Delivery, Fate } from './deliver.ts';
import { givenUp, refusedInPart } from './given-up.ts';
import type { HoldEnder } from './hold-ender.ts';
import type { InFlight } from './in-flight.ts';
import { PartQueue, type Pending } from './part-queue.ts';
import { PartWaits } from './part-waits.ts';
import type { RouterLimits } from './parts.ts';
import type { Payload } from './payload.ts';
import { placeBell } from './places.ts';
import type { Places, WriteSize } from './places.ts';
import { type Chosen, type Preparation, turnBell } from './prepare.ts';
import type { Registration, Session } from './registration.ts';
import { hasMoves, type Snapshot, tableBell, type Tables } from './tables.ts';
import type { WaitingRoom, WaitWhy } from './waits.ts';
import type { WriteResult, WrittenPart } from './written.ts';

export interface WriteParts {
  readonly registration: Registration;
  readonly tables: Tables;
  readonly inFlight: InFlight;
  readonly preparation: Preparation;
  readonly delivery: Delivery;
  readonly places: Places;
  readonly room: WaitingRoom;
  readonly holds: HoldEnder;
  readonly repairs: RepairLists;
  readonly bell: Bell;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: RouterObserver;
  readonly limits: RouterLimits;
}

/** Choices under way at a time: while shards move, little is in flight of any one write, so that a hold is short. */
const ROUNDS_MOVING = 2;
const ROUNDS = 4;
/** Sent again as often as this when owners change under it (R8). */
const SENDS_MAX = 5;
const DELAY_MS_MAX = 5_000;
const ROUND_WAIT_MS = 60_000;
/** One for all: making a reason takes its stack, which a small write would pay for. */
const OVER = new Error('the write is over');

export class WriteRun {
  readonly #parts: WriteParts;
  readonly #payload: Payload;
  readonly #call: WriteOptions;
  readonly #stop = new AbortController();
  readonly #queue: PartQueue;
  readonly #rounds = new Set<Promise<void>>();
  readonly #written: WrittenPart[] = [];
  readonly #shortGroups = new Set<number>();
  readonly #waits: PartWaits;
  readonly #size: WriteSize;
  #refusal: NodeAnswer | null = null;
  #failure: MiroirError | null = null;
  #hasBegun = false;
  #unconfirmedMs: number | null = null; // since when there is no registration to go on under
  #isPartial = false; // any node may have some of it

  constructor(parts: WriteParts, payload: Payload, call: WriteOptions) {
    this.#parts = parts;
    this.#payload = payload;
    this.#call = call;
    // Every part that waits listens until it waits no more, so that many at a time are no leak.
    for (const one of [call.signal, this.#stop.signal]) setMaxListeners(0, one);
    this.#queue = new PartQueue(payload.parts);
    const bytes = payload.parts.reduce((sum, part) => sum + part.bytes, 0);
    this.#size = bytes > parts.limits.smallBytes ? 'large' : 'small';
    this.#waits = new PartWaits({
      ...parts,
      index: payload.index,
      queue: this.#queue,
      signal: this.#stop.signal,
      onDue: () => this.#wake(),
      onFailure: (failure) => this.#fail(failure),
    });
  }

  /** Throws errors of ours, or the signal's reason; nothing is sent any more then. */
  async run(): Promise<WriteResult> {
    try {
      await this.#loop();
    } finally {
      this.#stop.abort(OVER);
      // The client went away: requests that are on their way hold what it sent until their own time is over.
      if (this.#rounds.size > 0) this.#call.onHeld?.(Promise.allSettled(this.#rounds));
      await Promise.all(this.#queue.all().map(({ place }) => this.#parts.preparation.leave(place)));
    }
    const refusal = this.#refusal;
    if (refusal !== null && !this.#isPartial) return { kind: 'refused', answer: refusal };
    this.#failure ??= refusal && refusedInPart(refusal, this.#payload.index);
    if (this.#failure !== null)
      throw await givenUp(this.#parts, this.#payload, this.#queue.all(), this.#failure, this.#isPartial);
    return {
      kind: 'written',
      parts: this.#written,
      shortGroups: [...this.#shortGroups].sort((a, b) => a - b),
    };
  }

  async #loop(): Promise<void> {
    for (;;) {
      this.#call.signal.throwIfAborted();
      if (!this.#isOver && this.#startRound()) continue;
      if (this.#rounds.size === 0 && (this.#isOver || this.#queue.isEmpty)) return;
      await this.#parts.bell.wait([this], ROUND_WAIT_MS, this.#call.signal);
    }
  }

  /** Nothing more is begun: it failed, or the client went away. */
  get #isOver(): boolean {
    return this.#failure !== null || this.#refusal !== null || this.#stop.signal.aborted;
  }

  /** Starts a round with as many parts as one request may hold; false when there is none to start. */
  #startRound(): boolean {
    const { registration, tables, limits } = this.#parts;
    let session: Session;
    let snapshot: Snapshot;
    try {
      session = registration.session();
      snapshot = tables.get(this.#payload.index);
    } catch (error) {
      this.#missSession(error);
      return false;
    }
    this.#unconfirmedMs = null;
    const isMoving = hasMoves(snapshot);
    if (this.#rounds.size >= (isMoving ? ROUNDS_MOVING : ROUNDS)) return false;
    const some = this.#queue.take(isMoving ? limits.requestBytesMoving : limits.requestBytes);
    if (some.length === 0) return false;
    const round = this.#round(some, session, snapshot).finally(() => {
      this.#rounds.delete(round);
      this.#wake();
    });
    this.#rounds.add(round);
    this.#hasBegun = true;
    return true;
  }

  /** A write that has begun waits a little for the next registration; one that comes meanwhile is told at once. */
  #missSession(error: unknown): void {
    const { clock, limits, registration } = this.#parts;
    const nowMs = clock.monotonic();
    this.#unconfirmedMs ??= nowMs;
    const isBrief = this.#hasBegun && nowMs - this.#unconfirmedMs < limits.busyMs;
    if (!(error instanceof RouterUnconfirmedError) || !isBrief) return this.#fail(error as MiroirError);
    void registration
      .confirmed(this.#stop.signal)
      .catch(() => undefined)
      .then(() => this.#wake());
  }

  /** Never rejects. Nothing waits between choosing and being counted: this runs up to the first script call at once. */
  async #round(some: readonly Pending[], session: Session, snapshot: Snapshot): Promise<void> {
    const chosen = new Map<Chosen, Pending>();
    for (const pending of some) {
      const route = snapshot.table.shards[pending.part.shard];
      if (route === undefined) {
        this.#waits.begin(pending, 'reread', []);
        continue;
      }
      const release = this.#parts.inFlight.begin(this.#payload.index, 'write', [route]);
      const one: Chosen = { part: pending.part, route, snapshot, session, release, turn: null, attempt: null };
      const why = this.#whyNot(one, pending);
      if (why === null) chosen.set(one, pending);
      else this.#endChoice(one, pending, why);
    }
    const nodes = [...new Set([...chosen.keys()].flatMap(({ route }) => route.owners))];
    if (nodes.length === 0) return;
    if (!this.#parts.places.take(nodes, this.#size)) {
      for (const [one, pending] of chosen) this.#endChoice(one, pending, 'places');
      return;
    }
    const prepared = await this.#prepare(chosen);
    const ready = this.#isOver ? [] : prepared;
    if (this.#isOver) await Promise.all(prepared.map((one) => this.#giveUp(one)));
    const needed = new Set(ready.flatMap(({ route }) => route.owners));
    for (const node of nodes) if (!needed.has(node)) this.#parts.places.give(node, this.#size);
    if (ready.length === 0) return;
    for (const one of ready) for (const owner of one.route.owners) chosen.get(one)?.sentTo.add(owner);
    await this.#parts.delivery.send(this.#payload, this.#size, ready, (one, fate) => {
      const pending = chosen.get(one);
      if (pending !== undefined) this.#takeFate(one, pending, fate);
    });
  }

  async #prepare(chosen: ReadonlyMap<Chosen, Pending>): Promise<Chosen[]> {
    const results = await Promise.all(
      [...chosen].map(async ([one, pending]) => {
        const { result, place } = await this.#parts.preparation.prepare(
          this.#payload,
          one,
          pending.place,
          pending.wait?.why === 'gate' ? this.#parts.clock.monotonic() - pending.wait.sinceMs : 0,
        );
        pending.place = place;
        if (result !== 'ready') this.#endChoice(one, pending, result);
        return result === 'ready' ? one : null;
      }),
    );
    return results.filter((one) => one !== null);
  }

  /** Nothing of it was sent. */
  async #giveUp(one: Chosen): Promise<void> {
    await this.#parts.preparation.end(one, []);
    one.release();
  }

  /** What can be said without a script call. */
  #whyNot({ route }: Chosen, pending: Pending): WaitWhy | null {
    const step = stepOf(route, this.#payload.kind);
    if (step.kind === 'wait') return step.why;
    if ((route.delayMs ?? 0) > 0 && !pending.isDelayed) {
      pending.isDelayed = true;
      return 'delay';
    }
    return null;
  }

  /** A part that has to wait is in flight no more, and chooses anew afterwards. */
  #endChoice(one: Chosen, pending: Pending, why: WaitWhy): void {
    one.release();
    const { index } = this.#payload;
    const { shard, owners } = one.route;
    const names = [why === 'turn' ? turnBell(index, shard) : tableBell(index)];
    if (why === 'places') names.push(...owners.map((owner) => placeBell(owner, this.#size)));
    if (why === 'held') this.#parts.holds.watch(index, one.route);
    const delayMs = why === 'delay' ? Math.min(DELAY_MS_MAX, one.route.delayMs ?? 0) : 0;
    this.#waits.begin(pending, why, why === 'delay' ? [] : names, delayMs);
  }

  #takeFate(one: Chosen, pending: Pending, fate: Fate): void {
    const { part, route } = one;
    const { index } = this.#payload;
    pending.problem = 'why' in fate ? fate.why : '';
    if (fate.kind === 'refused' ? fate.isPartial : fate.kind !== 'busy') this.#isPartial = true;
    const details = { index, shard: part.shard };
    switch (fate.kind) {
      case 'written':
        this.#queue.done(pending);
        this.#written.push({ part, owners: route.owners, accepted: fate.accepted, stampMs: fate.stampMs });
        for (const group of fate.shortGroups) this.#shortGroups.add(group);
        return;
      case 'busy':
        return this.#waits.begin(pending, 'busy', [], fate.afterMs);
      case 'again':
        pending.sends += 1;
        pending.wait = null;
        this.#queue.putBack(pending);
        if (pending.sends < SENDS_MAX) return;
        return this.#fail(
          new OutcomeUnknownError(`the owners of shard ${part.shard} change all the time`, { details }),
        );
      case 'refused':
        this.#refusal ??= fate.answer;
        return;
      case 'no quorum':
        return this.#fail(
          new NoQuorumError(`no replica group took the write of shard ${part.shard}: ${fate.why}`, {
            remedy: 'send it again: what owners missed is on their repair lists',
            details,
          }),
        );
      case 'unknown':
        return this.#fail(new OutcomeUnknownError(`shard ${part.shard}: ${fate.why}`, { details }));
    }
  }

  #fail(failure: MiroirError): void {
    this.#failure ??= failure;
    this.#wake();
  }

  #wake(): void {
    this.#parts.bell.ring(this);
  }
}
