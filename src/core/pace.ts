/**
 * How much of ours may wait in a target's queue. A node indexes what waits there as one batch, and its clients' writes
 * wait for that batch: too little wastes the price that every batch has, too much keeps clients waiting for seconds.
 * One pace per target, over all moves into it, fed by the durations of its batches and by what clients see of both ends
 * (`ends.ts`): a step more while they see nothing of it, half at once when they do. Pure: every function returns the next
 * state.
 */
export interface PaceLimits {
  /** Most tasks of ours that wait on the target, over all moves. */
  readonly maxTasks: number;
  /** Most bytes of ours that wait there. */
  readonly maxBytes: number;
  /** Documents a batch never goes below: less is all price and no work. */
  readonly minDocs: number;
  /** Documents a window holds when nothing holds it back. */
  readonly windowDocs: number;
  /** How long a batch may keep clients waiting, ms. */
  readonly targetBatchMs: number;
}

export interface Pace {
  readonly limits: PaceLimits;
  /** Routers that are alive; with none nobody waits, and only the node's own room counts. */
  readonly liveRouters: number;
  /** Documents in flight that clients can live with. */
  readonly clientDocs: number;
  /** Documents in flight that the node accepts without being full. */
  readonly roomDocs: number;
  /** An end of a copy keeps clients waiting: no step more. */
  readonly isPressed: boolean;
}

export interface Allowance {
  readonly docsInFlight: number;
  readonly tasksInFlight: number;
  readonly bytesInFlight: number;
  /** Documents of the next window. */
  readonly windowDocs: number;
}

export interface BatchReport {
  /** Documents of the batch, other clients' too. */
  readonly docs: number;
  readonly durationMs: number;
  /** What a small batch costs this node, ms; 0 while unknown. */
  readonly smallBatchMs: number;
}

/** A node whose small batches are slow cannot be asked for less than a few of them. */
const SMALL_BATCHES = 3;

const mostDocs = ({ maxTasks, windowDocs, minDocs }: PaceLimits): number => Math.max(minDocs, maxTasks * windowDocs);

/** How long a batch may last there. */
export const allowedBatchMs = ({ targetBatchMs }: Pick<PaceLimits, 'targetBatchMs'>, smallBatchMs: number): number =>
  Math.max(targetBatchMs, SMALL_BATCHES * smallBatchMs);

/** Starts at one window, since nothing is known of the node; a fast one is at its limit after some batches. */
export const createPace = (limits: PaceLimits): Pace => ({
  limits,
  liveRouters: 0,
  clientDocs: Math.max(limits.minDocs, limits.windowDocs),
  roomDocs: mostDocs(limits),
  isPressed: false,
});

export const setClients = (pace: Pace, liveRouters: number): Pace => ({ ...pace, liveRouters });

/**
 * After each batch of the target: one step of `minDocs` more when that still fits the time allowed, half of what the
 * batch held when it took too long. A batch's time grows by less than its documents (its price stays), so a step that
 * fits in proportion fits.
 */
export function onBatch(pace: Pace, { docs, durationMs, smallBatchMs }: BatchReport): Pace {
  const { limits, clientDocs } = pace;
  const most = mostDocs(limits);
  const roomDocs = pace.isPressed ? pace.roomDocs : Math.min(most, pace.roomDocs + limits.minDocs);
  const allowedMs = allowedBatchMs(limits, smallBatchMs);
  if (durationMs > allowedMs) {
    const half = Math.floor(Math.min(clientDocs, docs) / 2);
    return { ...pace, roomDocs, clientDocs: Math.max(limits.minDocs, half) };
  }
  // A batch well below the allowance says nothing of what a full one would take.
  const isFull = docs * 2 >= clientDocs && !pace.isPressed;
  const grown = clientDocs + limits.minDocs;
  const fits = isFull && (durationMs * grown) / docs <= allowedMs;
  return { ...pace, roomDocs, clientDocs: fits ? Math.min(most, grown) : clientDocs };
}

/** The node was full or busy: half at once, whether clients wait or not. */
export function onRefused(pace: Pace): Pace {
  const { minDocs } = pace.limits;
  const { docsInFlight } = allowance(pace);
  const half = Math.max(minDocs, Math.floor(docsInFlight / 2));
  return { ...pace, roomDocs: half, clientDocs: Math.min(pace.clientDocs, half) };
}

/** Clients of source or target are kept waiting: half at once, and no step more until they are not. */
export const onComplaint = (pace: Pace): Pace => ({ ...onRefused(pace), isPressed: true });

/** Both ends are well. */
export const onContent = (pace: Pace): Pace => (pace.isPressed ? { ...pace, isPressed: false } : pace);

/** What may be in flight on the target now. */
export function allowance({ limits, liveRouters, clientDocs, roomDocs }: Pace): Allowance {
  const docsInFlight = liveRouters === 0 ? roomDocs : Math.min(roomDocs, clientDocs);
  const windowDocs = Math.min(limits.windowDocs, docsInFlight);
  return {
    docsInFlight,
    tasksInFlight: Math.min(limits.maxTasks, Math.ceil(docsInFlight / windowDocs)),
    bytesInFlight: limits.maxBytes,
    windowDocs,
  };
}
