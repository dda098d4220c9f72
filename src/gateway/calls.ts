/** Requests under way: each with its deadline, its share of the room, and a signal that ends it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { OverloadedError, TimeoutError } from '../errors.ts';
import type { ClientAnswer, Router } from '../routing/api.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { overloaded, refuse } from './answers.ts';
import { type Collector, contentType, readBody } from './bodies.ts';
import type { Call, Route } from './call.ts';
import { type GatewayTimings, JSON_BODY_MAX_BYTES } from './limits.ts';
import { DocumentBytes } from './pieces.ts';
import { Rooms, type Share } from './room.ts';
import { Utf8Text } from './utf8.ts';

export interface CallLimits {
  readonly bodyMaxBytes: number;
  readonly waitingMaxBytes: number;
  readonly inFlightMax: number;
  readonly timings: GatewayTimings;
}

export type CallMetrics = Pick<Metrics, 'gatewayInFlight' | 'gatewayHeldBytes' | 'gatewayReceivedBytes'>;

/** The reason of a call whose client does not wait for it any more; nobody gets the answer. */
export const CLIENT_GONE = new Error('the client went away');

/** A client sends this to be given what there is, without the shards that nobody can serve. */
const PARTIAL_HEADER = 'x-miroir-partial';
/** And this to be answered by nodes at a version of the index's settings, or later. */
const FLOOR_HEADER = 'x-miroir-min-settings-version';

/** Null when the header is not there. */
export function settingsFloor(text: string | readonly string[] | undefined): number | null {
  if (text === undefined) return null;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  return refuse(
    'bad_request',
    'The header `X-Miroir-Min-Settings-Version` is no settings version: give a whole number.',
  );
}

export class Calls {
  readonly #router: Router;
  readonly #limits: CallLimits;
  readonly #metrics: CallMetrics;
  readonly #rooms: Rooms;
  readonly #running = new Set<AbortController>();
  #onIdle: (() => void) | null = null;

  constructor(router: Router, limits: CallLimits, metrics: CallMetrics) {
    this.#router = router;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#rooms = new Rooms(limits.waitingMaxBytes);
  }

  async run(
    request: IncomingMessage,
    response: ServerResponse,
    route: Route,
    asked: Pick<Call, 'params' | 'search' | 'access'>,
  ): Promise<ClientAnswer> {
    // Whoever watches over the gateway asks the open routes, and most of all when there is much to do.
    if (route.action !== null && this.#running.size >= this.#limits.inFlightMax)
      overloaded('too many requests are under way in this gateway');
    const floor = settingsFloor(request.headers[FLOOR_HEADER]);
    const { callMs } = this.#limits.timings;
    const controller = new AbortController();
    const onClose = (): void => controller.abort(CLIENT_GONE);
    const onLate = (): void =>
      controller.abort(new TimeoutError(`no answer in ${callMs} ms`, { remedy: 'ask again, or for less' }));
    let deadline = setTimeout(onLate, callMs);
    const shares: Share[] = [];
    const held: Promise<unknown>[] = [];
    const read = async <T extends Collector>(maxBytes: number, collector: (expectedBytes?: number) => T) => {
      // A body has deadlines of its own; the router's time begins after it.
      clearTimeout(deadline);
      const { timings } = this.#limits;
      const onShare = (share: Share): void => void shares.push(share);
      const options = { maxBytes, rooms: this.#rooms, timings, signal: controller.signal, onShare };
      const body = await readBody(request, options, collector);
      this.#metrics.gatewayReceivedBytes.inc(body.bytes);
      this.#count();
      deadline = setTimeout(onLate, callMs);
      return body;
    };
    this.#running.add(controller);
    this.#count();
    response.once('close', onClose);
    try {
      return await route.handle(this.#router, {
        ...asked,
        signal: controller.signal,
        onHeld: (over) => void held.push(over),
        partial: request.headers[PARTIAL_HEADER] === 'allow',
        ...(floor === null ? {} : { minSettingsVersion: floor }),
        limits: {
          documentsMaxBytes: this.#limits.bodyMaxBytes,
          jsonMaxBytes: Math.min(this.#limits.bodyMaxBytes, JSON_BODY_MAX_BYTES),
        },
        contentType: (accepted) => contentType(request, accepted),
        body: async (maxBytes) => {
          const { collected, bytes } = await read(maxBytes, (expectedBytes) => new Utf8Text(expectedBytes));
          return { text: collected.end(), bytes };
        },
        documents: async (maxBytes, isLines) => {
          const { collected, bytes } = await read(maxBytes, (expected) => new DocumentBytes(isLines, expected));
          return { ...collected.end(), bytes };
        },
      });
    } finally {
      clearTimeout(deadline);
      response.off('close', onClose);
      this.#running.delete(controller);
      // Of a client that went away the router may still be sending something.
      if (held.length > 0) void Promise.allSettled(held).then(() => this.#giveBack(shares));
      else this.#giveBack(shares);
      this.#count();
      if (this.#running.size === 0) this.#onIdle?.();
    }
  }

  /** Resolves when all have ended; after `drainMs` they are told to. */
  async drain(): Promise<void> {
    if (this.#running.size === 0) return;
    const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
    const timer = setTimeout(() => {
      const closing = new OverloadedError('this gateway is closing', { remedy: 'send the request again' });
      for (const controller of this.#running) controller.abort(closing);
    }, this.#limits.timings.drainMs);
    await idle;
    clearTimeout(timer);
  }

  #giveBack(shares: readonly Share[]): void {
    for (const share of shares) share.release();
    this.#count();
  }

  #count(): void {
    this.#metrics.gatewayInFlight.set(this.#running.size);
    this.#metrics.gatewayHeldBytes.set(this.#rooms.heldBytes);
  }
}
