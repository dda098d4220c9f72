/** The mover up to the switch: tracking, the copy, catching up, the hold. */
import { Acting, barrierPasses, clear, forget, publish, readAndSend, retry, takeIds, watch } from './acting.ts';
import { ABSENT } from './documents.ts';
import { PC, ROUTE, type Mover, type State } from './state.ts';
import { isOpen } from './steps.ts';
import { SOURCE, at } from './world.ts';

export function addCopySteps(acting: Acting): void {
  const { s, mover, m } = acting;
  const { guards } = acting.steps;
  switch (mover.pc) {
    case PC.start:
      acting.script('mover #: publishes “tracking”', (next, mine) => {
        if (next.route === ROUTE.stable) publish(next, ROUTE.tracking);
        mine.pc = PC.trackingBarrier;
      });
      return;
    case PC.trackingBarrier:
      // The watermark is taken in the same step: taken later it would only be stricter.
      if (guards.trackingBarrier && !barrierPasses(s, s.epoch)) return;
      acting.node('mover #: the barrier of “tracking” passes; the source’s watermark is taken', (next, mine) => {
        if (guards.sourceWatermark) watch(next, mine, SOURCE);
        mine.pc = PC.copyRead;
      });
      return;
    case PC.copyRead:
      if (mover.watermark > 0) return;
      acting.node('mover #: reads a page from the source and sends it', (next, mine) => {
        next.phase = Math.max(next.phase, 1);
        const ids = at(next.contents, SOURCE).reduce(
          (set, content, id) => (content === ABSENT ? set : set | (1 << id)),
          0,
        );
        if (ids === 0) {
          toHome(next, mine);
          return;
        }
        readAndSend(next, mine, m, ids);
        mine.pc = PC.copyWait;
      });
      return;
    default:
      if (mover.task === 2) acting.script('mover #: notes that the copy is done', toHome);
      if (mover.task === 3) retry(acting, PC.copyRead);
  }
}

function toHome(s: State, mover: Mover): void {
  s.phase = 2;
  toWork(mover);
}

/** Entries whose newest attempt lies below every open one. */
function takeable(acting: Acting): readonly number[] {
  const { s, steps } = acting;
  let low = Infinity;
  if (steps.guards.openAttempts) {
    s.writes.forEach((write, k) => {
      if (isOpen(s, steps.world, k)) low = Math.min(low, write.attempt);
    });
  }
  return s.journal.map((attempt) => (attempt < low ? attempt : 0));
}

function openCounts(acting: Acting): readonly number[] {
  const { s, steps } = acting;
  return s.counts.filter((count) => s.writes.some((write, k) => write.attempt === count && isOpen(s, steps.world, k)));
}

export function addCatchUpSteps(acting: Acting): void {
  const { s, mover, m } = acting;
  const { guards } = acting.steps;
  switch (mover.pc) {
    case PC.home:
      addHomeSteps(acting);
      return;
    case PC.catchRead:
      if (mover.watermark > 0) return;
      acting.node('mover #: reads the taken ids from the source and sends them', (next, mine) => {
        if (!guards.sendBeforeClear) clear(next, mine, guards.clearComparesAttempt);
        readAndSend(next, mine, m, mine.taken);
        mine.pc = PC.catchWait;
      });
      return;
    case PC.catchWait:
      if (mover.task === 2 || (mover.task > 0 && !guards.successBeforeClear)) {
        acting.script('mover #: clears what it took', (next, mine) => {
          clear(next, mine, guards.clearComparesAttempt);
          toWork(mine);
        });
      } else if (mover.task === 3) retry(acting, PC.catchRead);
      return;
    case PC.heldBarrier:
      if (s.route !== ROUTE.held || s.epoch !== mover.holdEpoch) {
        acting.node('mover #: sees that the hold was over', (_next, mine) => toWork(mine));
      } else if (!guards.heldBarrier || barrierPasses(s, s.epoch)) {
        acting.node('mover #: the barrier of “held” passes', (_next, mine) => {
          mine.pc = PC.switch;
        });
      }
      return;
    default:
      if (
        (guards.switchCompares && (s.route !== ROUTE.held || s.epoch !== mover.holdEpoch)) ||
        (guards.switchCounts && s.counts.length > 0)
      ) {
        acting.script('mover #: the switch is refused', (_next, mine) => toWork(mine));
      } else if (s.route < ROUTE.settling) {
        acting.script('mover #: switches; the shard settles', (next, mine) => {
          publish(next, ROUTE.settling);
          mine.pc = PC.settleStart;
          mine.holdEpoch = 0;
        });
      }
  }
}

function toWork(mover: Mover): void {
  forget(mover);
  mover.pc = PC.home;
  mover.holdEpoch = 0;
}

function addHomeSteps(acting: Acting): void {
  const { s } = acting;
  const { guards, world } = acting.steps;
  if (s.route !== ROUTE.tracking) return;
  const attempts = takeable(acting);
  if (attempts.some((attempt) => attempt > 0)) {
    acting.node('mover #: takes journal entries', (next, mine) => {
      takeIds(next, mine, attempts, guards.catchUpWait);
      mine.pc = PC.catchRead;
    });
  }
  const open = guards.openCounts ? openCounts(acting) : [];
  const strays = world.audit && s.stray;
  if (s.counts.length > open.length || strays) {
    acting.node('mover #: begins a full verify', (next, mine) => {
      takeIds(next, mine, [], guards.reverifyWait);
      mine.taken = (1 << next.journal.length) - 1;
      mine.attempts = next.journal.map(() => 0);
      mine.counts = next.counts.filter((count) => !open.includes(count));
      next.stray = false;
      mine.pc = PC.catchRead;
    });
  }
  // The gate looks at counts, too, but one may be raised right after: only the switch's own look is relied on.
  if (!strays && s.holds > 0) {
    acting.script('mover #: publishes “held”', (next, mine) => {
      next.holds -= 1;
      publish(next, ROUTE.held);
      mine.holdEpoch = next.epoch;
      mine.pc = PC.heldBarrier;
    });
  }
}
