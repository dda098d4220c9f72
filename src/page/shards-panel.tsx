/** Every shard of an index as a cell: by pointer and by arrow keys. */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { useSize } from './element-size.ts';
import { countText } from './format.ts';
import { hashOf } from './hash-route.ts';
import { Panel } from './panel.tsx';
import {
  CELL_KINDS,
  CELL_WORDS,
  cellAt,
  cellText,
  countKinds,
  gridOf,
  mapShards,
  type ShardMap,
  stepTo,
} from './shard-cells.ts';
import { type Colouring, paintShards, sign } from './shard-canvas.ts';
import { blocked, chooseIndex, indexes, indexShown, moves, nodeFilter, place, routes, topology } from './store.ts';
import { colour, isDark } from './theme.ts';

const COLOURINGS: readonly Colouring[] = ['state', 'owner'];

export function ShardsPanel() {
  const colouring = useSignal<Colouring>('state');
  const { value: index } = indexShown;
  const map = useComputed(() =>
    routes.value === null
      ? null
      : mapShards(routes.value.uid, routes.value.routes, moves.value, topology.value?.nodes ?? [], blocked.value),
  );
  const command = index === null ? 'miroir index list' : `miroir index show ${index.uid}`;
  return (
    <Panel
      name="shards"
      title="Shards"
      command={command}
      about={<Choice colouring={colouring.value} choose={(one) => (colouring.value = one)} />}
    >
      {map.value !== null && index !== null && (
        <>
          <Map map={map.value} uid={index.uid} colouring={colouring.value} />
          <Legend map={map.value} />
        </>
      )}
      {index === null && topology.value !== null && <p class="more">There is no index yet.</p>}
    </Panel>
  );
}

function Choice({ colouring, choose }: { readonly colouring: Colouring; readonly choose: (one: Colouring) => void }) {
  return (
    <>
      <label>
        index{' '}
        <select value={indexShown.value?.uid} onChange={({ currentTarget }) => chooseIndex(currentTarget.value)}>
          {indexes.value.map(({ uid, shards }) => (
            <option key={uid} value={uid}>
              {uid} ({countText(shards)})
            </option>
          ))}
        </select>
      </label>
      <span class="choice" role="group" aria-label="Colour by">
        {COLOURINGS.map((one) => (
          <button key={one} type="button" aria-pressed={one === colouring} onClick={() => choose(one)}>
            {one}
          </button>
        ))}
      </span>
    </>
  );
}

interface MapProps {
  readonly map: ShardMap;
  readonly uid: string;
  readonly colouring: Colouring;
}

function Map({ map, uid, colouring }: MapProps) {
  const [view, size] = useSize<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const chosen = useSignal<number | null>(null);
  const scrollTop = useSignal(0);
  const shards = map.kinds.length;
  const grid = gridOf(shards, size.value.width);
  const open = place.value?.kind === 'shard' && place.value.index === uid ? place.value.shard : null;

  useEffect(() => {
    if (open !== null) chosen.value = open;
  }, [open]);
  useEffect(() => {
    const { current } = canvas;
    if (current === null || size.value.width === 0) return undefined;
    const owner = (topology.value?.nodes ?? []).findIndex(({ id }) => id === nodeFilter.value);
    const frame = requestAnimationFrame(() =>
      paintShards(current, {
        map,
        grid,
        ...size.value,
        scrollTop: scrollTop.value,
        colouring,
        onlyOwner: owner < 0 ? null : owner,
        chosen: chosen.value,
        colour,
      }),
    );
    return () => cancelAnimationFrame(frame);
  }, [map, colouring, size.value, scrollTop.value, chosen.value, nodeFilter.value, isDark.value]);
  // A cell that was reached by keys is brought into sight.
  useSignalEffect(() => {
    const { value: at } = chosen;
    const { current } = view;
    if (at === null || current === null) return;
    const top = Math.floor(at / grid.columns) * (grid.size + grid.gap);
    if (top < current.scrollTop) current.scrollTop = top;
    else if (top + grid.size > current.scrollTop + current.clientHeight)
      current.scrollTop = top + grid.size + 4 - current.clientHeight;
  });

  const show = (at: number): void => {
    location.hash = hashOf({ kind: 'shard', index: uid, shard: at });
  };
  const pointed = (event: MouseEvent): number | null => {
    const { current } = view;
    if (current === null) return null;
    const { left, top } = current.getBoundingClientRect();
    return cellAt(grid, shards, event.clientX - left, event.clientY - top + current.scrollTop);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && chosen.value !== null) return show(chosen.value);
    const next = stepTo(event.key, chosen.value ?? 0, grid, shards);
    if (next === null) return undefined;
    event.preventDefault();
    chosen.value = chosen.value === null ? 0 : next;
    return undefined;
  };
  const text =
    chosen.value === null
      ? 'Point at a cell, or walk with the arrow keys; Enter opens it.'
      : cellText(map, chosen.value);
  return (
    <>
      <div
        class="map"
        ref={view}
        tabIndex={0}
        role="application"
        aria-label={`Shards of ${uid}: arrow keys walk, Enter opens`}
        aria-describedby="shard-text"
        onScroll={({ currentTarget }) => (scrollTop.value = currentTarget.scrollTop)}
        onMouseMove={(event) => (chosen.value = pointed(event) ?? chosen.value)}
        onClick={(event) => {
          const at = pointed(event);
          if (at !== null) show(at);
        }}
        onKeyDown={onKeyDown}
      >
        <div style={{ height: `${grid.height}px` }}>
          <canvas
            ref={canvas}
            style={{ width: `${size.value.width}px`, height: `${size.value.height}px` }}
            aria-hidden="true"
          />
        </div>
      </div>
      <p class="pointed" id="shard-text" aria-live="polite">
        {text}
      </p>
    </>
  );
}

function Legend({ map }: { readonly map: ShardMap }) {
  const counts = countKinds(map);
  return (
    <ul class="legend" aria-label="Shards by state">
      {CELL_KINDS.map((kind, at) =>
        kind === 'stable' || (counts[at] ?? 0) > 0 ? (
          <li key={kind} class={kind}>
            <Sample at={at} /> {CELL_WORDS[kind]} <b>{countText(counts[at] ?? 0)}</b>
          </li>
        ) : null,
      )}
    </ul>
  );
}

/** The very cell of the map. */
function Sample({ at }: { readonly at: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    const kind = CELL_KINDS[at];
    if (context == null || kind === undefined) return;
    context.fillStyle = colour(`cell-${kind}`);
    context.fillRect(0, 0, 28, 28);
    sign(context, kind, 0, 0, 28, colour('cell-sign'));
  }, [at, isDark.value]);
  return <canvas ref={canvas} class="sample" width={28} height={28} aria-hidden="true" />;
}
