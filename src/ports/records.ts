/** What Redis keeps for us: reading it, and changing it under a fence. */
import type { TopologyGroup } from '../core/groups.ts';
import type { Move, Outcome, Phase } from '../core/move.ts';
import type { PlanHold } from '../core/plan-hold.ts';
import type { Prediction } from '../core/plan-report.ts';
import type { Plan, PlanMove } from '../core/planner.ts';
import type { WaitReason } from '../errors.ts';
import type { IndexEntry, RoutingTable, ShardRoute } from '../core/routing.ts';
import type { Sighting } from '../core/sightings.ts';
import type { Topology, TopologyNode } from '../core/topology.ts';
import type { Deletion } from './fleet-writer.ts';

/** What anybody may ask of a move, and the lease holder carries out. */
export type MoveWish = 'cancel' | 'accept-loss' | 'now' | 'revert';

/** A move as Redis has it: what the plan says, and how far it is. Times are Redis time, ms. */
export interface MoveState extends Move {
  readonly step: number;
  readonly wish: '' | MoveWish;
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
  /** Newest task uid of the index on the source that the gate before the hold has looked at. */
  readonly gateFloor: number | null;
  /** The same on the target. */
  readonly gateTargetFloor: number | null;
  /** Epochs of the table at which the shard's writes began to be tracked, and at which its owners changed. */
  readonly trackingEpoch: number | null;
  readonly switchEpoch: number | null;
  /** How often the gate was closed because nodes or the journal do not keep up. */
  readonly gateRefused: number;
  /** How long the shard's writes were held for the switch (ms); null before. */
  readonly holdMs: number | null;
  /** The fence that took up settling after another one, and the target's newest task uid of the index then. */
  readonly settlingBy: string | null;
  readonly settlingFloor: number | null;
  /** The source's watermark when settling began. */
  readonly sourceMark: number | null;
  /** The fence that took the move up last, and the target's newest task uid of the index then. */
  readonly takenBy: string | null;
  readonly takenFloor: number | null;
  /** Newest task uid of the index on the retiring owner at the switch; null before. */
  readonly retiresFloor: number | null;
  /** Documents whose last write was given up while the shard settled, and which (some, where they are many). */
  readonly lost: number;
  readonly lostIds: readonly string[];
  /** When the retiring copy began to be deleted; null before. */
  readonly deletingAtMs: number | null;
  /** The source that the plan named: its place is taken, whoever is read later. */
  readonly plannedSource: string;
  /** Whether the target's own copy is brought level instead of copying all. */
  readonly level: boolean;
  /** Whether the index stores vectors, so that reads have to ask for them. */
  readonly vectors: boolean;
  /** Generation of the move's queue jobs: raised when they had to be made anew. */
  readonly flow: number;
  /** When it last got on: a phase, the switch, a window that was applied. */
  readonly progressAtMs: number;
  /** When each phase was reached; those of older versions are not known. */
  readonly phases: Readonly<Partial<Record<Phase, number>>>;
  /** `reason` begins with `code`. */
  readonly waiting: { readonly code: WaitReason; readonly reason: string; readonly sinceMs: number } | null;
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
  /** None of its moves begins, and of those that have begun none goes on to its switch (an operator's). */
  readonly held: PlanHold | null;
  /** Moves that are not switched are taken back. */
  readonly cancelled: { readonly sinceMs: number; readonly actor: string } | null;
}

/** A shard's route together with the text it was read as: what a compare in a script compares with. */
export interface RouteRead {
  readonly route: ShardRoute;
  readonly text: string;
}

/** A sighting together with the text it was read as. */
export interface SightingRead {
  readonly sighting: Sighting;
  readonly text: string;
}

/** From which id on, null = the first, and how many at most. */
export interface PageAsked {
  readonly from: string | null;
  readonly limit: number;
}

export interface IdPage {
  /** One more than was asked for, where there is one. */
  readonly keys: readonly string[];
  readonly total: number;
}

/** Reading the records. Throws `RecordTooNewError` on what a newer version wrote. */
export interface Records {
  /** Redis time, ms: what several processes go by. */
  nowMs(): Promise<number>;
  topology(): Promise<Topology>;
  indexes(): Promise<readonly IndexEntry[]>;
  index(uid: string): Promise<IndexEntry | null>;
  /** Its deletion, while nodes are still to be told of it. */
  deletion(index: string): Promise<Deletion | null>;
  /** Indexes with a deletion that whoever began it tells no node of any more. */
  deletionsLeft(): Promise<readonly string[]>;
  table(index: string): Promise<RoutingTable | null>;
  route(index: string, shard: number): Promise<RouteRead>;
  /** By node: what it had of the index when it was last looked at. */
  sightings(index: string): Promise<ReadonlyMap<string, SightingRead>>;
  /** Of several indexes, in their order. */
  sightingsOf(indexes: readonly string[]): Promise<readonly ReadonlyMap<string, SightingRead>[]>;
  move(id: string): Promise<MoveState | null>;
  moves(ids: readonly string[]): Promise<readonly MoveState[]>;
  unfinishedMoves(): Promise<readonly MoveState[]>;
  /** The same by index. */
  unfinishedByIndex(): Promise<ReadonlyMap<string, readonly MoveState[]>>;
  /** Places that both nodes of a move have for moves like it; one at least for a move that has its own, needs none or is gone. */
  freePlaces(moveId: string, movesPerNode: number): Promise<number>;
  plan(id: string): Promise<PlanRecord | null>;
  planMoveIds(id: string): Promise<readonly string[]>;
  /** Ids of plans, and the next one: those that run, then those that have ended, newest first. Null when `from` is none. */
  planPage(wish: PageAsked): Promise<IdPage | null>;
  /** Ids of moves, and the next one: unfinished ones by id, ended ones newest first; null when `from` is none of these. */
  movePage(state: 'unfinished' | 'ended', wish: PageAsked): Promise<IdPage | null>;
  /** Ids of a plan's moves as planned, and the next one; null when `from` is none of them. */
  planMovePage(plan: string, wish: PageAsked): Promise<IdPage | null>;
  /** Newest first: running ones, then at most `ended` ended ones. */
  plans(ended: number): Promise<readonly PlanRecord[]>;
  /** Whether every live router has acknowledged the epoch for the shard, or why not and when to look again. */
  barrier(
    index: string,
    shard: number,
    epoch: number,
    /** Every entry has to live this much longer (ms): a router that is silent for a while is waited for. */
    restMs?: number,
  ): Promise<{ open: true; routers: number } | { open: false; reason: string; ms: number }>;
  /** Whether the planner has taken up the present run of Redis. */
  runAccepted(): Promise<boolean>;
  /** Leaves a wish in the move's record. Throws `ConflictError` when it comes too late or too early. */
  wish(moveId: string, wish: MoveWish): Promise<void>;
  /** Ids in the move's journal: how many, and the first ones. */
  journaled(moveId: string, limit: number): Promise<{ readonly total: number; readonly ids: readonly string[] }>;
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
  /** Refuse when a cancel is wished: the switch and everything before it. After it: when a revert is. */
  readonly unlessCancelled?: boolean;
  /** Refuse while a `reverify` count stands (`counted`) or the journal holds more than plain ids (`journal`): the switch. */
  readonly unlessCounted?: boolean;
  /** Refuse while the plan is held or cancelled, or all plans are held: the hold before the switch, and the switch. */
  readonly unlessHeld?: boolean;
  /** Add what one owner of the shard missed to the list of another, in the same script: the target's copy is the source's. */
  readonly copyRepairs?: { readonly from: string; readonly to: string };
  /** Give the places at both nodes back: the shard is settled. */
  readonly releasePlaces?: boolean;
  /** Facts stored with it; `$now` stands for Redis time. */
  readonly fields?: Readonly<Record<string, string | number>>;
  /** Word for the audit stream. */
  readonly what: string;
}

export type MoveRefusal =
  | 'phase'
  | 'wish'
  | 'held'
  | 'settings'
  | 'conflict'
  | 'source_full'
  | 'target_full'
  | 'hold_over'
  | 'counted'
  | 'journal';
export interface MoveAccepted {
  /** The shard's route as it stands now; null where it was not changed. */
  readonly route: RouteRead | null;
  /** When the move was started, and Redis time now (ms). */
  readonly startedAtMs: number;
  readonly nowMs: number;
}
export type MoveReply = MoveAccepted | { readonly refused: MoveRefusal };

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

/** Changing topology and plans under the planner's fence. */
export interface PlanWriter {
  /** `plan`: the index to plan because of it, `*` for every. Throws `ConflictError` when the version moved on. */
  commitTopology(
    version: number,
    changes: readonly { readonly id: string; readonly node: TopologyNode | null }[],
    about: { readonly why: string; readonly plan?: string; readonly groups?: readonly TopologyGroup[] },
  ): Promise<void>;
  /** The index has shards in the replica group from now on, or has none there any more. */
  assignGroup(index: string, group: number, isMember: boolean): Promise<void>;
  /** Which shards of the group were compared is of no use any more. */
  forgetCompared(group: number): Promise<void>;
  /** Drops the repair lists of these that are no nodes of the topology any more. Returns how many lists went. */
  forgetMissed(index: string, lists: readonly { readonly shard: number; readonly owner: string }[]): Promise<number>;
  /** Changes who is read, each shard by a compare on its route. Returns how many shards changed. */
  setReaders(index: string, changes: readonly RouteChange[]): Promise<number>;
  /**
   * Takes nodes that have failed out of shards, each by a compare on its route: one that changed meanwhile stays as it
   * is. `nodes`: who leaves. Returns how many shards changed.
   */
  leave(
    index: string,
    changes: readonly { readonly change: RouteChange; readonly nodes: readonly string[] }[],
  ): Promise<number>;
  /** `expected`: the text that is replaced, null for none; one that changed meanwhile stays. `sighting`: null forgets it. */
  noteSightings(
    index: string,
    changes: readonly {
      readonly node: string;
      readonly expected: string | null;
      readonly sighting: Sighting | null;
    }[],
  ): Promise<void>;
  /** What was asked for and not planned yet. */
  unplanned(): Promise<readonly { index: string; why: string }[]>;
  /** `isHeld`: none of its moves begins before it is approved. `documents`: what they carry, null where it is not known. */
  openPlan(plan: Plan, why: string, about?: { isHeld: boolean; documents: number | null }): Promise<void>;
  /** Throws `ConflictError` when an index was deleted since. */
  addMoves(planId: string, moves: readonly PlanMove[]): Promise<void>;
  /** The plan's moves may get jobs from now on; `planned` names are not asked for any more. */
  runPlan(planId: string | null, topologyVersion: number, planned: readonly string[]): Promise<void>;
  closePlan(planId: string): Promise<void>;
  /** Keeps what was predicted of the plan, unless something was before. */
  keepPrediction(planId: string, predicted: Prediction): Promise<void>;
  note(moveId: string, change: { waiting?: string; fields?: Readonly<Record<string, string | number>> }): Promise<void>;
  /** Forgets the oldest ended plans, each with its moves, beyond `history_max` of either. */
  trimHistory(): Promise<void>;
}
