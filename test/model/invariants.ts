/** What must hold: of every state, and of those where everything is at rest. */
import { contentText } from './documents.ts';
import { PC, ROUTE, STEP, readersIn, type State } from './state.ts';
import { isOpen, knownWith, setOf, type Steps } from './steps.ts';
import { isAtWork, showsAll } from './routers.ts';
import { SOURCE, TARGET, at } from './world.ts';

export interface Violation {
  readonly kind: 'lost' | 'replicas' | 'read' | 'doubled' | 'I2' | 'I3' | 'stuck';
  readonly text: string;
}

/** What a client can see: losses, differing replicas, wrong reads. Never looks inside the protocol. */
export function lossIn(steps: Steps, s: State): Violation | null {
  if (s.fault.startsWith('read')) return { kind: 'read', text: s.fault };
  return wrongRead(steps, s) ?? lostAtRest(steps, s);
}

/** What only the protocol's own words can say. */
export function brokenInside(steps: Steps, s: State): Violation | null {
  if (s.fault.startsWith('I2')) return { kind: 'I2', text: s.fault };
  return clearedTooEarly(steps, s);
}

/** At the end nobody may be waiting: a state without a next step is one whose move has ended. */
export function stuckIn(s: State): Violation | null {
  const over = s.route === ROUTE.ended || (s.holds === 0 && s.route === ROUTE.tracking);
  if (over) return null;
  return { kind: 'stuck', text: 'nothing can happen, and the move has not ended' };
}

/** The owners' tasks are applied, no operation is under way, readers have switched. */
function isAtRest(steps: Steps, s: State): boolean {
  if (s.route < ROUTE.settled || isAtWork(s) || at(s.queues, TARGET).length > 0) return false;
  return !steps.world.stays || at(s.queues, SOURCE).length === 0;
}

function lostAtRest(steps: Steps, s: State): Violation | null {
  // A loss that the last audit reports is an operator's case, not a silent one.
  if (!isAtRest(steps, s) || s.reported) return null;
  if (steps.world.audit && at(s.movers, s.movers.length - 1).pc < PC.cleanUp) return null;
  const owners = steps.world.stays ? [SOURCE, TARGET] : [TARGET];
  const known = knownWith(
    s,
    setOf(s, (write) => write.step === STEP.acknowledged),
  );
  for (const node of owners) {
    const wrong = at(s.contents, node).findIndex((content, id) => !steps.explainer.explains(id, content, known));
    if (wrong < 0) continue;
    const text = `document ${wrong} is “${contentText(at(at(s.contents, node), wrong))}” on the ${node === SOURCE ? 'source' : 'target'}`;
    return { kind: 'lost', text: `${text}: no order of the acknowledged writes explains that` };
  }
  if (!steps.world.stays) return null;
  const differs = at(s.contents, SOURCE).findIndex((content, id) => {
    const excused = (s.listed & (1 << id)) !== 0 || at(s.turns, id) !== 0;
    return !excused && content !== at(at(s.contents, TARGET), id);
  });
  return differs < 0
    ? null
    : { kind: 'replicas', text: `document ${differs} differs between its owners, on no repair list` };
}

/** I7: a read on a node that the router's table allows, now. */
function wrongRead(steps: Steps, s: State): Violation | null {
  const { world, guards } = steps;
  if (!world.checksReads) return null;
  const must = setOf(s, (write) => write.succeeded);
  for (let r = 0; r < s.routers.length; r += 1) {
    const router = at(s.routers, r);
    if (!router.serving) continue;
    const readers = readersIn(router.route, world);
    for (const node of [SOURCE, TARGET]) {
      if ((readers & (1 << node)) === 0 || showsAll(steps, s, node, must)) continue;
      return { kind: 'read', text: `router ${r} reads a node that misses what was reported as succeeded (I7)` };
    }
    if (!guards.readFilter && isDoubled(s)) {
      return { kind: 'doubled', text: `router ${r} searches both nodes and sees a document twice (I7)` };
    }
  }
  return null;
}

function isDoubled(s: State): boolean {
  return at(s.contents, SOURCE).some((content, id) => content !== 0 && at(at(s.contents, TARGET), id) !== 0);
}

/** I3: after the copy, what is acknowledged and not in the journal is on the target. */
function clearedTooEarly(steps: Steps, s: State): Violation | null {
  if (s.phase < 2 || s.route > ROUTE.held || s.counts.length > 0) return null;
  const known = knownWith(
    s,
    setOf(s, (write) => write.step === STEP.acknowledged),
  );
  const wrong = s.journal.findIndex(
    (attempt, id) => attempt === 0 && !steps.explainer.explains(id, at(at(s.contents, TARGET), id), known),
  );
  if (wrong < 0 || s.writes.some((_, k) => isOpen(s, steps.world, k))) return null;
  return { kind: 'I3', text: `document ${wrong} is not in the journal, and the target lacks what was acknowledged` };
}
