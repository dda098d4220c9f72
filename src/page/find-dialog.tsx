/** Ctrl K: a name, and where it is. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { Dialog } from './dialog.tsx';
import { find } from './find.ts';
import { hashOf, type Place } from './hash-route.ts';
import { indexes, isFinding, moves, plans, topology } from './store.ts';

export function FindDialog() {
  const asked = useSignal('');
  const chosen = useSignal(0);
  const list = useRef<HTMLUListElement>(null);
  if (!isFinding.value) return null;
  const findable = {
    nodes: topology.value?.nodes ?? [],
    indexes: indexes.value,
    moves: moves.value,
    plans: plans.value,
  };
  const found = find(asked.value, findable);
  const at = Math.min(chosen.value, found.length - 1);
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
    if (event.key === 'Enter') open(found[at]?.place);
    else if (step !== undefined) chosen.value = Math.max(0, Math.min(found.length - 1, at + step));
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
        aria-activedescendant={found.length === 0 ? undefined : `found-${at}`}
        placeholder="node, index/shard, move, plan"
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => {
          asked.value = currentTarget.value;
          chosen.value = 0;
        }}
        onKeyDown={onKeyDown}
      />
      <ul id="found" role="listbox" aria-label="Found" ref={list}>
        {found.map(({ label, about, place }, position) => (
          <li
            key={hashOf(place)}
            id={`found-${position}`}
            role="option"
            aria-selected={position === at}
            onClick={() => open(place)}
            onMouseMove={() => (chosen.value = position)}
          >
            <b>{label}</b> <span class="muted">{about}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="more">Nothing is called so.</p>}
    </Dialog>
  );
}
