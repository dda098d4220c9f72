/**
 * What the engine needs from outside, as interfaces. Phases speak to these; adapters in redis/, queue/ and nodes/
 * implement them; service.ts wires. Units stand at the end of names; tokens (fences) are decimal strings, because
 * Redis scripts would round them as numbers.
 */
import type { Move, Outcome, Phase } from './core/move.ts';
import type { Plan, PlanMove } from './core/planner.ts';
import type { IndexEntry, RoutingTable, ShardRoute } from './core/routing.ts';
import type { Topology, TopologyNode } from './core/topology.ts';

// ------------------------------------------------------------------------------------------------ time

/** Time, timers and randomness: the only source of them in core, phases, lease and routing. */
export interface Clock {
  /** Wall clock, ms since 1970. For records and people, never for deadlines. */
  now(): number;
  /** Ms that never go backward; stands still while the machine is suspended. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms`; the returned function calls it off. */
  timer(ms: number, fn: () => void): () => void;
  /** 0 ≤ x < 1. */
  random(): number;
}

// ------------------------------------------------------------------------------------------------ failpoints

/**
 * Awaited right before and after every write that crosses a process border, so that tests can stop or kill the process
 * there. Points are named `<part>:<operation>`, e.g. `node:putDocuments`. Without one nothing happens.
 */
export interface Failpoint {
  hit(point: string, when: 'before' | 'after'): Promise<void>;
}

// ------------------------------------------------------------------------------------------------ lease

/** Permission to act. Asked synchronously right before each side effect, so that no pause fits between. */
export interface Permit {
  /** Aborted when the holder must stop acting. */
  readonly signal: AbortSignal;
  /** How long one request may last now (ms). Throws `LeaseLostError` when nothing may be started any more. */
  budgetMs(): number;
}

/** A held lease on a scope. */
export interface Lease extends Permit {
  readonly scope: string;
  /** Ever-growing token, a decimal string. */
  readonly fence: string;
  /** Resolves when acting is allowed (after the wait that an unclean predecessor asks for); rejects when lost. */
  readonly ready: Promise<void>;
  /** Ends the lease. `clean` only when nothing is in flight and no outcome is unknown. */
  release(clean: boolean): Promise<void>;
}

export interface Leases {
  /** One try: the lease, or who holds it and for how long (ms) at most. */
  acquire(scope: string): Promise<{ lease: Lease } | { busy: { holder: string; remainingMs: number } }>;
}

// ------------------------------------------------------------------------------------------------ nodes

export type TaskStatus = 'enqueued' | 'processing' | 'succeeded' | 'failed' | 'canceled';

/** A task as a node shows it; times are RFC 3339 texts of the node's own clock. */
export interface NodeTask {
  readonly uid: number;
  readonly indexUid: string | null;
  readonly status: TaskStatus;
  readonly type: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly details: Readonly<Record<string, unknown>> | null;
  readonly enqueuedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** The tag of whoever sent the write, as given. */
  readonly customMetadata: string | null;
}

export interface TaskQuery {
  readonly index?: string;
  readonly uids?: readonly number[];
  readonly statuses?: readonly TaskStatus[];
  readonly types?: readonly string[];
  /** At most this many; the node's default is 20. */
  readonly limit: number;
  /** Uid to start at, downward (upward when `reverse`). */
  readonly from?: number;
  readonly reverse?: boolean;
}

/** One page of documents, as the node's own text. */
export interface DocumentPage {
  /** Matching documents, not only those on the page. */
  readonly total: number;
  /** UTF-8 text of the JSON array of documents, byte for byte as answered. */
  readonly documents: Buffer;
}

export interface PageRequest {
  readonly filter?: string;
  readonly ids?: readonly string[];
  readonly fields?: readonly string[];
  readonly limit: number;
  readonly retrieveVectors?: boolean;
  /** Refuse to read an answer larger than this (bytes): `PageTooLargeError` tells the caller to cut the window. */
  readonly maxBytes: number;
}

export interface NodeIndex {
  readonly uid: string;
  readonly primaryKey: string | null;
  readonly createdAt: string;
}

export interface NodeBatch {
  readonly uid: number;
  readonly durationMs: number | null;
  readonly finishedAt: string | null;
  readonly tasks: number;
  /** Documents received by the batch's tasks, when the node tells. */
  readonly documents: number;
  readonly indexes: readonly string[];
}

/**
 * One Meilisearch node over HTTP. Every call is bounded by the permit's budget and ends with its signal; retries of
 * idempotent calls happen inside. Errors: `NodeUnreachableError`, `NodeBusyError`, `NodeRefusedError`,
 * `NodeProtocolError`, `PageTooLargeError`, `LeaseLostError`. Writes return the uid of the node's task: accepted, not
 * applied. A write that was sent and has no certain answer is never sent again here: its error has
 * `details.ambiguous === true`, and the caller looks for its tag.
 */
export interface NodeClient {
  readonly node: TopologyNode;
  /** pkgVersion, or null when the key may not see it. */
  version(): Promise<string | null>;
  index(uid: string): Promise<NodeIndex | null>;
  createIndex(uid: string, primaryKey: string): Promise<number>;
  settings(uid: string): Promise<Readonly<Record<string, unknown>>>;
  updateSettings(uid: string, settings: Readonly<Record<string, unknown>>): Promise<number>;
  indexStats(uid: string): Promise<{ documents: number; bytes: number; embeddings: number }>;
  nodeStats(): Promise<{ databaseBytes: number; usedBytes: number }>;
  /** Number of documents that match. */
  count(uid: string, filter?: string): Promise<number>;
  page(uid: string, request: PageRequest): Promise<DocumentPage>;
  /** POST: replaces whole documents. `documents` is the text of a JSON array. */
  putDocuments(uid: string, primaryKey: string, documents: Buffer | string, tag: string): Promise<number>;
  /** delete-batch: `ids` as JSON text of each id (numbers as numbers, strings quoted). */
  deleteDocuments(uid: string, ids: readonly string[], tag: string): Promise<number>;
  tasks(query: TaskQuery): Promise<readonly NodeTask[]>;
  /** Newest first. */
  batches(limit: number): Promise<readonly NodeBatch[]>;
}

export interface Nodes {
  /**
   * Throws `NodeOriginError` when the URL is not within `node_origins` (or its key belongs to other origins), and
   * `ConfigError` when `apiKeyRef` names no key here. Nothing is sent: for checking an event before it is taken.
   */
  assertAllowed(node: Pick<TopologyNode, 'id' | 'url' | 'apiKeyRef'>): void;
  /** The node's client, acting under the permit. */
  client(node: TopologyNode, permit: Permit): NodeClient;
  close(): Promise<void>;
}

// ------------------------------------------------------------------------------------------------ telemetry

/** Structured logging; pino's logger fits. Fields never hold secrets. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: Record<string, unknown>): Logger;
}

/** What the engine tells about itself; counted by telemetry/, never read back. */
export interface Observer {
  lease(scope: string, what: 'acquired' | 'renewed' | 'lost' | 'released'): void;
  /** A phase was reached; `seconds` since the one before. */
  phase(phase: Phase, seconds: number): void;
  /** A window's checkpoint was accepted. */
  migrated(documents: number, bytes: number): void;
  window(result: 'copied' | 'repeated' | 'verified' | 'repaired'): void;
  differences(count: number): void;
  /** A shard is settled on its new owners, `seconds` after its move started. */
  settled(seconds: number): void;
  hold(seconds: number): void;
  /** A write of ours was refused, by the fence, the lease's own clock or the job's token. */
  refused(reason: string): void;
  target(node: string, load: { tasks: number; bytes: number; windowDocs: number }): void;
  event(type: string, result: 'planned' | 'repeated' | 'failed'): void;
}

// ------------------------------------------------------------------------------------------------ records

/** A move as Redis has it: what the plan says, and how far it is. Times are Redis time, ms. */
export interface MoveState extends Move {
  readonly step: number;
  readonly wish: '' | 'cancel' | 'now';
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  /** When the present phase was reached. */
  readonly phaseAtMs: number | null;
  readonly switchedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly docsMigrated: number;
  /** Next slot below which every window's task has succeeded. */
  readonly lastOffset: number;
  /** Next slot below which source and target were found equal. */
  readonly verifiedOffset: number;
  readonly windowsVerified: number;
  readonly windowsRepeated: number;
  readonly differences: number;
  readonly bytes: number;
  /** Documents of the shard on the source when the copy began; null before. */
  readonly documents: number | null;
  /** Newest task uid of the index on the target when the first holder took the move up; null before. */
  readonly targetFloor: number | null;
  /** `createdAt` of the index on source and target as first seen: a change means that the node lost its data. */
  readonly sourceCreated: string | null;
  readonly targetCreated: string | null;
  /** Newest task uid of the index on the source that the copy is sure to contain. */
  readonly sourceFloor: number | null;
  /** Newest task uid of the index on the retiring owner at the switch; null before. */
  readonly retiresFloor: number | null;
  /** The source that the plan named: its place is taken, whoever is read later. */
  readonly plannedSource: string;
  /** Generation of the move's queue jobs: raised when they had to be made anew. */
  readonly flow: number;
  readonly waiting: { readonly reason: string; readonly sinceMs: number } | null;
  readonly error: string | null;
}

export interface PlanRecord {
  readonly id: string;
  readonly why: string;
  readonly topologyVersion: number;
  readonly state: 'opening' | 'running' | 'done';
  readonly moves: number;
  readonly left: number;
  readonly blocked: readonly { index: string; shard: number; reason: string }[];
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
}

/** A shard's route together with the text it was read as: what a compare in a script compares with. */
export interface RouteRead {
  readonly route: ShardRoute;
  readonly text: string;
}

/** Reading the records. Throws `RecordTooNewError` on what a newer version wrote. */
export interface Records {
  topology(): Promise<Topology>;
  indexes(): Promise<readonly IndexEntry[]>;
  index(uid: string): Promise<IndexEntry | null>;
  table(index: string): Promise<RoutingTable | null>;
  route(index: string, shard: number): Promise<RouteRead>;
  move(id: string): Promise<MoveState | null>;
  moves(ids: readonly string[]): Promise<readonly MoveState[]>;
  unfinishedMoves(): Promise<readonly MoveState[]>;
  plan(id: string): Promise<PlanRecord | null>;
  planMoveIds(id: string): Promise<readonly string[]>;
  /** Newest first: running ones, then at most `ended` ended ones. */
  plans(ended: number): Promise<readonly PlanRecord[]>;
  /** Whether every live router has acknowledged the epoch, or why not and when to look again. */
  barrier(index: string, epoch: number): Promise<{ open: true; routers: number } | { open: false; reason: string; ms: number }>;
  /** Leaves a wish in the move's record. Throws `ConflictError` when it comes too late or too early. */
  wish(moveId: string, wish: 'cancel' | 'now'): Promise<void>;
  /** Puts a hold that is over back to `tracking`; false when somebody else did, or it is not over. */
  endHold(index: string, read: RouteRead): Promise<boolean>;
}

/** The new route of a shard, written under the next epoch. */
export interface RouteChange {
  readonly expected: RouteRead;
  readonly route: Omit<ShardRoute, 'epoch' | 'heldUntilMs'>;
  /** Length of the hold (ms), only with state `held`. */
  readonly holdMs?: number;
}

export interface AdvanceRequest {
  /** The phase that the record must be in; with `to`, the phase it is raised to. */
  readonly to?: Phase;
  readonly route?: RouteChange;
  /** Route that must be unchanged although it is not changed here. */
  readonly unchanged?: RouteRead;
  /** End of the hold (Redis time, ms) that must not be over. */
  readonly holdUntilMs?: number;
  /** Refuse when a cancel is wished: the switch and everything before it. */
  readonly unlessCancelled?: boolean;
  /** Give the places at both nodes back: the shard is settled. */
  readonly releasePlaces?: boolean;
  /** Facts stored with it; `$now` stands for Redis time. */
  readonly fields?: Readonly<Record<string, string | number>>;
  /** Word for the audit stream. */
  readonly what: string;
}

export type MoveRefusal = 'phase' | 'wish' | 'conflict' | 'source_full' | 'target_full' | 'hold_over';
export type MoveReply = { readonly epoch: number | null } | { readonly refused: MoveRefusal };

/**
 * Changing a move: every call checks the fence in the same script. A stale fence throws `StaleFenceError`; refusals
 * that a phase handles come back as values.
 */
export interface MoveWriter {
  start(move: MoveState, change: RouteChange): Promise<MoveReply>;
  advance(move: MoveState, request: AdvanceRequest): Promise<MoveReply>;
  end(move: MoveState, outcome: Outcome, change: { route?: RouteChange; error?: string }): Promise<MoveReply>;
  /** Facts only; `waiting`: a reason, or '' to clear it. */
  note(moveId: string, change: { waiting?: string; fields?: Readonly<Record<string, string | number>> }): Promise<void>;
}

/** Progress of a running phase, kept in the job's data and in the record by one script that checks fence and token. */
export interface Checkpoint {
  readonly docsMigrated: number;
  readonly lastOffset: number;
  readonly fields?: Readonly<Record<string, string | number>>;
}

/** What may be changed without a lease. Throws `ConflictError` when somebody was first. */
export interface FleetWriter {
  initTopology(nodes: readonly TopologyNode[]): Promise<void>;
  /** Registers an index whose routes were computed from the topology of that version. */
  createIndex(topologyVersion: number, entry: IndexEntry, routes: readonly ShardRoute[]): Promise<void>;
}

/** Changing topology and plans under the planner's fence. */
export interface PlanWriter {
  /** `plan`: the index to plan because of it, `*` for every. Throws `ConflictError` when the version moved on. */
  commitTopology(
    version: number,
    changes: readonly { readonly id: string; readonly node: TopologyNode | null }[],
    about: { readonly why: string; readonly plan?: string },
  ): Promise<void>;
  /** What was asked for and not planned yet. */
  unplanned(): Promise<readonly { index: string; why: string }[]>;
  openPlan(plan: Plan, why: string): Promise<void>;
  addMoves(planId: string, moves: readonly PlanMove[]): Promise<void>;
  /** The plan's moves may get jobs from now on; `planned` names are not asked for any more. */
  runPlan(planId: string | null, topologyVersion: number, planned: readonly string[]): Promise<void>;
  closePlan(planId: string): Promise<void>;
  note(moveId: string, change: { waiting?: string; fields?: Readonly<Record<string, string | number>> }): Promise<void>;
  trimHistory(): Promise<void>;
}

// ------------------------------------------------------------------------------------------------ queue

/** Where the planner puts moves: chains of phase jobs, and claims for the indexes that have them. */
export interface MoveQueue {
  /** Adds the chain of phase jobs that each move still needs; adding the same again changes nothing. */
  enqueue(moves: readonly MoveState[]): Promise<void>;
  /** How the job of each move's next phase is: found, `failed` (its chain stands still) or `missing`. */
  inspect(moves: readonly MoveState[]): Promise<ReadonlyMap<string, 'found' | 'failed' | 'missing'>>;
  /** Starts a chain that stands still again. */
  retry(move: MoveState): Promise<void>;
  /** Makes the delayed job of a move due now. */
  promote(move: MoveState): Promise<void>;
  /** Asks that some worker serves the index; asking twice is asking once. */
  claim(index: string): Promise<void>;
}

// ------------------------------------------------------------------------------------------------ planner

/** What became of a topology event; also the return value of its job. */
export interface EventOutcome {
  /** `repeated`: the topology was already in, or on its way to, what the event asks for. */
  readonly change: 'changed' | 'repeated';
  /** The plan that the event led to or, repeated, the one that is under way; null when nothing has to move. */
  readonly plan: string | null;
  /** Moves of that plan. */
  readonly moves: number;
  /** Shards that cannot be moved now; the plan's record says why. */
  readonly blocked: number;
}

/** Turns topology events into plans. One for each lease on the planner's scope; its calls never overlap. */
export interface Planner {
  /** One event. Throws what the sender has to correct, with field and remedy; nothing is changed then. */
  handle(name: string, data: unknown): Promise<EventOutcome>;
  /** Finishes what a predecessor left between two writes. Called before the first event. */
  resume(): Promise<void>;
  /** Looks at everything: moves without a job, holds that are over, plans that are done. */
  sweep(): Promise<void>;
  /** The cheap part of a sweep, each second: plans that are done, nodes that have joined, moves whose turn it is. */
  tick(): Promise<void>;
}
