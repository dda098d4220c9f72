/** Nodes: state, copies now and afterwards, moves in and out, what is held against one. */
import { shardCount } from './blocked.ts';
import { bytesText, durationText } from './format.ts';
import { hashOf } from './hash-route.ts';
import { type NodeRow, nodeRows, spreadOf } from './node-rows.ts';
import { Panel } from './panel.tsx';
import { nodeFilter, nowMs, topology } from './store.ts';

const SHOWN = 200;

export function NodesPanel() {
  const rows = nodeRows(topology.value?.nodes.filter(({ state }) => state !== 'removed') ?? []);
  const most = Math.max(1, ...rows.map(({ node, after }) => Math.max(node.shards, after)));
  const hasGroups = new Set(rows.map(({ node }) => node.group)).size > 1;
  const hasDisk = rows.some(({ node }) => node.bytes != null);
  return (
    <Panel name="nodes" title="Nodes" about={<Spread rows={rows} />} command="miroir node list">
      <div class="scroll" tabIndex={0} role="region" aria-label="List of nodes">
        <table>
          <thead>
            <tr>
              <th scope="col">node</th>
              {hasGroups && <th scope="col">group</th>}
              <th scope="col">state</th>
              <th scope="col" class="number">
                shards
              </th>
              <th scope="col" class="after">
                now → after
              </th>
              <th scope="col" class="number">
                in
              </th>
              <th scope="col" class="number">
                out
              </th>
              {hasDisk && <th scope="col">disk</th>}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map((row) => (
              <NodeLine key={row.node.id} row={row} most={most} hasGroups={hasGroups} hasDisk={hasDisk} />
            ))}
          </tbody>
        </table>
        {rows.length > SHOWN && <p class="more">and {rows.length - SHOWN} more</p>}
        {topology.value !== null && rows.length === 0 && <p class="more">There is no node yet.</p>}
      </div>
    </Panel>
  );
}

interface LineProps {
  readonly row: NodeRow;
  readonly most: number;
  readonly hasGroups: boolean;
  readonly hasDisk: boolean;
}

function NodeLine({ row, most, hasGroups, hasDisk }: LineProps) {
  const { node, state, after, sign, tone } = row;
  const note = node.lost ?? node.note ?? null;
  const isChosen = nodeFilter.value === node.id;
  return (
    <tr class={isChosen ? 'chosen' : tone === 'bad' ? tone : ''}>
      <th scope="row">
        <a href={hashOf({ kind: 'node', id: node.id })}>{node.id}</a>
      </th>
      {hasGroups && <td>{node.group}</td>}
      <td class={`state ${tone}`} title={note ?? undefined}>
        <span aria-hidden="true">{sign}</span> {state}
        {node.failedAtMs != null && ` for ${durationText(nowMs.value - node.failedAtMs)}`}
        {tone === 'bad' && node.shards > 0 && <b> ! {shardCount(node.shards)} without another copy</b>}
        {note !== null && <span class="warn"> ! {note}</span>}
      </td>
      <td class="number">
        {node.shards}
        {after !== node.shards && <b> → {after}</b>}
      </td>
      <td class="after">
        <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
          <rect class="rail" width="100" height="8" />
          <rect class="now" width={(100 * Math.min(node.shards, after)) / most} height="8" />
          <rect
            class={after < node.shards ? 'gone' : 'comes'}
            x={(100 * Math.min(node.shards, after)) / most}
            width={(100 * Math.abs(after - node.shards)) / most}
            height="8"
          />
        </svg>
      </td>
      <td class="number">{node.movesIn || '·'}</td>
      <td class="number">{node.movesOut || '·'}</td>
      {hasDisk && <td>{node.bytes == null ? '' : diskText(node.bytes, node.bytesMax ?? null)}</td>}
    </tr>
  );
}

const diskText = (bytes: number, most: number | null): string =>
  most === null ? bytesText(bytes) : `${bytesText(bytes)} of ${bytesText(most)}`;

function Spread({ rows }: { readonly rows: readonly NodeRow[] }) {
  const now = spreadOf(rows, ({ node }) => node.shards);
  const after = spreadOf(rows, (row) => row.after);
  if (now === null || after === null) return null;
  const [before, later] = [now.toFixed(2), after.toFixed(2)];
  return (
    <span title="copies on the fullest node over the mean">
      spread {before === later ? before : `${before} → ${later}`}
    </span>
  );
}
