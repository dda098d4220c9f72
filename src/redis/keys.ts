/**
 * Every Redis key of ours, in one place. All begin with the hash tag `{miroir}`, so that scripts stay in one slot of a
 * cluster; BullMQ's keys share the prefix. What people see as scope (`rebalance:<index>`) is the key without it.
 */
const PREFIX = '{miroir}';
/** What a cluster's slot is made from. */
export const HASH_TAG = PREFIX;

export const keys = {
  /** Lease hash of a scope such as `rebalance:<index>`. */
  lease: (scope: string): string => `${PREFIX}:${scope}`,
  leasePrefix: `${PREFIX}:`,
  /** Set of scopes that are held or were left unclean. */
  leases: `${PREFIX}:leases`,
  topology: `${PREFIX}:topology`,
  /** Hash uid → index entry. */
  indexes: `${PREFIX}:indexes`,
  /** Hash uid → adoption that is under way. */
  adoptions: `${PREFIX}:adoptions`,
  /** Hash node → newest task of the index there that was looked at. */
  taskMarks: (index: string): string => `${PREFIX}:task-marks:${index}`,
  /** Hash uid → deletion whose nodes are still to be told: epoch, who tells them until when, and which nodes. */
  deletions: `${PREFIX}:deletions`,
  routing: (index: string): string => `${PREFIX}:routing:${index}`,
  routingPrefix: `${PREFIX}:routing:`,
  movePrefix: `${PREFIX}:move:`,
  move: (id: string): string => `${PREFIX}:move:${id}`,
  /** Ids that wait to be carried over, by newest attempt; and ranges of slots, once there are too many ids. */
  journal: (move: string): string => `${PREFIX}:move:${move}:journal`,
  ranges: (move: string): string => `${PREFIX}:move:${move}:ranges`,
  /** Attempts whose write may be in flight. */
  openAttempts: (move: string): string => `${PREFIX}:move:${move}:open`,
  /** Counts of writes whose ids nobody knows. */
  reverify: (move: string): string => `${PREFIX}:move:${move}:reverify`,
  /** Turns of a shard: records, who claims which id, numbers in order, and those that wait. */
  turns: (index: string, shard: number): string => `${PREFIX}:turns:${index}:${shard}`,
  /** Of all shards of an index. */
  turnsPrefix: (index: string): string => `${PREFIX}:turns:${index}:`,
  turnClaims: (index: string, shard: number): string => `${PREFIX}:turns:${index}:${shard}:ids`,
  turnOrder: (index: string, shard: number): string => `${PREFIX}:turns:${index}:${shard}:order`,
  turnsWaiting: (index: string, shard: number): string => `${PREFIX}:turns:${index}:${shard}:waiting`,
  /** What one owner of a shard missed, by Redis time (us); `*` is the whole shard. Without an owner: a prefix. */
  repair: (index: string, shard: number, owner: string): string => `${PREFIX}:repair:${index}:${shard}:${owner}`,
  repairPrefix: (index: string): string => `${PREFIX}:repair:${index}:`,
  /** Set of an index's repair lists, `<shard>:<owner>`. */
  repairs: (index: string): string => `${PREFIX}:repairs:${index}`,
  /** What was deleted from a shard, by Redis time (ms); without a shard: a prefix. */
  tombstones: (index: string, shard: number): string => `${PREFIX}:tombstones:${index}:${shard}`,
  tombstonesPrefix: (index: string): string => `${PREFIX}:tombstones:${index}:`,
  /** Hash: from when on the tombstones of each shard tell everything that may still be somewhere. */
  doubt: (index: string): string => `${PREFIX}:doubt:${index}`,
  /** Set of unfinished moves. */
  moves: `${PREFIX}:moves`,
  /** Ended moves by time. */
  movesEnded: `${PREFIX}:moves:ended`,
  /** How often a move's record has changed, and each move by the number of its last change. */
  moveChanges: `${PREFIX}:moves:changes`,
  movesChanged: `${PREFIX}:moves:changed`,
  /** Moves running into or out of a node. */
  nodeMoves: (node: string, way: 'in' | 'out'): string => `${PREFIX}:node:${node}:${way}`,
  plan: (id: string): string => `${PREFIX}:plan:${id}`,
  planMoves: (id: string): string => `${PREFIX}:plan:${id}:moves`,
  /** List of samples of what the plan has brought about. */
  planSamples: (id: string): string => `${PREFIX}:plan:${id}:samples`,
  /** Hash of five-second buckets of the last fifteen minutes: what the fleet copied, and its longest hold. */
  throughput: `${PREFIX}:throughput`,
  plans: `${PREFIX}:plans`,
  /** Hash of what is said of all plans, also of those to come: the hold of an operator. */
  allPlans: `${PREFIX}:plans:all`,
  plansEnded: `${PREFIX}:plans:ended`,
  /** Hash id → plan that was made to be looked at, and the ids by when. */
  proposals: `${PREFIX}:proposals`,
  proposalsMade: `${PREFIX}:proposals:made`,
  /** Hash of the operator's throttle of copies, and what is used up of its rates. */
  throttle: `${PREFIX}:throttle`,
  routers: `${PREFIX}:routers`,
  /** Hash of observers: what they see of nodes, each with its end. */
  observers: `${PREFIX}:observers`,
  /** Hash by node: what it had of the index when it was last looked at. */
  sightings: (index: string): string => `${PREFIX}:sightings:${index}`,
  /** Channel on which an index is named when its table changed. */
  nudge: `${PREFIX}:nudge`,
  /** Hash index → the newest table that a router has served by and Redis has lost; gone once its owners are restored. */
  handed: `${PREFIX}:handed`,
  /** Run id of Redis as last seen, and since when; the one that the planner has taken up. */
  run: `${PREFIX}:run`,
  /** Hash of what an index's settings shall be: version, settings, versions of nodes, a broadcast under way. */
  settings: (index: string): string => `${PREFIX}:settings:${index}`,
  /** Tasks as clients see them: counter, records, uids of all and of each index. */
  clientTaskCounter: `${PREFIX}:tasks:seq`,
  clientTaskPrefix: `${PREFIX}:task:`,
  clientTask: (uid: number): string => `${PREFIX}:task:${uid}`,
  clientTasks: `${PREFIX}:tasks`,
  /** Uids of those that are not final yet. */
  openClientTasks: `${PREFIX}:tasks:open`,
  clientTasksOf: (index: string): string => `${PREFIX}:tasks:index:${index}`,
  /** Anti-entropy: the pass that goes on, its shards to be compared, when each was compared last, passes that are over. */
  pass: `${PREFIX}:anti-entropy:pass`,
  passLeft: `${PREFIX}:anti-entropy:left`,
  passLooked: `${PREFIX}:anti-entropy:looked`,
  passes: `${PREFIX}:anti-entropy:passes`,
  /** Places for anti-entropy's requests to a node, by their end (ms). */
  readingPlaces: (node: string): string => `${PREFIX}:anti-entropy:places:${node}`,
  /** Hash `<index>/<shard>` → owners of a shard that were compared for a replica group that is to be read. */
  groupCompared: (group: number): string => `${PREFIX}:group:${group}:compared`,
  audit: `${PREFIX}:audit`,
} as const;

/** Scope of the lease under which one process at a time moves an index. */
export const rebalanceScope = (index: string): string => `rebalance:${index}`;
/** Scope of the lease under which one reconciler at a time runs a task of a duty. */
export const dutyScope = (duty: string, task: string): string => `reconcile:${duty}:${task}`;
/** Scope of the lease under which one process at a time changes the settings of an index; the original's name. */
export const settingsScope = (index: string): string => `settings_broadcast:${index}`;
/** Scope of the lease under which one process at a time takes an index over. */
export const adoptionScope = (index: string): string => `adopt:${index}`;
/** Scope of the lease under which one process at a time plans. */
export const PLANNER_SCOPE = 'planner';

/** Far longer than any wait for a predecessor. */
const LEASE_KEPT_MS = 86_400_000;
/**
 * How long (ms) a lease stays after its last use; null: for ever. Records of moves and plans keep fences of theirs, and
 * there are as many as indexes. Tasks of duties have one for each shard there ever was, and nothing outlives their fences.
 */
export const leaseKeptMs = (scope: string): number | null =>
  scope === PLANNER_SCOPE || scope.startsWith(rebalanceScope('')) ? null : LEASE_KEPT_MS;
