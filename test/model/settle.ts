/** The mover from the switch on: settling, the readers' switch, the deletion of the old copy. */
import { barrierPasses, clear, forget, publish, readAndSend, retry, takeIds, watch, type Acting } from './acting.ts';
import { PC, ROUTE, enqueue, type Mover, type State } from './state.ts';
import { SOURCE, TARGET, at } from './world.ts';

export function addSettleSteps(acting: Acting): void {
  const { pc } = acting.mover;
  if (pc <= PC.settleTake) addTaking(acting);
  else if (pc <= PC.settleWait) addCarrying(acting);
  else if (pc === PC.settleLate) addLateComparing(acting);
  else addEnding(acting);
}

function addTaking(acting: Acting): void {
  const { s, mover } = acting;
  const { guards } = acting.steps;
  if (mover.pc === PC.settleStart) {
    acting.node('mover #: takes both watermarks for settling', (next, mine) => {
      forget(mine);
      if (guards.settleWatermark) watch(next, mine, SOURCE);
      if (guards.targetWatermark) mine.mark = at(next.queues, TARGET).length;
      mine.pc = PC.settleTake;
    });
    return;
  }
  if (mover.watermark > 0) return;
  if (s.journal.some((attempt) => attempt > 0)) {
    acting.node('mover #: takes all of the journal', (next, mine) => {
      takeIds(next, mine, next.journal, guards.settleWait);
      mine.pc = PC.settleRead;
    });
  } else {
    acting.node('mover #: finds the journal empty', (_next, mine) => {
      forget(mine);
      mine.pc = PC.readers;
    });
  }
}

function addCarrying(acting: Acting): void {
  const { mover, m } = acting;
  const { guards } = acting.steps;
  switch (mover.pc) {
    case PC.settleRead:
      if (mover.watermark > 0) return;
      acting.node('mover #: reads the journal’s ids from the source and sends them', (next, mine) => {
        if (!guards.sendBeforeClear) clear(next, mine, guards.clearComparesAttempt);
        readAndSend(next, mine, m, mine.taken);
        mine.pc = PC.settleWait;
      });
      return;
    default:
      if (mover.task === 3 && guards.successBeforeClear) retry(acting, PC.settleRead);
      else if (mover.task === 2 || (mover.task > 0 && !guards.successBeforeClear)) addClearing(acting);
  }
}

function equal(s: State, taken: number): boolean {
  const source = at(s.contents, SOURCE);
  return at(s.contents, TARGET).every((content, id) => (taken & (1 << id)) === 0 || content === at(source, id));
}

/** Comparing and clearing are one step: in between, nothing changes the target's copy of an id in the journal. */
function addClearing(acting: Acting): void {
  const { s, mover } = acting;
  const { guards } = acting.steps;
  const compares = guards.compareBeforeClear && guards.successBeforeClear;
  if (compares && !equal(s, mover.taken)) {
    acting.node('mover #: finds a difference, does it again', (_next, mine) => toTake(mine));
    return;
  }
  acting.script('mover #: clears the settled entries', (next, mine) => {
    clear(next, mine, guards.clearComparesAttempt);
    if (guards.compareBeforeClear) toTake(mine);
    else mine.pc = PC.settleLate;
  });
}

/** Only with the guard off: compared after clearing, when clients may write the target already. */
function addLateComparing(acting: Acting): void {
  const { s, mover, m } = acting;
  if (equal(s, mover.taken)) {
    acting.node('mover #: finds both copies equal after clearing', (_next, mine) => toTake(mine));
    return;
  }
  acting.node('mover #: finds a difference after clearing and repairs it', (next, mine) => {
    readAndSend(next, mine, m, mine.taken);
    mine.pc = PC.settleWait;
  });
}

function toTake(mover: Mover): void {
  forget(mover);
  mover.pc = PC.settleTake;
}

function addEnding(acting: Acting): void {
  const { s, mover } = acting;
  const { guards, world } = acting.steps;
  switch (mover.pc) {
    case PC.readers:
      if (mover.mark > 0 || s.route !== ROUTE.settling) return;
      acting.script('mover #: publishes “settled”; readers switch', (next, mine) => {
        forget(mine);
        publish(next, ROUTE.settled);
        next.settledEpoch = next.epoch;
        mine.pc = PC.settledBarrier;
      });
      return;
    case PC.settledBarrier:
      if (guards.settledBarrier && !barrierPasses(s, s.epoch)) return;
      acting.node('mover #: the barrier of “settled” passes; the last audit', (next, mine) => {
        mine.pc = PC.cleanUp;
        if (world.audit && next.stray) next.reported = true;
        if (world.stays) return;
        enqueue(next, SOURCE, { by: 'cleanUp' });
        watch(next, mine, SOURCE);
      });
      return;
    case PC.cleanUp:
      if (mover.watermark > 0 || s.route !== ROUTE.settled) return;
      acting.script('mover #: publishes “stable”', (next, mine) => {
        publish(next, ROUTE.ended);
        forget(mine);
        mine.pc = PC.done;
      });
      return;
    default:
  }
}
