/** A plan for people: what each node holds before and after. */
import prettyBytes from 'pretty-bytes';
import type { Held, PlanView } from '../control/plan-view.ts';
import { tableText } from './output.ts';

/** Blocked shards that are told one by one. */
const BLOCKED_SHOWN = 5;

const documents = (count: number): string => count.toLocaleString('en');
const change = (before: string, after: string): string => (before === after ? before : `${before} -> ${after}`);

export function planText(view: PlanView): string {
  const cell = (pick: (held: Held) => string, before: Held, after: Held): string => change(pick(before), pick(after));
  const lines = [
    `plan ${view.id} (${view.why}): ${view.moves} moves (minimum ${view.minimum}), ${documents(view.documents)} documents, about ${prettyBytes(view.bytes)}`,
    tableText(
      ['node', 'state', 'shards', 'documents', 'size'],
      view.nodes.map(({ id, state, before, after }) => [
        id,
        state,
        cell(({ shards }) => String(shards), before, after),
        cell((held) => documents(held.documents), before, after),
        cell(({ bytes }) => prettyBytes(Math.max(0, bytes)), before, after),
      ]),
    ),
    ...view.blocked.slice(0, BLOCKED_SHOWN).map(({ index, shard, reason }) => `blocked ${index}/${shard}: ${reason}`),
  ];
  return lines.join('\n');
}
