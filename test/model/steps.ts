/** What can happen next: collected from nodes, routers and movers, with what follows at once from each step. */
import type { Explainer, Known } from './documents.ts';
import type { Guards } from './guards.ts';
import {
  ROUTE,
  STEP,
  copyOf,
  editRouter,
  editWrite,
  ownersIn,
  readersIn,
  type Router,
  type State,
  type Write,
} from './state.ts';
import { SOURCE, TARGET, at, idsOf, type World } from './world.ts';

export interface Step {
  /** `#` stands for the subject. */
  readonly text: string;
  readonly subject: number;
  readonly next: State;
}

export class Steps {
  readonly world: World;
  readonly guards: Guards;
  readonly explainer: Explainer;
  readonly all: Step[] = [];

  constructor(world: World, guards: Guards, explainer: Explainer) {
    this.world = world;
    this.guards = guards;
    this.explainer = explainer;
  }

  /** Adds a step: `change` works on a copy of `s`. */
  add(s: State, text: string, subject: number, change: (next: State) => void): void {
    const next = copyOf(s);
    change(next);
    this.#follow(next);
    this.all.push({ text, subject, next });
  }

  /**
   * What only ever helps somebody else to go on is done at once: whoever waits for it may still wait longer, so that no
   * order of steps is lost. Routers acknowledge as soon as they may; a client hears `succeeded` as soon as it is true.
   */
  #follow(s: State): void {
    for (let r = 0; r < s.routers.length; r += 1) {
      const router = at(s.routers, r);
      if (router.serving && router.live && router.acknowledged < router.epoch && this.#drained(s, r)) {
        editRouter(s, r).acknowledged = router.epoch;
      }
    }
    for (let k = 0; k < s.writes.length; k += 1) {
      const write = at(s.writes, k);
      if (this.world.checksReads && !write.succeeded && this.#hasSucceeded(s, write)) {
        Object.assign(editWrite(s, k), { succeeded: true, sent: 0, applied: 0 });
      }
      if (write.step >= STEP.acknowledged && write.pending === 0 && write.epoch > 0) {
        forgetSending(editWrite(s, k), this.world.checksReads);
      }
    }
  }

  #drained(s: State, r: number): boolean {
    if (!this.guards.drainBeforeAck) return true;
    const router = at(s.routers, r);
    if (router.reading !== 0 && router.readEpoch < router.epoch) return false;
    return s.writes.every((write, k) => {
      if (at(this.world.operations, k).router !== r || !isInFlight(write) || write.epoch >= router.epoch) return true;
      return !this.guards.countsOutliveRegistration && write.registration !== router.registration;
    });
  }

  /** I11, as far as a router can know it: from the table and the registry. */
  #hasSucceeded(s: State, write: Write): boolean {
    if (write.step !== STEP.acknowledged || write.failed) return false;
    if (this.guards.ownersInSucceeded && (write.sent & ~write.applied) !== 0) return false;
    let readers = readersIn(s.route, this.world);
    const late = s.routers.some((router) => router.live && router.acknowledged < s.settledEpoch);
    if (late) readers |= 1 << SOURCE;
    // A reader that it was not sent to has it all the same when it is the target: settling brought it there.
    const bySettling = (write.sent & (1 << TARGET)) === 0 && s.route >= ROUTE.settled ? 1 << TARGET : 0;
    return (readers & ~write.applied & ~bySettling) === 0;
  }
}

function forgetSending(write: Write, keepsApplied: boolean): void {
  write.epoch = 0;
  write.route = 0;
  write.registration = 0;
  write.attempt = 0;
  if (keepsApplied) return;
  write.sent = 0;
  write.applied = 0;
}

export function isInFlight(write: Write): boolean {
  return write.step === STEP.chosen || write.step === STEP.wire;
}

/** The registration by which the write was sent still has its entry. */
export function isRegistered(router: Router, write: Write): boolean {
  return router.live && router.registration === write.registration;
}

/** An attempt is open until its router marks it or its registration is gone. */
export function isOpen(s: State, world: World, k: number): boolean {
  const write = at(s.writes, k);
  if (write.step !== STEP.wire || write.attempt === 0) return false;
  return isRegistered(at(s.routers, at(world.operations, k).router), write);
}

/** Puts a write's documents on the repair lists. Which owner's is not told apart: a listed document may differ. */
export function list(s: State, world: World, k: number): void {
  for (const id of idsOf(world, k)) s.listed |= 1 << id;
}

/** Lists for every owner that it was sent to and that still is one. */
export function listMissed(s: State, world: World, k: number): void {
  if ((at(s.writes, k).sent & ownersIn(s.route, world)) !== 0) list(s, world, k);
}

export function setOf(s: State, of: (write: Write) => boolean): number {
  return s.writes.reduce((set, write, k) => (of(write) ? set | (1 << k) : set), 0);
}

export function knownWith(s: State, must: number): Known {
  const failed = setOf(s, (write) => write.failed);
  return { must: must & ~failed, may: setOf(s, (write) => write.touched), failed, earlier: s.earlier };
}
