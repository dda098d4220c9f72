/** Ctrl K: a name, and where it is. */
import { useComputed, useSignal } from '@preact/signals';
import { Dialog } from './dialog.tsx';
import { find } from './find.ts';
import { hashOf, type Place } from './hash-route.ts';
import { indexes, isFinding, moves, plans, topology } from './store.ts';

export function FindDialog() {
  const asked = useSignal('');
  const chosen = useSignal(0);
  // Computed, since keys come faster than anything is drawn.
  const found = useComputed(() =>
    find(asked.value, {
      nodes: topology.value?.nodes ?? [],
      indexes: indexes.value,
      moves: moves.value,
      plans: plans.value,
    }),
  );
  const at = useComputed(() => Math.min(chosen.value, found.value.length - 1));
  if (!isFinding.value) return null;
  const close = (): void => {
    isFinding.value = false;
    asked.value = '';
    chosen.value = 0;
  };
  const open = (place: Place | undefined): void => {
    if (place === undefined) return;
    close();
    location.hash = hashOf(place);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Enter') open(found.value[at.value]?.place);
    else if (step !== undefined) chosen.value = Math.max(0, Math.min(found.value.length - 1, at.value + step));
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Find" close={close}>
      <input
        class="asked"
        role="combobox"
        aria-label="Find a node, an index/shard, a move or a plan"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={found.value.length === 0 ? undefined : `found-${at.value}`}
        placeholder="node, index/shard, move, plan"
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => {
          asked.value = currentTarget.value;
          chosen.value = 0;
        }}
        onKeyDown={onKeyDown}
      />
      <ul id="found" role="listbox" aria-label="Found">
        {found.value.map(({ label, about, place }, position) => (
          <li
            key={hashOf(place)}
            id={`found-${position}`}
            role="option"
            aria-selected={position === at.value}
            onClick={() => open(place)}
            onMouseMove={() => (chosen.value = position)}
          >
            <b>{label}</b> <span class="muted">{about}</span>
          </li>
        ))}
      </ul>
      {found.value.length === 0 && <p class="more">Nothing is called so.</p>}
    </Dialog>
  );
}
