/**
 * What the control API answers, as far as the page reads it. Optional is what another version may not tell: whatever
 * needs it is not shown then.
 */

export type Scope = 'read' | 'plan' | 'operate' | 'admin';

export interface Capabilities {
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
  readonly failedAtMs?: number | null;
  readonly repairAtMs?: number | null;
  readonly drained?: boolean;
  readonly drainWished?: boolean;
  readonly lost?: string | null;
  readonly note?: string | null;
  readonly bytes?: number | null;
  readonly bytesMax?: number | null;
}

/** What failed nodes have left behind in an index: shards without any copy that answers, or with too few. */
export interface Lacking {
  readonly index: string;
  readonly lack: 'every_copy' | 'a_copy';
  readonly count: number;
  readonly shards: readonly number[];
  readonly nodes: readonly string[];
}

export interface TopologyAnswer {
  readonly version: number;
  readonly nodes: readonly NodeAnswer[];
  readonly covered?: boolean;
  readonly lacking?: readonly Lacking[];
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

/** What keeps moves from beginning, and who wants it so. */
export interface Hold {
  readonly by: string;
  readonly sinceMs: number;
  readonly actor: string;
}

export interface PauseAnswer {
  readonly paused: Hold | null;
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
  readonly held?: Hold | null;
  readonly cancelled?: { readonly sinceMs: number; readonly actor: string } | null;
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
  /** Of the whole plan, moves that have not begun by the size of the others; `documents` has only those that have. */
  readonly documentsLeft?: number | null;
  readonly etaLowSeconds?: number | null;
  readonly etaHighSeconds?: number | null;
  readonly stalledMs?: number | null;
  readonly reason?: string | null;
  readonly unblock?: string | null;
}
export type PlanDetailsAnswer = PlanAnswer & {
  readonly progress: Progress;
  /** What it would do, while it awaits approval. */
  readonly forecast?: Forecast | null;
};

export interface Finding {
  readonly level: string;
  readonly subject: string;
  readonly found: string;
  readonly remedy: string | null;
}
interface Held {
  readonly shards: number;
  readonly documents: number | null;
  readonly bytes: number | null;
}
export interface Forecast {
  readonly added: readonly { readonly id: string; readonly url: string | null; readonly apiKeyRef: string | null }[];
  readonly moves: number;
  readonly minimum: number;
  readonly documents: number | null;
  readonly bytes: number | null;
  readonly nodes: readonly { readonly id: string; readonly before: Held; readonly after: Held }[];
  readonly spreadBefore: number;
  readonly spreadAfter: number;
  readonly secondsLow: number | null;
  readonly secondsHigh: number | null;
  readonly blocked: readonly Blocked[];
  readonly checks: readonly Finding[];
}
/** A plan that nobody has carried out yet. */
export interface ProposedPlan extends Forecast {
  readonly id: string;
  readonly why: string;
  readonly state: 'proposed';
  readonly isStale: boolean;
}

export interface ReportAnswer {
  readonly totals: {
    readonly documents: number;
    readonly bytes: number;
    readonly windowsVerified: number;
    readonly retries: number;
    readonly repaired: number;
    readonly longestWriteWaitMs: number | null;
    readonly lost: number;
  };
  readonly settledSeconds: number | null;
  /** What was said before it ran. */
  readonly shown?: {
    readonly lowSeconds: number | null;
    readonly highSeconds: number | null;
    readonly actual: { readonly seconds: number; readonly isWithinRange: boolean | null } | null;
  } | null;
  readonly predicted: { readonly lowSeconds: number; readonly highSeconds: number } | null;
  readonly actual: { readonly seconds: number; readonly isWithinRange: boolean } | null;
  readonly unknown: readonly string[];
}

/** What cancelling a plan would undo. */
export interface CancelAnswer {
  readonly unbegun: number;
  readonly undone: number;
  readonly switched: number;
  readonly reverse: readonly string[];
  readonly standing: string | null;
}

export interface ThrottleLimits {
  readonly documentsPerSecond: number | null;
  readonly tasksInFlight: number | null;
}
export interface ThrottleAnswer {
  readonly throttle: ThrottleLimits & { readonly nodes: Readonly<Record<string, ThrottleLimits>> };
}

export interface ThroughputSample {
  readonly atMs: number;
  readonly documents: number;
  readonly longestWriteWaitMs?: number | null;
}
export interface ThroughputAnswer {
  readonly bucketMs: number;
  readonly results: readonly ThroughputSample[];
}

interface Decision {
  readonly node: string;
  readonly decider: string;
  readonly decision: string;
  readonly why: string;
}
export interface ShardExplained {
  readonly decisions: readonly Decision[];
}

export interface MoveExplained {
  readonly routers: readonly { readonly name: string; readonly epoch: number | null; readonly isUpToDate: boolean }[];
  readonly nodes: readonly {
    readonly node: string;
    readonly role: string;
    readonly unreachable: string | null;
    readonly oldestTask: { readonly uid: number; readonly type: string; readonly status: string } | null;
    readonly movesOut: number;
    readonly movesIn: number;
  }[];
  readonly places: number;
  readonly journalIds: number;
  readonly holder: string | null;
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
