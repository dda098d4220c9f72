/** The mover: which part of its work is next, and how another takes over at any step. */
import { Acting, publish, stop } from './acting.ts';
import { addCatchUpSteps, addCopySteps } from './carry.ts';
import { arrive } from './nodes.ts';
import { addSettleSteps } from './settle.ts';
import { PC, ROUTE, editMover, newMover, type State } from './state.ts';
import type { Steps } from './steps.ts';
import { at } from './world.ts';

export function addMoverSteps(steps: Steps, s: State): void {
  for (let m = 0; m < s.movers.length; m += 1) addOne(steps, s, m);
  addTakeOver(steps, s);
  // A hold that is over is put back by whoever sees it (R4); when that is, is not for anybody to rely on.
  if (s.route === ROUTE.held) {
    steps.add(s, 'anybody: the hold is over, back to tracking', 0, (next) => publish(next, ROUTE.tracking));
  }
}

/** The mover dies or freezes at any step; its successor begins from the records. */
function addTakeOver(steps: Steps, s: State): void {
  const m = s.movers.length - 1;
  const mover = at(s.movers, m);
  if (s.takeovers === 0 || mover.pc === PC.done) return;
  const succeed = (text: string, change: (next: State) => void): void => {
    steps.add(s, text, m, (next) => {
      change(next);
      next.takeovers -= 1;
      if (steps.guards.zombieBound && steps.guards.fence) stop(editMover(next, m));
      next.movers = [...next.movers, newMover(resumeAt(next), next.journal.length)];
    });
  };
  const { wire } = mover;
  if (wire === null || !steps.guards.zombieBound) {
    succeed('mover #: dies or freezes, another takes over', () => undefined);
    return;
  }
  succeed('mover #: dies or freezes, its request arrives, another takes over', (next) => arrive(steps, next, m, wire));
  succeed('mover #: dies or freezes, its request is lost, another takes over', (next) => {
    editMover(next, m).wire = null;
  });
}

function resumeAt(s: State): number {
  switch (s.route) {
    case ROUTE.stable:
      return PC.start;
    case ROUTE.tracking:
      return at([PC.trackingBarrier, PC.copyRead, PC.home], s.phase);
    case ROUTE.held:
      return PC.home;
    case ROUTE.settling:
      return PC.settleStart;
    case ROUTE.settled:
      return PC.settledBarrier;
    default:
      return PC.done;
  }
}

function addOne(steps: Steps, s: State, m: number): void {
  const acting = new Acting(steps, s, m);
  const { pc } = acting.mover;
  if (pc <= PC.copyWait) addCopySteps(acting);
  else if (pc <= PC.switch) addCatchUpSteps(acting);
  else addSettleSteps(acting);
}
