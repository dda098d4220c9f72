/** What a mover may do, and the moves that copying, catching up and settling share. */
import type { Content } from './documents.ts';
import { PC, editMover, type Mover, type State } from './state.ts';
import type { Steps } from './steps.ts';
import { SOURCE, at } from './world.ts';

export function publish(s: State, route: number): void {
  s.epoch += 1;
  s.route = route;
}

/** Every live router has acknowledged this epoch. */
export function barrierPasses(s: State, epoch: number): boolean {
  return s.routers.every((router) => !router.live || router.acknowledged >= epoch);
}

/** The mover's requests to nodes and Redis' scripts, as far as this mover still may. */
export class Acting {
  readonly steps: Steps;
  readonly s: State;
  readonly m: number;
  readonly mover: Mover;
  readonly #older: boolean;

  constructor(steps: Steps, s: State, m: number) {
    this.steps = steps;
    this.s = s;
    this.m = m;
    this.mover = at(s.movers, m);
    this.#older = m + 1 < s.movers.length;
  }

  /** A step with requests to nodes: not for an older mover, whose requests have ended. */
  node(text: string, change: (next: State, mover: Mover) => void): void {
    if (this.#older && this.steps.guards.zombieBound) return;
    this.#add(text, change);
  }

  /** A step that ends in a script: refused to an older fence. */
  script(text: string, change: (next: State, mover: Mover) => void): void {
    if (this.#older && this.steps.guards.fence) {
      this.#add('mover #: is refused by the fence', (_next, mover) => stop(mover));
      return;
    }
    this.#add(text, change);
  }

  #add(text: string, change: (next: State, mover: Mover) => void): void {
    this.steps.add(this.s, text, this.m, (next) => change(next, editMover(next, this.m)));
  }
}

export function stop(mover: Mover): void {
  mover.pc = PC.dead;
  mover.mark = 0;
  forget(mover);
}

export function forget(mover: Mover): void {
  mover.taken = 0;
  mover.attempts = mover.attempts.map(() => 0);
  mover.counts = [];
  mover.watermark = 0;
  mover.watched = SOURCE;
  mover.task = 0;
}

/** What a node has accepted so far is to be applied before going on. */
export function watch(s: State, mover: Mover, node: number): void {
  mover.watched = node;
  mover.watermark = at(s.queues, node).length;
}

/** Reads the source's present contents of these ids and puts them on the wire to the target. */
export function readAndSend(s: State, mover: Mover, m: number, ids: number): void {
  const contents: Content[] = at(s.contents, SOURCE).map((content, id) => ((ids & (1 << id)) === 0 ? 0 : content));
  mover.wire = { by: 'mover', mover: m, ids, contents };
  mover.task = 0;
}

/** A failed task is seen, and what it should have done is done again. */
export function retry(acting: Acting, pc: number): void {
  acting.node('mover #: sees its task failed', (_next, mine) => {
    mine.task = 0;
    mine.pc = pc;
  });
}

/** Takes ids with the source's watermark, which taken later would only be stricter. */
export function takeIds(next: State, mine: Mover, attempts: readonly number[], waits: boolean): void {
  forget(mine);
  mine.attempts = attempts.slice();
  mine.taken = attempts.reduce((set, attempt, id) => (attempt === 0 ? set : set | (1 << id)), 0);
  if (waits) watch(next, mine, SOURCE);
}

/** Clears what was taken, where nothing newer came in. */
export function clear(next: State, mine: Mover, compares: boolean): void {
  next.journal = next.journal.map((attempt, id) => {
    if ((mine.taken & (1 << id)) === 0 || at(mine.attempts, id) === 0) return attempt;
    return !compares || attempt === at(mine.attempts, id) ? 0 : attempt;
  });
  next.counts = next.counts.filter((count) => !mine.counts.includes(count));
}
