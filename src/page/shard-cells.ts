/** The shards of an index as a grid of cells: what each one is, where it stands, and where the arrow keys lead. */
import type { MoveAnswer, NodeAnswer, RouteAnswer } from './answers.ts';
import type { BlockedShards } from './blocked.ts';
import { progressText, stepsDone } from './move-steps.ts';

export const CELL_KINDS = [
  'stable',
  'waiting',
  'copying',
  'verifying',
  'switching',
  'cleaning',
  'frozen',
  'blocked',
  'away',
] as const;
export type CellKind = (typeof CELL_KINDS)[number];

export const CELL_WORDS: Readonly<Record<CellKind, string>> = {
  stable: 'stable',
  waiting: 'to be moved',
  copying: 'copying',
  verifying: 'verifying',
  switching: 'switching',
  cleaning: 'old copy kept',
  frozen: 'frozen',
  blocked: 'blocked',
  away: 'no copy answers',
};

/** By number of the shard; a byte each, since there may be ten thousand. */
export interface ShardMap {
  readonly kinds: Uint8Array;
  /** Position of the first owner among the nodes, 255: none of them. */
  readonly owners: Uint8Array;
  readonly routes: readonly RouteAnswer[];
  readonly moves: ReadonlyMap<number, MoveAnswer>;
  /** Why a shard is blocked. */
  readonly stuck: ReadonlyMap<number, string>;
}

export function mapShards(
  index: string,
  routes: readonly RouteAnswer[],
  moves: readonly MoveAnswer[],
  nodes: readonly NodeAnswer[],
  blocked: readonly BlockedShards[] = [],
): ShardMap {
  const places = new Map(nodes.map(({ id }, at) => [id, Math.min(at, 254)]));
  const failed = new Set(nodes.flatMap(({ id, state }) => (state === 'failed' ? [id] : [])));
  const stuck = new Map(
    blocked.flatMap((one) => (one.index === index ? one.shards.map((shard) => [shard, one.why] as const) : [])),
  );
  const open = new Map<number, MoveAnswer>();
  for (const move of moves) if (move.index === index && move.outcome === null) open.set(move.shard, move);
  const kinds = new Uint8Array(routes.length);
  const owners = new Uint8Array(routes.length);
  for (const [at, route] of routes.entries()) {
    // Whatever else is to be said of such a shard: it takes no writes and answers no searches.
    const isAway = route.owners.length > 0 && route.owners.every((owner) => failed.has(owner));
    const kind = kindOf(route, open.get(route.shard));
    const isStuck = kind === 'stable' && stuck.has(route.shard);
    kinds[at] = CELL_KINDS.indexOf(isAway ? 'away' : isStuck ? 'blocked' : kind);
    owners[at] = places.get(route.owners[0] ?? '') ?? 255;
  }
  return { kinds, owners, routes, moves: open, stuck };
}

function kindOf(route: RouteAnswer, move: MoveAnswer | undefined): CellKind {
  if (route.frozen === true) return 'frozen';
  switch (route.state) {
    case 'tracking':
      return move !== undefined && stepsDone(move) >= 2 ? 'verifying' : 'copying';
    case 'held':
    case 'settling':
      return 'switching';
    case 'settled':
      return 'cleaning';
    default:
      return move === undefined ? 'stable' : 'waiting';
  }
}

export function countKinds({ kinds }: ShardMap): readonly number[] {
  const counts = CELL_KINDS.map(() => 0);
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** What a cell says to whoever points at it, or hears it. */
export function cellText(map: ShardMap, at: number): string {
  const route = map.routes[at];
  if (route === undefined) return '';
  const move = map.moves.get(route.shard);
  const kind = CELL_KINDS[map.kinds[at] ?? 0] ?? 'stable';
  const owners = `on ${route.owners.join(', ') || 'no node'}`;
  const way = move === undefined ? [] : [`${move.source} → ${move.target}`, progressText(move)];
  const why = kind === 'blocked' ? map.stuck.get(route.shard) : undefined;
  return [`shard ${route.shard}`, CELL_WORDS[kind], ...way, owners, ...(why === undefined ? [] : [why])].join(' · ');
}

export interface Grid {
  readonly size: number;
  readonly gap: number;
  readonly columns: number;
  readonly rows: number;
  /** Room for the number of a row's first shard. */
  readonly left: number;
  readonly height: number;
}

const LABEL = 44;

/** Big cells where there are few; whole dozens in a row, so that numbers can be read off. */
export function gridOf(shards: number, width: number): Grid {
  const [size, gap] = shards <= 256 ? [20, 4] : shards <= 2_048 ? [14, 3] : [11, 2];
  const room = Math.max(1, Math.floor((width - LABEL + gap) / (size + gap)));
  const step = room >= 32 ? 16 : room >= 8 ? 8 : 1;
  const columns = Math.max(1, Math.min(Math.floor(room / step) * step, Math.ceil(shards / step) * step));
  const rows = Math.ceil(shards / columns);
  return { size, gap, columns, rows, left: LABEL, height: Math.max(0, rows * (size + gap) - gap) };
}

export function cellAt(grid: Grid, shards: number, x: number, y: number): number | null {
  const pitch = grid.size + grid.gap;
  const column = Math.floor((x - grid.left) / pitch);
  const row = Math.floor(y / pitch);
  if (column < 0 || column >= grid.columns || row < 0) return null;
  const at = row * grid.columns + column;
  return at < shards ? at : null;
}

/** Where a key leads from a cell; null for any other key. */
export function stepTo(key: string, from: number, grid: Grid, shards: number): number | null {
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: from - 1,
    ArrowRight: from + 1,
    ArrowUp: from - grid.columns,
    ArrowDown: from + grid.columns,
    PageUp: from - 8 * grid.columns,
    PageDown: from + 8 * grid.columns,
    Home: from - (from % grid.columns),
    End: from - (from % grid.columns) + grid.columns - 1,
  };
  const to = Object.hasOwn(steps, key) ? steps[key] : undefined;
  if (to === undefined) return null;
  if (key === 'ArrowUp' || key === 'ArrowDown') return to < 0 || to >= shards ? from : to;
  return Math.max(0, Math.min(shards - 1, to));
}
