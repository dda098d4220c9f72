/** Every clock of the lease and of the routers, derived from one TTL in one place and never set apart. */
export interface Timings {
  readonly ttlMs: number;
  readonly renewMs: number;
  /** One renewal attempt may take this long; then the next is due. */
  readonly attemptMs: number;
  /** A holder stops acting this long after the send time of its last good renewal. */
  readonly selfStopMs: number;
  /** Longest request to a node. */
  readonly requestMs: number;
  /** How long a request of a stopped holder may still be on its way. Longer than `requestMs`, by network and queues. */
  readonly residueMs: number;
  /** What a successor waits after the last renewal that it saw: self-stop plus residue. */
  readonly takeoverMs: number;
  /** How often every process looks at all leases, so that a successor knows when it saw the last renewal. */
  readonly watchMs: number;
  /** Budget below which nothing new is started: covers the drift of two clocks over a takeover. */
  readonly marginMs: number;
  /** A router stops reading and writing this long after it sent its last good confirmation. */
  readonly routerLapseMs: number;
  /** A router's entry counts this long after its last confirmation: longer than the router itself acts. */
  readonly routerEntryMs: number;
  /** After a change of the Redis run id no barrier passes for this long: routers register again meanwhile. */
  readonly runChangeMs: number;
  /** How often an observer tells what it sees, and looks again at a node that is silent. */
  readonly beatMs: number;
  /** A report counts for this long: some beats may be late. */
  readonly reportMs: number;
  /** Lock of a queue job; shorter than the lease, so that the queue never is what a takeover waits for. */
  readonly jobLockMs: number;
  /** How often jobs whose process died are looked for. */
  readonly stalledMs: number;
}

/** The original's 10 s gives 6 s self-stop, 4 s requests, 11 s takeover, 12 s after a change of run id. */
export function leaseTimings(ttlMs: number, renewMs: number): Timings {
  return {
    ttlMs,
    renewMs,
    attemptMs: ttlMs * 0.1,
    selfStopMs: ttlMs * 0.6,
    requestMs: ttlMs * 0.4,
    residueMs: ttlMs * 0.5,
    takeoverMs: ttlMs * 1.1,
    watchMs: ttlMs * 0.05,
    marginMs: ttlMs * 0.05,
    routerLapseMs: ttlMs * 0.6,
    routerEntryMs: ttlMs,
    runChangeMs: ttlMs * 1.2,
    beatMs: ttlMs * 0.1,
    reportMs: ttlMs * 0.5,
    jobLockMs: Math.max(1_000, ttlMs * 0.6),
    stalledMs: Math.max(200, ttlMs * 0.1),
  };
}
