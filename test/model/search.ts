/** Breadth-first search over all states of a world: the first violation found is one of the shortest. */
import { Explainer } from './documents.ts';
import { guardsWithout } from './guards.ts';
import { brokenInside, lossIn, stuckIn, type Violation } from './invariants.ts';
import { keyOf } from './key.ts';
import { addMoverSteps } from './mover.ts';
import { addNodeSteps } from './nodes.ts';
import { addRouterSteps } from './routers.ts';
import { initialState, type State } from './state.ts';
import { Steps, type Step } from './steps.ts';
import { tellTrace } from './trace.ts';
import { at, type World } from './world.ts';
import { addWriteSteps } from './writes.ts';

export interface Result {
  readonly states: number;
  readonly steps: number;
  /** Steps of the longest shortest path. */
  readonly depth: number;
  readonly violation: Violation | null;
  /** How the violation comes about, a line for every step. */
  readonly trace: readonly string[];
  /** Every kind of step that was taken. */
  readonly taken: ReadonlySet<string>;
}

/** More states than this fail the search: a bound never passes for an answer. */
export const MOST_STATES = 1_500_000;

/** All guards must hold inside, too; with some off only what a client sees counts. */
export function search(world: World, mostStates: number = MOST_STATES): Result {
  const guards = guardsWithout(world.off);
  const explainer = new Explainer(world);
  const found = new Map<string, number>();
  const keys: string[] = [];
  const parents: number[] = [];
  const taken = new Set<string>();
  let steps = 0;
  let depth = 0;

  const next = (s: State): readonly Step[] => {
    const all = new Steps(world, guards, explainer);
    addNodeSteps(all, s);
    addRouterSteps(all, s);
    addWriteSteps(all, s);
    addMoverSteps(all, s);
    return all.all;
  };
  const judge = new Steps(world, guards, explainer);
  const violationOf = (s: State): Violation | null =>
    lossIn(judge, s) ?? (world.off.length === 0 ? brokenInside(judge, s) : null);
  const result = (violation: Violation | null, last: number): Result => {
    const trace = violation === null ? [] : tellTrace(initialState(world), pathTo(last, parents, keys), next);
    return { states: keys.length, steps, depth, violation, trace, taken };
  };

  let level: { s: State; index: number }[] = [{ s: initialState(world), index: 0 }];
  keys.push(keyOf(at(level, 0).s));
  found.set(at(keys, 0), 0);
  parents.push(-1);
  while (level.length > 0) {
    const following: { s: State; index: number }[] = [];
    for (const { s, index } of level) {
      const possible = next(s);
      if (possible.length === 0) {
        const stuck = stuckIn(s);
        if (stuck !== null && world.off.length === 0) return result(stuck, index);
      }
      for (const step of possible) {
        steps += 1;
        const key = keyOf(step.next);
        if (found.has(key)) continue;
        taken.add(step.text);
        found.set(key, keys.length);
        const here = keys.length;
        keys.push(key);
        parents.push(index);
        const violation = violationOf(step.next);
        if (violation !== null) return result(violation, here);
        if (keys.length > mostStates) throw new RangeError(`“${world.name}” has more than ${mostStates} states`);
        following.push({ s: step.next, index: here });
      }
    }
    if (following.length > 0) depth += 1;
    level = following;
  }
  return result(null, -1);
}

function pathTo(last: number, parents: readonly number[], keys: readonly string[]): readonly string[] {
  const path: string[] = [];
  for (let index = last; index > 0; index = at(parents, index)) path.unshift(at(keys, index));
  return path;
}
