/** One state of the world: what every step works on a copy of. */
import { ABSENT, initialContent, type Content } from './documents.ts';
import { SOURCE, TARGET, at, type World } from './world.ts';

/** States of the shard in the routing table, in their order; from `settling` on the new owners are written. */
export const ROUTE = { stable: 0, tracking: 1, held: 2, settling: 3, settled: 4, ended: 5 } as const;
export const ROUTE_NAMES = ['stable', 'tracking', 'held', 'settling', 'settled', 'stable again'] as const;

/** Steps of an operation. `wire` lasts until the router has the answers: it is in flight. */
export const STEP = { idle: 0, waiting: 1, chosen: 2, wire: 3, accepted: 4, acknowledged: 5, unknown: 6 } as const;

/** Where the mover stands. */
export const PC = {
  start: 0,
  trackingBarrier: 1,
  copyRead: 2,
  copyWait: 3,
  home: 4,
  catchRead: 5,
  catchWait: 6,
  heldBarrier: 7,
  switch: 8,
  settleStart: 9,
  settleTake: 10,
  settleRead: 11,
  settleWait: 12,
  settleLate: 13,
  readers: 14,
  settledBarrier: 15,
  cleanUp: 16,
  done: 17,
  dead: 18,
} as const;

/** A task of a node: a client's operation, a mover's batch, or the deletion of the whole shard. */
export type Task =
  | { readonly by: 'client'; readonly operation: number }
  | { readonly by: 'mover'; readonly mover: number; readonly ids: number; readonly contents: readonly Content[] }
  | { readonly by: 'cleanUp' };

export interface Router {
  /** Epoch and state of the table that it works by. */
  epoch: number;
  route: number;
  serving: boolean;
  /** Its entry in the registry counts. */
  live: boolean;
  registration: number;
  acknowledged: number;
  /** Node of a slow read plus one. */
  reading: number;
  readEpoch: number;
  readRegistration: number;
  readMust: number;
}

export interface Write {
  step: number;
  /** By which table it was chosen. */
  epoch: number;
  route: number;
  registration: number;
  /** Attempt of the journal, or of the count. */
  attempt: number;
  /** Nodes (bits) whose request is still under way; nodes it was sent to; nodes that applied it. */
  pending: number;
  sent: number;
  applied: number;
  /** Reached a node at least once. */
  touched: boolean;
  failed: boolean;
  /** The client was told `succeeded`. */
  succeeded: boolean;
  turnLost: boolean;
}

export interface Mover {
  pc: number;
  /** Tasks of `watched` still to be applied. */
  watermark: number;
  watched: number;
  /** While settling: tasks that the target had accepted with the mover's last batch, or before settling, not yet applied. */
  mark: number;
  /** Ids taken (bits), with the attempt of each. */
  taken: number;
  attempts: readonly number[];
  counts: readonly number[];
  wire: Task | null;
  /** 0 none, 1 accepted, 2 succeeded, 3 failed. */
  task: number;
  holdEpoch: number;
}

export interface State {
  epoch: number;
  route: number;
  /** Durable phase: 0 nothing, 1 tracked and watermark applied, 2 copied. */
  phase: number;
  settledEpoch: number;
  holds: number;
  attempts: number;
  journal: readonly number[];
  counts: readonly number[];
  /** Who has the turn of a document: operation plus one. */
  turns: readonly number[];
  /** On some owner's repair list. */
  listed: number;
  routers: readonly Readonly<Router>[];
  writes: readonly Readonly<Write>[];
  /** For every operation: which were acknowledged before it began. */
  earlier: readonly number[];
  queues: readonly (readonly Task[])[];
  contents: readonly (readonly Content[])[];
  movers: readonly Readonly<Mover>[];
  /** An older mover's task came to the target after its successor took up; reported by the last audit. */
  stray: boolean;
  reported: boolean;
  lapses: number;
  giveUps: number;
  takeovers: number;
  moverFailures: number;
  clientFailures: number;
  slowReads: number;
  /** A step that must not have been possible. */
  fault: string;
}

export function newMover(pc: number, ids: number): Mover {
  const attempts = Array.from({ length: ids }, () => 0);
  return {
    pc,
    watermark: 0,
    watched: SOURCE,
    mark: 0,
    taken: 0,
    attempts,
    counts: [],
    wire: null,
    task: 0,
    holdEpoch: 0,
  };
}

export function initialState(world: World): State {
  const ids = world.initial.length;
  const zeroes = world.initial.map(() => 0);
  return {
    epoch: 1,
    route: ROUTE.stable,
    phase: 0,
    settledEpoch: 0,
    holds: world.holds,
    attempts: 0,
    journal: [...zeroes],
    counts: [],
    turns: [...zeroes],
    listed: 0,
    routers: Array.from({ length: world.routers }, (_, r) => {
      const here = r < world.registered;
      return {
        epoch: here ? 1 : 0,
        route: ROUTE.stable,
        serving: here,
        live: here,
        registration: here ? 1 : 0,
        acknowledged: here ? 1 : 0,
        reading: 0,
        readEpoch: 0,
        readRegistration: 0,
        readMust: 0,
      };
    }),
    writes: world.operations.map(() => ({
      step: STEP.idle,
      epoch: 0,
      route: 0,
      registration: 0,
      attempt: 0,
      pending: 0,
      sent: 0,
      applied: 0,
      touched: false,
      failed: false,
      succeeded: false,
      turnLost: false,
    })),
    earlier: world.operations.map(() => 0),
    queues: [[], []],
    contents: [world.initial.map(initialContent), world.initial.map(() => ABSENT)],
    movers: [newMover(PC.start, ids)],
    stray: false,
    reported: false,
    lapses: world.lapses,
    giveUps: world.giveUps,
    takeovers: world.takeovers,
    moverFailures: world.moverFailures,
    clientFailures: world.clientFailures,
    slowReads: world.slowReads,
    fault: '',
  };
}

/** Every list is shared until it is edited: the functions below are the only way to change what is in one. */
export function copyOf(s: State): State {
  return { ...s };
}

function editIn<T extends object>(
  list: readonly Readonly<T>[],
  index: number,
): { list: readonly Readonly<T>[]; item: T } {
  const item = { ...at(list, index) };
  return { list: list.with(index, item), item };
}

export function editRouter(s: State, r: number): Router {
  const { list, item } = editIn<Router>(s.routers, r);
  s.routers = list;
  return item;
}

export function editWrite(s: State, k: number): Write {
  const { list, item } = editIn<Write>(s.writes, k);
  s.writes = list;
  return item;
}

export function editMover(s: State, m: number): Mover {
  const { list, item } = editIn<Mover>(s.movers, m);
  s.movers = list;
  return item;
}

/** A node accepts a task. */
export function enqueue(s: State, node: number, task: Task): void {
  s.queues = s.queues.with(node, [...at(s.queues, node), task]);
}

/** Nodes (bits) that take the shard's writes in this state of the table. */
export function ownersIn(route: number, world: World): number {
  if (route < ROUTE.settling) return 1 << SOURCE;
  return world.stays ? (1 << SOURCE) | (1 << TARGET) : 1 << TARGET;
}

/** Nodes (bits) that are read. */
export function readersIn(route: number, world: World): number {
  if (route < ROUTE.settled) return 1 << SOURCE;
  return ownersIn(route, world);
}
