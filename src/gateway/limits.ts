/** Deadlines of the edge, in one place; a test makes them short. */
export interface GatewayTimings {
  /** From the connection to the end of the headers. */
  readonly headersMs: number;
  /** From the headers to the end of the body. */
  readonly bodyMs: number;
  /** Between two pieces of a body. */
  readonly stallMs: number;
  /** A body waits this long for room before it is refused. */
  readonly roomMs: number;
  /** From the end of the body to the router's answer. */
  readonly callMs: number;
  /** A connection on which nothing is under way. */
  readonly keepAliveMs: number;
  /** A client that does not read its answer. */
  readonly idleMs: number;
  /** What a refused client goes on sending is read and thrown away this long, so that it can read why. */
  readonly discardMs: number;
  /** Requests under way at the end; then they are ended with 503. */
  readonly drainMs: number;
  /** Answers that clients have not read at the end. */
  readonly flushMs: number;
}

/**
 * A body's deadline allows 100 MB at 3 Mbit/s. A node answers a search after 60 s at the latest, so a call has twice
 * that. Keeping connections longer than load balancers do (60 s) avoids that they write to one just closed. A process
 * is gone 4.7 s after its signal.
 */
export const TIMINGS: GatewayTimings = {
  headersMs: 10_000,
  bodyMs: 300_000,
  stallMs: 30_000,
  roomMs: 5_000,
  callMs: 120_000,
  keepAliveMs: 65_000,
  idleMs: 150_000,
  discardMs: 5_000,
  drainMs: 3_000,
  flushMs: 500,
};

/** Bodies other than documents are parsed, which takes a multiple of their bytes. */
export const JSON_BODY_MAX_BYTES = 20_000_000;
