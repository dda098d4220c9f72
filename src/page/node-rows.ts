/** Nodes as rows: what each holds now, and when all moves are through. */
import type { NodeAnswer } from './answers.ts';

export interface NodeRow {
  readonly node: NodeAnswer;
  /** Its state; `drained` for one that may be removed. */
  readonly state: string;
  readonly after: number;
  readonly sign: string;
  readonly tone: 'good' | 'warn' | 'bad' | 'plain';
}

const SIGNS: Readonly<Record<string, readonly [string, NodeRow['tone']]>> = {
  active: ['●', 'good'],
  healthy: ['●', 'good'],
  joining: ['◍', 'plain'],
  restoring: ['◍', 'plain'],
  draining: ['◓', 'warn'],
  degraded: ['▲', 'warn'],
  failed: ['✗', 'bad'],
  removed: ['−', 'plain'],
};

export const signOf = (state: string): readonly [string, NodeRow['tone']] => SIGNS[state] ?? ['?', 'plain'];

/** As the API has it; it also decides what is drained. */
export const nodeStateText = ({ state, drained, drainWished }: NodeAnswer): string =>
  `${drained === true ? 'drained' : state}${drainWished === true ? ', to be drained' : ''}`;

export function nodeRows(nodes: readonly NodeAnswer[]): readonly NodeRow[] {
  return nodes.map((node) => {
    const [sign, tone] = signOf(node.state);
    return {
      node,
      state: nodeStateText(node),
      after: Math.max(0, node.shards + node.movesIn - node.movesOut),
      sign,
      tone,
    };
  });
}

/** How evenly copies lie on the nodes that take some: most over mean, 1 = evenly; null without nodes. */
export function spreadOf(rows: readonly NodeRow[], pick: (row: NodeRow) => number): number | null {
  const counts = rows.filter(({ node }) => TAKES.has(node.state)).map(pick);
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.length === 0 || mean === 0 ? null : Math.max(...counts) / mean;
}

const TAKES: ReadonlySet<string> = new Set(['active', 'healthy', 'joining', 'degraded', 'restoring']);

/** A drained node can be stopped; say so, with the command that takes it out. */
export const drainedNodes = (nodes: readonly NodeAnswer[]): readonly string[] =>
  nodes.flatMap(({ id, drained }) => (drained === true ? [id] : []));
