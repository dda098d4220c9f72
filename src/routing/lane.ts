/**
 * Documents on their way to one node. Batches are handed over one after the other, so that of two versions of a
 * document the later one wins on every owner; their tasks are waited for beside that, several at a time, because a
 * node indexes what waits in its queue together.
 */
import { isMiroirError, NodeTaskFailedError } from '../errors.ts';
import type { Clock, NodeClient } from '../ports.ts';

export interface LaneOptions {
  readonly client: NodeClient;
  readonly index: string;
  readonly primaryKey: string;
  readonly tag: string;
  readonly clock: Clock;
  /** Documents per request. */
  readonly batchDocs: number;
  /** Tasks and bytes that may wait in the node's queue. */
  readonly inFlight: number;
  readonly inFlightBytes: number;
  readonly signal: AbortSignal;
  readonly onSent: (documents: number, bytes: number) => void;
  readonly onApplied: (documents: number) => void;
}

/** A node that is busy for longer than all these waits together is somebody's to look at. */
const SEND_ATTEMPTS = 8;
const SEND_WAIT_MS = 250;
const SEND_WAIT_MS_MAX = 10_000;
/** Asking costs a node half a millisecond; small loads should not wait for the next question. */
const POLL_MS_MIN = 10;
const POLL_MS_MAX = 500;

export class Lane {
  readonly #options: LaneOptions;
  #pending: string[] = [];
  #bytes = 0;
  readonly #tasks = new Set<Promise<void>>();
  /** The first task that failed; kept until somebody waits, so that no rejection goes unseen. */
  #failure: { readonly error: unknown } | null = null;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  add(documents: readonly string[]): void {
    for (const document of documents) this.#pending.push(document);
  }

  /** Sends what makes full batches, waiting for room in the node's queue. */
  async sendFull(): Promise<void> {
    const { batchDocs } = this.#options;
    while (this.#pending.length >= batchDocs) await this.#send(this.#pending.splice(0, batchDocs));
  }

  /** Sends the rest and waits until everything is applied. */
  async finish(): Promise<void> {
    await this.sendFull();
    if (this.#pending.length > 0) await this.#send(this.#pending.splice(0));
    while (this.#tasks.size > 0) await this.#nextTask();
    this.#throwFailure();
  }

  async #send(documents: readonly string[]): Promise<void> {
    const { inFlight, inFlightBytes, onSent, onApplied } = this.#options;
    const body = Buffer.from(`[${documents.join(',')}]`);
    while (this.#tasks.size > 0 && (this.#tasks.size >= inFlight || this.#bytes + body.length > inFlightBytes)) {
      await this.#nextTask();
    }
    this.#throwFailure();
    const uid = await this.#accepted(body);
    this.#bytes += body.length;
    onSent(documents.length, body.length);
    const task = this.#applied(uid)
      .then(() => onApplied(documents.length))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#bytes -= body.length;
        this.#tasks.delete(task);
      });
    this.#tasks.add(task);
  }

  /** Sending again after an unknown outcome is right here, and only here: nobody else writes these documents. */
  async #accepted(body: Buffer): Promise<number> {
    const { client, index, primaryKey, tag, clock, signal } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await client.putDocuments(index, primaryKey, body, tag);
      } catch (error) {
        const isBrief = isMiroirError(error) && error.retryable && error.code !== 'miroir_lease_lost';
        if (!isBrief || attempt >= SEND_ATTEMPTS) throw error;
        const wished = Number(error.details['retryAfterMs'] ?? 0);
        const waitMs = Math.max(wished, SEND_WAIT_MS * 2 ** (attempt - 1) * (0.5 + clock.random() / 2));
        await clock.sleep(Math.min(waitMs, SEND_WAIT_MS_MAX), signal);
      }
    }
  }

  async #applied(uid: number): Promise<void> {
    const { client, clock, signal } = this.#options;
    for (let waitMs = POLL_MS_MIN; ; waitMs = Math.min(waitMs * 1.5, POLL_MS_MAX)) {
      signal.throwIfAborted();
      const [task] = await client.tasks({ uids: [uid], limit: 1 });
      if (task?.status === 'succeeded') return;
      if (task === undefined || task.status === 'failed' || task.status === 'canceled') {
        const words =
          task?.error?.message ?? (task === undefined ? 'the node knows no such task any more' : 'it was canceled');
        throw new NodeTaskFailedError(`node ${client.node.id}: loading into ${this.#options.index} failed: ${words}`, {
          remedy: 'correct what the node names and load again: documents that are there already are replaced',
          details: { node: client.node.id, taskUid: uid, taskCode: task?.error?.code ?? null, taskMessage: words },
        });
      }
      await clock.sleep(waitMs, signal);
    }
  }

  async #nextTask(): Promise<void> {
    await Promise.race(this.#tasks);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}
