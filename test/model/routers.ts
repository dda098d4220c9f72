/** Routers: their registration and table (R1, R2) and reads. What they do with writes is in writes.ts. */
import { STEP, editRouter, readersIn, type State } from './state.ts';
import { isInFlight, knownWith, setOf, type Steps } from './steps.ts';
import { SOURCE, TARGET, at } from './world.ts';

export function addRouterSteps(steps: Steps, s: State): void {
  for (let r = 0; r < s.routers.length; r += 1) {
    addTable(steps, s, r);
    addRegistration(steps, s, r);
    addSlowReads(steps, s, r);
  }
}

function readTable(s: State, r: number): void {
  const router = editRouter(s, r);
  router.epoch = s.epoch;
  router.route = s.route;
}

function addTable(steps: Steps, s: State, r: number): void {
  const router = at(s.routers, r);
  if (router.serving && router.epoch < s.epoch) {
    steps.add(s, 'router #: reads the table', r, (next) => readTable(next, r));
  }
}

function addRegistration(steps: Steps, s: State, r: number): void {
  const { guards } = steps;
  const router = at(s.routers, r);
  if (router.serving && router.live && s.lapses > 0 && r < steps.world.frail) {
    if (guards.lapse) {
      steps.add(s, 'router #: is frozen, its table lapses', r, (next) => {
        next.lapses -= 1;
        const mine = editRouter(next, r);
        mine.serving = false;
        // What it knew of the table is not used again: it reads it anew once it is registered.
        if (guards.registerFirst) Object.assign(mine, { epoch: 0, route: 0 });
      });
    } else {
      steps.add(s, 'router #: its entry ends while it serves', r, (next) => {
        next.lapses -= 1;
        editRouter(next, r).live = false;
      });
    }
  }
  if (router.serving) return;
  if (router.live) {
    steps.add(s, 'router #: its entry ends', r, (next) => {
      Object.assign(editRouter(next, r), { live: false, acknowledged: 0 });
    });
    return;
  }
  if (!guards.registerFirst && router.epoch < s.epoch) {
    steps.add(s, 'router #: reads the table before it registers', r, (next) => readTable(next, r));
  }
  if (!guards.registerFirst && router.epoch === 0) return;
  // Until it has read the table, a new entry only holds barriers up: both are one step.
  steps.add(
    s,
    guards.registerFirst ? 'router #: registers, reads the table, serves' : 'router #: registers, serves',
    r,
    (next) => {
      const mine = editRouter(next, r);
      mine.live = true;
      mine.serving = true;
      mine.registration += 1;
      mine.acknowledged = 0;
      if (guards.registerFirst) readTable(next, r);
    },
  );
}

/** A read that was chosen under one table and is done later. What it must show is what was known when it began. */
function addSlowReads(steps: Steps, s: State, r: number): void {
  const router = at(s.routers, r);
  if (router.reading === 0) {
    if (!router.serving || s.slowReads === 0) return;
    for (const node of [SOURCE, TARGET]) {
      if ((readersIn(router.route, steps.world) & (1 << node)) === 0) continue;
      steps.add(s, `router #: begins a read on the ${node === SOURCE ? 'source' : 'target'}`, r, (next) => {
        const mine = editRouter(next, r);
        next.slowReads -= 1;
        mine.reading = node + 1;
        mine.readEpoch = mine.epoch;
        mine.readRegistration = mine.registration;
        mine.readMust = setOf(next, (write) => write.succeeded);
      });
    }
    return;
  }
  const sameRun = router.serving && router.registration === router.readRegistration;
  const answers = sameRun || !steps.guards.confirmAfterRead;
  steps.add(s, answers ? 'router #: answers its read' : 'router #: drops its read', r, (next) => {
    const mine = editRouter(next, r);
    if (answers && !showsAll(steps, next, mine.reading - 1, mine.readMust)) {
      next.fault = 'read: misses what the client was told has succeeded (I7)';
    }
    mine.reading = 0;
  });
}

/** Does the node show these operations, now? */
export function showsAll(steps: Steps, s: State, node: number, must: number): boolean {
  const known = knownWith(s, must);
  return at(s.contents, node).every((content, id) => steps.explainer.explains(id, content, known));
}

/** Every operation of a router that is frozen for good ends in an unknown outcome: used to see whether a world is at rest. */
export function isAtWork(s: State): boolean {
  return s.writes.some((write) => isInFlight(write) || write.step === STEP.waiting || write.step === STEP.accepted);
}
