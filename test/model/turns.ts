/** Turns (R9): one write at a time to a document that has, or will have, two owners. */
import { STEP, editWrite, type State } from './state.ts';
import { isRegistered, list, type Steps } from './steps.ts';
import { at, idsOf } from './world.ts';

/** Somebody may take over a turn whose registration is gone; its documents are listed then (R9). */
export function isTurnFree(steps: Steps, s: State, k: number): boolean {
  return idsOf(steps.world, k).every((id) => {
    const holder = at(s.turns, id) - 1;
    if (holder < 0 || holder === k) return true;
    const router = at(s.routers, at(steps.world.operations, holder).router);
    const write = at(s.writes, holder);
    return write.step === STEP.unknown || !isRegistered(router, write);
  });
}

export function takeTurn(steps: Steps, s: State, k: number): void {
  for (const id of idsOf(steps.world, k)) {
    const holder = at(s.turns, id) - 1;
    if (holder >= 0 && holder !== k) endTurnOf(steps, s, holder);
    s.turns = s.turns.with(id, k + 1);
  }
}

function endTurnOf(steps: Steps, s: State, holder: number): void {
  endTurn(s, holder);
  editWrite(s, holder).turnLost = true;
  list(s, steps.world, holder);
}

export function endTurn(s: State, k: number): void {
  s.turns = s.turns.map((holder) => (holder === k + 1 ? 0 : holder));
}
