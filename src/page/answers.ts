/**
 * What the control API answers, as far as the page reads it. Optional is what another version may not tell: whatever
 * needs it is not shown then.
 */

export type Scope = 'read' | 'plan' | 'operate' | 'admin';

export interface Capabilities {
  readonly version?: string;
  readonly scope?: Scope;
  readonly read_only?: boolean;
}

export interface NodeAnswer {
  readonly id: string;
  readonly group: number;
  readonly state: string;
  readonly url?: string;
  readonly shards: number;
  readonly movesIn: number;
  readonly movesOut: number;
  readonly inGrace?: number;
  readonly lost?: string | null;
  readonly note?: string | null;
  readonly bytes?: number | null;
  readonly bytesMax?: number | null;
}

export interface TopologyAnswer {
  readonly version: number;
  readonly nodes: readonly NodeAnswer[];
  readonly covered?: boolean;
}

export interface IndexAnswer {
  readonly uid: string;
  readonly shards: number;
  readonly replicationFactor: number;
  readonly epoch: number;
  readonly moving: number;
}

export interface RouteAnswer {
  readonly shard: number;
  readonly state: string;
  readonly owners: readonly string[];
  readonly readers: readonly string[];
  readonly epoch: number;
  readonly moveId?: string;
  readonly frozen?: boolean;
}
export type RoutesAnswer = IndexAnswer & { readonly routes: readonly RouteAnswer[] };

export interface Waiting {
  readonly reason: string;
  readonly text?: string;
  readonly sinceMs?: number;
  readonly unblock?: string;
}

export interface MoveAnswer {
  readonly id: string;
  readonly plan: string;
  readonly index: string;
  readonly shard: number;
  readonly source: string;
  readonly target: string;
  /** What it is for: restore, drain, balance. */
  readonly reason: string;
  readonly phase: string;
  readonly level?: boolean;
  readonly outcome: string | null;
  readonly docsMigrated: number;
  readonly documents: number | null;
  readonly lastOffset: number;
  readonly differences: number;
  readonly lost?: number;
  readonly note: string | null;
  readonly waiting?: Waiting | null;
}

export interface MoveDetailsAnswer extends MoveAnswer {
  readonly createdAtMs?: number;
  readonly startedAtMs?: number | null;
  readonly switchedAtMs?: number | null;
  readonly endedAtMs?: number | null;
  readonly windowsVerified?: number;
}

export interface Blocked {
  readonly index: string;
  readonly shard: number;
  readonly reason: string;
}

export interface PlanAnswer {
  readonly id: string;
  readonly why: string;
  readonly state: string;
  readonly moves: number;
  readonly left: number;
  readonly blocked: readonly Blocked[];
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly held?: { readonly sinceMs?: number; readonly actor?: string } | null;
  readonly cancelled?: { readonly sinceMs?: number; readonly actor?: string } | null;
}

export interface Progress {
  readonly moves: number;
  readonly settled: number;
  readonly cleaned: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly running: number;
  readonly docsMigrated: number;
  readonly documents: number;
  readonly differences: number;
  readonly windowsVerified: number;
  readonly ratePerSecond?: number | null;
  readonly etaLowSeconds?: number | null;
  readonly etaHighSeconds?: number | null;
  readonly stalledMs?: number | null;
}
export type PlanDetailsAnswer = PlanAnswer & { readonly progress: Progress };

export interface PlanCheck {
  readonly check: string;
  readonly result: string;
  readonly what: string;
  readonly remedy?: string | null;
}
interface Held {
  readonly shards?: number;
  readonly documents?: number;
}
/** A plan that nobody has applied yet. */
export interface ProposedPlan {
  readonly id: string;
  readonly state: string;
  readonly epoch?: number;
  readonly moves: number;
  readonly documents?: number;
  readonly bytes?: number;
  readonly nodes?: readonly { readonly id: string; readonly before: Held; readonly after: Held }[];
  readonly checks?: readonly PlanCheck[];
  readonly minimumMoves?: number;
  readonly secondsLow?: number | null;
  readonly secondsHigh?: number | null;
}

export interface ThrottleLimits {
  readonly documentsPerSecond: number | null;
  readonly tasksInFlight: number | null;
}
export type ThrottleAnswer = ThrottleLimits & { readonly nodes?: Readonly<Record<string, Partial<ThrottleLimits>>> };

export interface ThroughputSample {
  readonly atMs: number;
  readonly documents: number;
  readonly longestWriteWaitMs?: number | null;
}
export interface ThroughputAnswer {
  readonly bucketMs: number;
  readonly results: readonly ThroughputSample[];
}

export interface Decider {
  readonly node: string;
  readonly decider: string;
  readonly decision: string;
  readonly why: string;
}
export interface ExplainAnswer {
  readonly deciders?: readonly Decider[];
}

export interface PageOf<T> {
  readonly results: readonly T[];
  readonly total: number;
  readonly next: string | null;
}

/** An entry of the audit stream. */
export interface AuditEvent {
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
}
