/**
 * One request and its answer. Invariant: the permit is asked in the same turn as the bytes are handed to the socket,
 * so a holder that lost its lease between a decision and its effect has no effect. undici may keep a request waiting
 * for a connection; that is why the permit is asked twice: when the request is handed over (it also bounds everything
 * that follows) and again right before undici writes it.
 */
import type { Dispatcher } from 'undici';
import type { Clock, Permit } from '../ports.ts';

export interface Call {
  readonly origin: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string | null;
  readonly isWrite: boolean;
  /** An answer with a 2xx status and more bytes than this is not read further. */
  readonly maxBytes: number;
}

export type Exchange =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfter: string | null;
      /** When the node says it answered. */
      readonly date: string | null;
      readonly body: Buffer;
    }
  | {
      readonly kind: 'unanswered';
      readonly why: 'transport' | 'timeout' | 'cancelled' | 'too large';
      /** Whether the node may have read the request. */
      readonly isSent: boolean;
      readonly cause: unknown;
    };

/** Error bodies are a few hundred bytes; a proxy's page is cut here. */
const ERROR_BYTES_MAX = 65_536;

/** Rejects only with what the permit throws, and then nothing was sent. */
export function exchange(dispatcher: Dispatcher, clock: Clock, permit: Permit, call: Call): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const { origin, method, path, headers, body } = call;
    // Order: nothing may wait between this line and dispatch.
    const handler = new ExchangeHandler(permit, clock, call, permit.budgetMs(), resolve, reject);
    if (!handler.isDone) dispatcher.dispatch({ origin, method, path, headers, body, idempotent: false }, handler);
  });
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  isDone = false;
  #isSent = false;
  #status = 0;
  #retryAfter: string | null = null;
  #date: string | null = null;
  #body = new BoundedBody(0, null);
  #controller: Dispatcher.DispatchController | null = null;
  readonly #permit: Permit;
  readonly #maxBytes: number;
  readonly #resolve: (result: Exchange) => void;
  readonly #reject: (error: unknown) => void;
  readonly #stopTimer: () => void;
  /** Ends it also when it was sent: for a write, whose fate somebody has to find out then, that may be later. */
  readonly #lastSignal: AbortSignal;
  readonly #onAbort = (): void => {
    if (!this.#isSent) this.#giveUp('cancelled', this.#permit.signal.reason);
  };
  readonly #onLastAbort = (): void => this.#giveUp('cancelled', this.#lastSignal.reason);

  constructor(
    permit: Permit,
    clock: Clock,
    { maxBytes, isWrite }: Call,
    budgetMs: number,
    resolve: (result: Exchange) => void,
    reject: (error: unknown) => void,
  ) {
    this.#permit = permit;
    this.#maxBytes = maxBytes;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#stopTimer = clock.timer(budgetMs, () =>
      this.#giveUp('timeout', new Error(`no whole answer in ${budgetMs} ms`)),
    );
    this.#lastSignal = (isWrite ? permit.writeSignal : undefined) ?? permit.signal;
    permit.signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#lastSignal.addEventListener('abort', this.#onLastAbort, { once: true });
    if (permit.signal.aborted) this.#onAbort();
  }

  /** Called by undici in the turn in which it writes the request; what is thrown here keeps it from being written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.isDone) throw new Error('given up before it was sent');
    try {
      this.#permit.budgetMs();
    } catch (error) {
      this.#end();
      this.#reject(error);
      throw error;
    }
    this.#isSent = true;
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#retryAfter = typeof headers['retry-after'] === 'string' ? headers['retry-after'] : null;
    this.#date = typeof headers['date'] === 'string' ? headers['date'] : null;
    const length = typeof headers['content-length'] === 'string' ? Number(headers['content-length']) : null;
    const isGood = status < 300;
    this.#body = new BoundedBody(isGood ? this.#maxBytes : ERROR_BYTES_MAX, length);
    if (this.#body.isOver) this.#overflow();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.isDone) return;
    this.#body.add(chunk);
    if (this.#body.isOver) this.#overflow();
  }

  onResponseEnd(): void {
    this.#settle({
      kind: 'answered',
      status: this.#status,
      retryAfter: this.#retryAfter,
      date: this.#date,
      body: this.#body.bytes(),
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle({ kind: 'unanswered', why: 'transport', isSent: this.#isSent, cause: error });
  }

  #overflow(): void {
    if (this.#status < 300) this.#giveUp('too large', new Error(`more than ${this.#maxBytes} bytes`));
    else {
      // What the status says is enough; the rest of such a body is not wanted.
      this.#settle({
        kind: 'answered',
        status: this.#status,
        retryAfter: this.#retryAfter,
        date: this.#date,
        body: this.#body.bytes(),
      });
      this.#controller?.abort(new Error('error body too large'));
    }
  }

  #giveUp(why: 'timeout' | 'cancelled' | 'too large', cause: unknown): void {
    this.#settle({ kind: 'unanswered', why, isSent: this.#isSent, cause });
    // Without a controller the request is still waiting for a connection, and onRequestStart stops it.
    this.#controller?.abort(new Error(why));
  }

  #settle(result: Exchange): void {
    if (this.isDone) return;
    this.#end();
    this.#resolve(result);
  }

  #end(): void {
    this.isDone = true;
    this.#stopTimer();
    this.#permit.signal.removeEventListener('abort', this.#onAbort);
    this.#lastSignal.removeEventListener('abort', this.#onLastAbort);
  }
}

/** Collects at most `maxBytes`; into one buffer when the length is told, so that a page is in memory once. */
class BoundedBody {
  isOver: boolean;
  readonly #maxBytes: number;
  readonly #whole: Buffer | null;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number, announcedBytes: number | null) {
    this.#maxBytes = maxBytes;
    this.isOver = announcedBytes !== null && announcedBytes > maxBytes;
    this.#whole = announcedBytes === null || this.isOver ? null : Buffer.allocUnsafe(announcedBytes);
  }

  add(chunk: Buffer): void {
    if (this.isOver || this.#length + chunk.length > (this.#whole?.length ?? this.#maxBytes)) {
      this.isOver = true;
      return;
    }
    if (this.#whole === null) this.#chunks.push(chunk);
    else chunk.copy(this.#whole, this.#length);
    this.#length += chunk.length;
  }

  bytes(): Buffer {
    return this.#whole?.subarray(0, this.#length) ?? Buffer.concat(this.#chunks, this.#length);
  }
}
