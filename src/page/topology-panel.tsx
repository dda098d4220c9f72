/** Who gives shards to whom: nodes as boxes, moves as ribbons as wide as they are many. */
import { useComputed } from '@preact/signals';
import { useSize } from './element-size.ts';
import { BOX, type Box, drawFlows, flowsOf, type Ribbon } from './flows.ts';
import { moveCount, rateText } from './format.ts';
import { hashOf } from './hash-route.ts';
import { nodeStateText, signOf } from './node-rows.ts';
import { Panel } from './panel.tsx';
import { moves, nodeFilter, rates, topology } from './store.ts';

const LEAST_WIDTH = 340;
const QUIET_SHOWN = 24;

export function TopologyPanel() {
  const [element, size] = useSize<HTMLDivElement>();
  const picture = useComputed(() =>
    drawFlows(
      topology.value?.nodes.filter(({ state }) => state !== 'removed') ?? [],
      flowsOf(moves.value, rates.value),
      Math.max(LEAST_WIDTH, size.value.width),
    ),
  );
  const { boxes, ribbons, quiet, height, more } = picture.value;
  const most = Math.max(1, ...(topology.value?.nodes ?? []).map(({ shards }) => shards));
  const width = Math.max(LEAST_WIDTH, size.value.width);
  return (
    <Panel name="topology" title="Topology" command="miroir topology">
      <div class="flows" ref={element}>
        {height > 0 && (
          <svg
            viewBox={`0 0 ${width} ${height}`}
            width={width}
            height={height}
            role="group"
            aria-label="Flows of shards"
          >
            <defs>
              <marker id="head" viewBox="0 0 8 10" refX="0.2" refY="5" markerWidth="1" markerHeight="1.5" orient="auto">
                <path d="M0 0L8 5L0 10z" />
              </marker>
            </defs>
            {ribbons.map((ribbon) => (
              <RibbonShown key={`${ribbon.source} ${ribbon.target}`} ribbon={ribbon} />
            ))}
            {boxes.map((box) => (
              <BoxShown key={`${box.side} ${box.node.id}`} box={box} most={most} />
            ))}
          </svg>
        )}
        {more > 0 && <p class="more">and {more} more nodes with moves: see the list of nodes</p>}
        {quiet.length > 0 && (
          <ul class="quiet" aria-label="Nodes without moves">
            {quiet.slice(0, QUIET_SHOWN).map((node) => (
              <li key={node.id}>
                <a href={hashOf({ kind: 'node', id: node.id })}>
                  <span class={signOf(node.state)[1]} aria-hidden="true">
                    {signOf(node.state)[0]}
                  </span>{' '}
                  <b>{node.id}</b> {nodeStateText(node)} · {node.shards} shards
                </a>
              </li>
            ))}
            {quiet.length > QUIET_SHOWN && <li>and {quiet.length - QUIET_SHOWN} more</li>}
          </ul>
        )}
      </div>
    </Panel>
  );
}

function RibbonShown({ ribbon }: { readonly ribbon: Ribbon }) {
  const { source, target, moves: count, running, perSecond, path, width, x, y } = ribbon;
  const text = perSecond > 0 ? `${count} · ${rateText(perSecond)}` : String(count);
  const isFiltered = nodeFilter.value !== '' && nodeFilter.value !== source && nodeFilter.value !== target;
  return (
    <g class={`ribbon ${running > 0 ? 'running' : 'waiting'} ${isFiltered ? 'dim' : ''}`}>
      <title>
        {source} to {target}: {moveCount(count)} left, {running} running
      </title>
      <path class="way" d={path} stroke-width={width} marker-end="url(#head)" />
      {running > 0 && <path class="drops" d={path} stroke-width={Math.max(2, width * 0.4)} />}
      <text x={x} y={y - width / 2 - 3} text-anchor="middle">
        {text}
      </text>
    </g>
  );
}

function BoxShown({ box, most }: { readonly box: Box; readonly most: number }) {
  const { node, x, y, width, height } = box;
  const [sign, tone] = signOf(node.state);
  const room = width - 20;
  const now = (room * node.shards) / most;
  const after = (room * Math.max(0, node.shards + node.movesIn - node.movesOut)) / most;
  const count = box.side === 'gives' ? `−${node.movesOut}` : `+${node.movesIn}`;
  return (
    <a class="box" href={hashOf({ kind: 'node', id: node.id })}>
      <title>
        node {node.id}, {nodeStateText(node)}, {node.shards} shards
      </title>
      <g transform={`translate(${x} ${y})`}>
        <rect class="frame" width={width} height={height} rx={8} />
        <text class={tone} x={10} y={19}>
          {sign}
        </text>
        <text class="id" x={25} y={19}>
          {node.id}
        </text>
        <text class="count" x={width - 10} y={19} text-anchor="end">
          {node.shards} {count}
        </text>
        <rect class="rail" x={10} y={BOX.height - 16} width={room} height={6} rx={3} />
        <rect class="now" x={10} y={BOX.height - 16} width={Math.min(room, Math.min(now, after))} height={6} rx={3} />
        {after < now && <rect class="gone" x={10 + after} y={BOX.height - 16} width={now - after} height={6} rx={3} />}
        {after > now && (
          <rect class="comes" x={10 + now} y={BOX.height - 16} width={Math.min(room, after) - now} height={6} rx={3} />
        )}
      </g>
    </a>
  );
}
