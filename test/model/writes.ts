/** A client's write in a router: choose a table, journal or look up, send, be accepted, confirm, answer (R2–R9). */
import { ROUTE, ROUTE_NAMES, STEP, editWrite, ownersIn, type State } from './state.ts';
import { isRegistered, list, listMissed, setOf, type Steps } from './steps.ts';
import { endTurn, isTurnFree, takeTurn } from './turns.ts';
import { at, idsOf } from './world.ts';

export function addWriteSteps(steps: Steps, s: State): void {
  for (let k = 0; k < s.writes.length; k += 1) {
    const { step } = at(s.writes, k);
    if (step === STEP.idle || step === STEP.waiting) addChoice(steps, s, k);
    else if (step === STEP.chosen) addSending(steps, s, k);
    else if (step === STEP.wire) addAnswers(steps, s, k);
    else if (step === STEP.accepted) addConfirming(steps, s, k);
  }
}

function isDeleteAll(steps: Steps, k: number): boolean {
  return at(steps.world.operations, k).kind === 'deleteAll';
}

/** With two owners, now or after the move, writes take turns. */
function takesTurns(steps: Steps, route: number): boolean {
  return steps.guards.turns && steps.world.stays && route !== ROUTE.stable;
}

/** The table as the router reads it: without the hold, `held` is no different from `tracking`. */
function isTracking(steps: Steps, route: number): boolean {
  return route === ROUTE.tracking || (!steps.guards.hold && route === ROUTE.held);
}

function addChoice(steps: Steps, s: State, k: number): void {
  const router = at(s.routers, at(steps.world.operations, k).router);
  if (!router.serving) return;
  const { route } = router;
  if (route === ROUTE.held && steps.guards.hold) return;
  if (route === ROUTE.settling && isDeleteAll(steps, k)) return;
  if (takesTurns(steps, route) && !isTurnFree(steps, s, k)) return;
  steps.add(s, `router: write # is chosen by the table “${at(ROUTE_NAMES, route)}”`, k, (next) => {
    const write = editWrite(next, k);
    // The call begins here at the latest: what was acknowledged before must come before it.
    if (write.step === STEP.idle)
      next.earlier = next.earlier.with(
        k,
        setOf(next, (each) => each.step === STEP.acknowledged),
      );
    write.step = STEP.chosen;
    write.epoch = router.epoch;
    write.route = route;
    write.registration = router.registration;
    write.attempt = 0;
    write.sent = 0;
    write.applied = 0;
    write.turnLost = false;
    const needsScript = isTracking(steps, route) || route === ROUTE.settling || takesTurns(steps, route);
    if (!needsScript) send(steps, next, k);
  });
}

function send(steps: Steps, s: State, k: number): void {
  const write = editWrite(s, k);
  write.step = STEP.wire;
  write.sent = ownersIn(write.route, steps.world);
  write.pending = write.sent;
}

/** It ends its choice: the table is chosen anew. */
function toWaiting(s: State, k: number): void {
  const begun = { step: STEP.waiting, epoch: 0, route: 0, registration: 0, attempt: 0, sent: 0, applied: 0 };
  Object.assign(editWrite(s, k), begun);
}

/** The script of R3, R4, R6 or R9, then the requests. A router frozen before the script may call it when it wakes. */
function addSending(steps: Steps, s: State, k: number): void {
  const write = at(s.writes, k);
  const passes = mayGoOn(steps, s, k) && (!takesTurns(steps, write.route) || isTurnFree(steps, s, k));
  if (!passes) {
    steps.add(s, 'router: write # is refused by the script, or has to wait', k, (next) => {
      toWaiting(next, k);
    });
    return;
  }
  const tracked = isTracking(steps, write.route);
  steps.add(
    s,
    tracked ? 'router: write # is journalled and sent' : 'router: write # is looked up and sent',
    k,
    (next) => {
      if (tracked) journal(steps, next, k);
      if (takesTurns(steps, write.route)) takeTurn(steps, next, k);
      send(steps, next, k);
    },
  );
}

function mayGoOn(steps: Steps, s: State, k: number): boolean {
  const { guards, world } = steps;
  const write = at(s.writes, k);
  const registered = isRegistered(at(s.routers, at(world.operations, k).router), write);
  if (isTracking(steps, write.route)) {
    return (!guards.appendCheck || isTracking(steps, s.route)) && (!guards.appendRegistration || registered);
  }
  if (takesTurns(steps, write.route) && !registered) return false;
  if (write.route !== ROUTE.settling || !guards.lookUp) return true;
  return s.route === ROUTE.settling && idsOf(world, k).every((id) => at(s.journal, id) === 0);
}

function journal(steps: Steps, s: State, k: number): void {
  const counted = isDeleteAll(steps, k);
  if (counted && !steps.guards.reverify) return;
  s.attempts += 1;
  editWrite(s, k).attempt = s.attempts;
  if (counted) s.counts = [...s.counts, s.attempts];
  else s.journal = s.journal.with(at(steps.world.operations, k).id, s.attempts);
}

function addAnswers(steps: Steps, s: State, k: number): void {
  const { world } = steps;
  const write = at(s.writes, k);
  const router = at(s.routers, at(world.operations, k).router);
  if (write.pending === 0 && world.slowAnswers) {
    steps.add(s, 'router: write # has its 202s and is marked', k, (next) => {
      editWrite(next, k).step = STEP.accepted;
      endTurn(next, k);
    });
  } else if (write.pending === 0) addConfirming(steps, s, k);
  if (s.giveUps === 0) return;
  if (router.serving && router.registration === write.registration) {
    steps.add(s, 'router: write # is given up, outcome unknown', k, (next) => {
      next.giveUps -= 1;
      listMissed(next, world, k);
      endTurn(next, k);
      editWrite(next, k).step = STEP.unknown;
    });
  } else if (!isRegistered(router, write)) {
    steps.add(s, 'router: has died with write #', k, (next) => {
      next.giveUps -= 1;
      if (steps.guards.deadWritesListed && write.route === ROUTE.stable) list(next, world, k);
      editWrite(next, k).step = STEP.unknown;
    });
  }
}

/** R8. A router that died instead of answering is the second step. */
function addConfirming(steps: Steps, s: State, k: number): void {
  const { world, guards } = steps;
  const write = at(s.writes, k);
  const router = at(s.routers, at(world.operations, k).router);
  const unbroken = router.serving && router.registration === write.registration;
  const sure =
    !guards.confirmAfterAccepted ||
    (unbroken && (!guards.confirmOwners || ownersIn(router.route, world) === write.sent));
  if (sure && !write.turnLost) {
    steps.add(s, 'router: write # has its 202s and is acknowledged to the client', k, (next) => {
      endTurn(next, k);
      editWrite(next, k).step = STEP.acknowledged;
    });
  } else {
    if (router.serving) {
      steps.add(s, 'router: write # is not sure, will be sent again', k, (next) => {
        endTurn(next, k);
        toWaiting(next, k);
      });
    }
    steps.add(s, 'router: write # is not sure, answered 503', k, (next) => {
      endTurn(next, k);
      listMissed(next, world, k);
      editWrite(next, k).step = STEP.unknown;
    });
  }
  if (write.step === STEP.accepted && s.giveUps > 0 && !isRegistered(router, write)) {
    steps.add(s, 'router: has died with write # accepted', k, (next) => {
      next.giveUps -= 1;
      editWrite(next, k).step = STEP.unknown;
    });
  }
}
