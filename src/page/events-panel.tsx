/** What happened, newest first: who asked for what, and each step of each move. */
import { useComputed } from '@preact/signals';
import { clockText } from './format.ts';
import { hashOf } from './hash-route.ts';
import { Panel } from './panel.tsx';
import { events, moves, plans } from './store.ts';
import { lineOf, type TimelineLine } from './timeline.ts';

/** A person does not read five hundred lines, and a browser need not lay them out. */
const SHOWN = 500;

export function EventsPanel() {
  const lines = useComputed(() => {
    const names = new Map(
      moves.value.map(({ id, index, shard, source, target }) => [id, `${index}/${shard} ${source}→${target}`]),
    );
    const cancelled = new Set(plans.value.flatMap((plan) => (plan.cancelled == null ? [] : [plan.id])));
    return events.value.slice(0, SHOWN).map((event) => lineOf(event, names, cancelled));
  });
  return (
    <Panel name="events" title="Events" command="miroir events -f">
      <div class="scroll" tabIndex={0} role="region" aria-label="Events, newest first">
        {lines.value.length === 0 && <p class="more">Nothing has happened for a while.</p>}
        <ol>
          {lines.value.map((line) => (
            <Line key={line.id} line={line} />
          ))}
        </ol>
      </div>
    </Panel>
  );
}

function Line({ line }: { readonly line: TimelineLine }) {
  const { atMs, tone, sign, text, move, plan } = line;
  const place =
    move !== undefined
      ? ({ kind: 'move', id: move } as const)
      : plan !== undefined
        ? ({ kind: 'plan', id: plan } as const)
        : null;
  return (
    <li class={tone}>
      <time>{clockText(atMs)}</time> <span aria-hidden="true">{sign}</span>{' '}
      {place === null ? text : <a href={hashOf(place)}>{text}</a>}
    </li>
  );
}
