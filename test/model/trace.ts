/** Tells how a state came about: the path is walked again, one line for every step. */
import { contentText } from './documents.ts';
import { keyOf } from './key.ts';
import { textOf } from './nodes.ts';
import { ROUTE_NAMES, type State } from './state.ts';
import type { Step } from './steps.ts';
import { at } from './world.ts';

export function tellTrace(
  first: State,
  path: readonly string[],
  next: (s: State) => readonly Step[],
): readonly string[] {
  const lines = [lineOf('at first', first)];
  let now = first;
  for (const key of path) {
    const step = next(now).find((each) => keyOf(each.next) === key);
    if (step === undefined) throw new Error('the path cannot be walked again');
    now = step.next;
    lines.push(lineOf(step.text.replace('#', String(step.subject)), now));
  }
  return lines;
}

function lineOf(text: string, s: State): string {
  const nodes = s.contents.map((contents, node) => {
    const queue = at(s.queues, node).map(textOf).join(', ');
    return `${node === 0 ? 'S' : 'T'}=${contents.map(contentText).join('/')}${queue === '' ? '' : ` ‹${queue}›`}`;
  });
  const table = `${at(ROUTE_NAMES, s.route)}, journal ${s.journal.join('/')}`;
  return `${text.padEnd(74)} | ${nodes.join(' ')} | ${table}`;
}
