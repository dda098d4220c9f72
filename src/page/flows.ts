/** Who gives shards to whom, and where that is drawn: givers on the left, takers on the right, ribbons between. */
import type { MoveAnswer, NodeAnswer } from './answers.ts';
import { stepsDone } from './move-steps.ts';
import { rateOf, type Rates } from './rates.ts';

export interface Flow {
  readonly source: string;
  readonly target: string;
  /** Moves that are not switched. */
  readonly moves: number;
  readonly running: number;
  readonly perSecond: number;
}

const isOpen = (move: MoveAnswer): boolean => move.outcome === null && stepsDone(move) < 4;

export function flowsOf(moves: readonly MoveAnswer[], rates: Rates): readonly Flow[] {
  const flows = new Map<string, Flow>();
  for (const move of moves.filter(isOpen)) {
    const { id, source, target } = move;
    const key = `${source}\n${target}`;
    const known = flows.get(key) ?? { source, target, moves: 0, running: 0, perSecond: 0 };
    flows.set(key, {
      ...known,
      moves: known.moves + 1,
      running: known.running + (stepsDone(move) > 0 ? 1 : 0),
      perSecond: known.perSecond + rateOf(rates, [id]),
    });
  }
  return [...flows.values()];
}

export interface Box {
  readonly node: NodeAnswer;
  readonly side: 'gives' | 'takes';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
export interface Ribbon extends Flow {
  readonly path: string;
  readonly width: number;
  /** Where its text stands. */
  readonly x: number;
  readonly y: number;
}
export interface FlowPicture {
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly ribbons: readonly Ribbon[];
  /** Nodes that neither give nor take. */
  readonly quiet: readonly NodeAnswer[];
  /** Nodes that are left out because there are too many. */
  readonly more: number;
}

export const BOX = { width: 150, height: 46, gap: 12 } as const;
const SIDE_MAX = 10;
const RIBBON = { min: 4, max: 14, room: 30 } as const;

export function drawFlows(nodes: readonly NodeAnswer[], flows: readonly Flow[], width: number): FlowPicture {
  const givers = sideOf(nodes, flows, 'source');
  const takers = sideOf(nodes, flows, 'target');
  const rows = Math.max(givers.shown.length, takers.shown.length);
  const height = rows === 0 ? 0 : rows * (BOX.height + BOX.gap) - BOX.gap;
  const left = boxesOf(givers.shown, 'gives', 0, height);
  const right = boxesOf(takers.shown, 'takes', width - BOX.width, height);
  const busy = new Set(flows.flatMap(({ source, target }) => [source, target]));
  return {
    height,
    boxes: [...left, ...right],
    ribbons: ribbonsOf(flows, left, right),
    quiet: nodes.filter(({ id }) => !busy.has(id)),
    more: givers.more + takers.more,
  };
}

/** Those with the most moves, then by name so that nothing jumps about. */
function sideOf(nodes: readonly NodeAnswer[], flows: readonly Flow[], end: 'source' | 'target') {
  const counts = new Map<string, number>();
  for (const flow of flows) counts.set(flow[end], (counts.get(flow[end]) ?? 0) + flow.moves);
  const busy = nodes.filter(({ id }) => counts.has(id));
  const most = [...busy].sort((a, b) => (counts.get(b.id) ?? 0) - (counts.get(a.id) ?? 0)).slice(0, SIDE_MAX);
  return { shown: busy.filter((node) => most.includes(node)), more: busy.length - most.length };
}

function boxesOf(nodes: readonly NodeAnswer[], side: Box['side'], x: number, height: number): readonly Box[] {
  const all = nodes.length * (BOX.height + BOX.gap) - BOX.gap;
  const top = (height - all) / 2;
  return nodes.map((node, at) => ({
    node,
    side,
    x,
    y: top + at * (BOX.height + BOX.gap),
    width: BOX.width,
    height: BOX.height,
  }));
}

function ribbonsOf(flows: readonly Flow[], left: readonly Box[], right: readonly Box[]): readonly Ribbon[] {
  const most = Math.max(1, ...flows.map(({ moves }) => moves));
  const ends = (box: Box, of: readonly Flow[], flow: Flow): number => {
    const room = Math.min(RIBBON.room, box.height - 10);
    return box.y + box.height / 2 - room / 2 + (room * (of.indexOf(flow) + 0.5)) / of.length;
  };
  return flows.flatMap((flow) => {
    const from = left.find(({ node }) => node.id === flow.source);
    const to = right.find(({ node }) => node.id === flow.target);
    if (from === undefined || to === undefined) return [];
    const out = inOrder(flows, right, 'target').filter(({ source }) => source === flow.source);
    const into = inOrder(flows, left, 'source').filter(({ target }) => target === flow.target);
    const [x1, y1] = [from.x + from.width, ends(from, out, flow)];
    const width = Math.max(
      RIBBON.min,
      (RIBBON.max * flow.moves) / most / Math.max(1, Math.max(out.length, into.length) / 3),
    );
    // Its head is as long as it is wide.
    const [x2, y2] = [to.x - width - 2, ends(to, into, flow)];
    const bend = (x2 - x1) * 0.45;
    const path = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
    // Nearer to the end with more room: where many begin at one box, texts beside it would lie over each other.
    const at = out.length > into.length ? 0.72 : out.length < into.length ? 0.28 : 0.5;
    return [{ ...flow, path, width, x: x1 + (x2 - x1) * at, y: onCurve(y1, y2, at) }];
  });
}

/** As their other ends lie, from top to bottom: so they cross as little as can be. */
function inOrder(flows: readonly Flow[], boxes: readonly Box[], end: 'source' | 'target'): readonly Flow[] {
  const places = new Map(boxes.map(({ node }, at) => [node.id, at]));
  return flows.toSorted((a, b) => (places.get(a[end]) ?? 0) - (places.get(b[end]) ?? 0));
}

/** Height of the curve at a part of its way. */
const onCurve = (y1: number, y2: number, at: number): number => {
  const back = 1 - at;
  return y1 * (back ** 3 + 3 * back ** 2 * at) + y2 * (3 * back * at ** 2 + at ** 3);
};
