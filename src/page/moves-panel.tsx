/** Moves: what each does, how far it is, and why it waits. Only the rows that are seen are there. */
import { useComputed, useSignal } from '@preact/signals';
import type { MoveAnswer } from './answers.ts';
import { type BlockedShards, shardCount, sumOf } from './blocked.ts';
import { useSize } from './element-size.ts';
import { countText, durationText, rateText } from './format.ts';
import { hashOf } from './hash-route.ts';
import {
  type Activity,
  activityOf,
  copiedPercent,
  countMoves,
  hasProblem,
  movesShown,
  progressText,
  SIGNS,
  STEPS,
  stepsDone,
} from './move-steps.ts';
import { Panel } from './panel.tsx';
import { rateOf } from './rates.ts';
import { blocked, moves, nodeFilter, nowMs, plan, problemsOnly, rates, topology, unfinished } from './store.ts';
import { visibleRows } from './visible-rows.ts';

const ROW = 30;
/** Where it is narrow (as in moves.css) what a move does stands below, in two lines at most. */
const NARROW = 800;
const TALL_ROW = 68;
type Row = MoveAnswer | BlockedShards;
interface RowProps {
  readonly at: number;
  readonly height: number;
}
interface BlockedProps extends RowProps {
  readonly blocked: BlockedShards;
}
interface MoveProps extends RowProps {
  readonly move: MoveAnswer;
}
/** Half a row more than whole ones: there is more below. */
const ROWS_SHOWN = 6.5;

export function MovesPanel() {
  const shown = useComputed((): readonly Row[] => {
    const { value: node } = nodeFilter;
    return [
      ...blocked.value.filter(({ nodes }) => node === '' || nodes.includes(node)),
      ...movesShown(moves.value, { node, problemsOnly: problemsOnly.value }),
    ];
  });
  const command = plan.value === null ? 'miroir move list' : `miroir move list --plan ${plan.value.id}`;
  return (
    <Panel name="moves" title="Moves" about={<About />} command={command}>
      <Rows rows={shown.value} />
    </Panel>
  );
}

function About() {
  const { running, waiting, cleaning, ended, problems } = countMoves(moves.value);
  const more = unfinished.value - running - waiting - cleaning;
  return (
    <>
      <span class="counts">
        {running} running · {waiting} waiting · {cleaning} in grace · {countText(ended)} ended
        {more > 0 && ` · ${countText(more)} more not shown`}
      </span>
      <label>
        node{' '}
        <select value={nodeFilter.value} onChange={({ currentTarget }) => (nodeFilter.value = currentTarget.value)}>
          <option value="">all</option>
          {(topology.value?.nodes ?? []).map(({ id }) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        aria-pressed={problemsOnly.value}
        onClick={() => (problemsOnly.value = !problemsOnly.value)}
      >
        ! problems only <b>{problems + sumOf(blocked.value)}</b>
      </button>
    </>
  );
}

function Rows({ rows }: { readonly rows: readonly Row[] }) {
  const [view, size] = useSize<HTMLDivElement>();
  const scrollTop = useSignal(0);
  const { width } = size.value;
  const height = width > 0 && width < NARROW ? TALL_ROW : ROW;
  const { first, end } = visibleRows(rows.length, height, scrollTop.value, size.value.height);
  return (
    <div
      class="scroll rows"
      ref={view}
      tabIndex={0}
      role="table"
      aria-label="Moves"
      aria-rowcount={rows.length}
      style={{ height: `${Math.max(1, Math.min(rows.length, ROWS_SHOWN)) * height}px` }}
      onScroll={({ currentTarget }) => (scrollTop.value = currentTarget.scrollTop)}
    >
      {rows.length === 0 && (
        <p class="more">{moves.value.length === 0 ? 'Nothing moves.' : 'No move fits the filter.'}</p>
      )}
      <div role="rowgroup" style={{ height: `${rows.length * height}px` }}>
        {rows
          .slice(first, end)
          .map((row, at) =>
            'why' in row ? (
              <BlockedRow key={`${row.index} ${row.why}`} blocked={row} at={first + at} height={height} />
            ) : (
              <MoveRow key={row.id} move={row} at={first + at} height={height} />
            ),
          )}
      </div>
    </div>
  );
}

/** Shards that no move helps: they stand before all moves. */
function BlockedRow({ blocked: { index, shards, count, nodes, why, sinceMs }, at, height }: BlockedProps) {
  return (
    <div class="row blocked" role="row" aria-rowindex={at + 1} style={{ top: `${at * height}px` }}>
      <span role="cell" class="shard">
        <a href={hashOf({ kind: 'shard', index, shard: shards[0] ?? 0 })}>
          {index}/{shards[0]}
        </a>
        {count > 1 && ` +${countText(count - 1)}`}
      </span>
      <span role="cell" class="way">
        {nodes.join(', ')}
      </span>
      <span role="cell" class="bad">
        <span aria-hidden="true">✗</span> blocked
      </span>
      <span role="cell" class="doing why">
        {shardCount(count)}: {why}
        {sinceMs !== null && ` (for ${durationText(nowMs.value - sinceMs)})`}
      </span>
    </div>
  );
}

/** A reason to wait says more than what they do. */
const ACTIVE: ReadonlySet<Activity> = new Set(['copying', 'verifying', 'switching']);

function MoveRow({ move, at, height }: MoveProps) {
  const activity = activityOf(move);
  const isProblem = hasProblem(move);
  return (
    <div
      class={isProblem ? 'row problem' : 'row'}
      role="row"
      aria-rowindex={at + 1}
      style={{ top: `${at * height}px` }}
    >
      <span role="cell" class="shard">
        <a href={hashOf({ kind: 'move', id: move.id })}>
          {move.index}/{move.shard}
        </a>
      </span>
      <span role="cell" class="way">
        {move.source} → {move.target}
      </span>
      <span role="cell" class={`activity ${activity}`}>
        <span aria-hidden="true">{SIGNS[activity]}</span> {activity}
      </span>
      <span role="cell">
        <Dots move={move} />
      </span>
      <span role="cell" class="copied">
        <span class="track" aria-hidden="true">
          <span class={activity} style={{ width: `${copiedPercent(move)}%` }} />
        </span>
        <span class="percent">{copiedPercent(move)}%</span>
      </span>
      <span role="cell" class="doing">
        {isProblem ? <Trouble move={move} /> : progressText(move)}
        {activity === 'copying' && <Rate id={move.id} />}
        {!isProblem && ACTIVE.has(activity) && move.waiting != null && <span class="muted"> · {reasonText(move)}</span>}
      </span>
    </div>
  );
}

function Trouble({ move }: { readonly move: MoveAnswer }) {
  return (
    <span class="warn" title={move.waiting?.unblock}>
      ! {reasonText(move)}
    </span>
  );
}

function reasonText({ note, waiting, lost = 0 }: MoveAnswer): string {
  const why = waiting?.text ?? note ?? (lost > 0 ? `${lost} documents were given up` : 'it does not get on');
  return waiting?.sinceMs === undefined ? why : `${why} (for ${durationText(nowMs.value - waiting.sinceMs)})`;
}

function Rate({ id }: { readonly id: string }) {
  const perSecond = rateOf(rates.value, [id]);
  return perSecond > 0 ? <span class="muted"> · {rateText(perSecond)}</span> : null;
}

/** One dot a step; what is read out is how many are behind it. */
export function Dots({ move }: { readonly move: MoveAnswer }) {
  const done = stepsDone(move);
  return (
    <span class="dots" role="img" aria-label={`${done} of ${STEPS.length} steps`} title={STEPS.join(' · ')}>
      {STEPS.map((step, at) => (
        <span key={step} class={at < done ? 'done' : at === done && move.outcome === null ? 'now' : ''}>
          {at < done ? '●' : '○'}
        </span>
      ))}
    </span>
  );
}
