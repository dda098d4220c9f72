/**
 * What this process has waiting in each target: windows of all its moves share one bounded queue per node, and one pace
 * that follows how long the node's batches take. Also bounds the pages that the process holds in memory.
 */
import type { EndLimits } from '../core/ends.ts';
import {
  type Pace,
  allowance,
  allowedBatchMs,
  createPace,
  onBatch,
  onComplaint,
  onContent,
  onRefused,
  setClients,
} from '../core/pace.ts';
import { NO_LIMITS, NO_THROTTLE, limitsInto, type CopyLimits, type Throttle } from '../core/throttle.ts';
import type { NodeTask, Observer } from '../ports.ts';
import { LoadGate } from './load-gate.ts';
import { NodeEnd } from './node-end.ts';

export interface LoadLimits {
  readonly targetTasks: number;
  readonly targetBytes: number;
  readonly targetBatchMs: number;
  /** From when on clients of either end are kept waiting. */
  readonly paceClientTaskMs: number;
  readonly paceBatchMs: number;
  readonly windowDocs: number;
  /** Bytes of pages between their reading and the node's 202, all moves of the process together. */
  readonly readAheadBytes: number;
}

/** Documents in a window are never fewer: below, a batch's fixed price decides (docs/decisions). */
const MIN_DOCS = 500;
/** A node's price changes with its size and its machine, not from move to move. */
const SMALL_BATCH_KEPT_MS = 10_000;

export class TargetLoad {
  readonly #node: string;
  readonly #observer: Observer;
  /** Tasks in all nodes together. */
  readonly #all: LoadGate;
  readonly #tasks: LoadGate;
  readonly #bytes: LoadGate;
  readonly #docs: LoadGate;
  #pace: Pace;
  #smallBatchMs: number | null = null;
  #smallBatchAtMs = -Infinity;
  #reserved: { readonly move: string; readonly untilMs: number } | null = null;
  #oldest: { readonly uid: number; readonly sinceMs: number } | null = null;
  /** Documents of ours by the start of the batch that took them: a batch is fed to the pace once it is left behind. */
  #batch: { startedAt: string; docs: number; durationMs: number } | null = null;

  /** Ends of copies into it, by the look that it has heeded last. */
  readonly #heard = new Map<NodeEnd, number>();
  /** An operator's. */
  #limits: CopyLimits = NO_LIMITS;

  constructor(node: string, limits: LoadLimits, observer: Observer, all: LoadGate) {
    this.#node = node;
    this.#all = all;
    this.#observer = observer;
    this.#pace = createPace({
      maxTasks: limits.targetTasks,
      maxBytes: limits.targetBytes,
      minDocs: MIN_DOCS,
      windowDocs: limits.windowDocs,
      targetBatchMs: limits.targetBatchMs,
    });
    this.#tasks = new LoadGate(() =>
      Math.min(allowance(this.#pace).tasksInFlight, this.#limits.tasksInFlight ?? Number.POSITIVE_INFINITY),
    );
    this.#bytes = new LoadGate(() => allowance(this.#pace).bytesInFlight);
    this.#docs = new LoadGate(() => allowance(this.#pace).docsInFlight);
  }

  /** Largest window that may be read for this target now, documents. */
  get windowDocs(): number {
    // A window goes as a whole: under a throttle not more than what may go in a second.
    const { documentsPerSecond } = this.#limits;
    const most = documentsPerSecond === null ? Number.POSITIVE_INFINITY : Math.max(MIN_DOCS, documentsPerSecond);
    return Math.min(most, allowance(this.#pace).windowDocs);
  }

  /** Takes a place in the target's queue; the returned function gives it back when the task has ended. */
  async enter(docs: number, bytes: number, signal: AbortSignal): Promise<() => void> {
    const places: [LoadGate, number][] = [
      [this.#tasks, 1],
      [this.#docs, docs],
      [this.#bytes, bytes],
      [this.#all, 1],
    ];
    const entered: [LoadGate, number][] = [];
    const leave = (): void => {
      for (const [gate, size] of entered.splice(0).reverse()) gate.leave(size);
    };
    try {
      for (const [gate, size] of places) {
        await gate.enter(size, signal);
        entered.push([gate, size]);
      }
    } catch (error) {
      leave();
      throw error;
    }
    this.#tell();
    return () => {
      leave();
      this.#tell();
    };
  }

  /** What an operator allows this node. */
  limit(limits: CopyLimits): void {
    this.#limits = limits;
    this.#wake();
  }

  /** No other move's windows enter until then: this one cannot switch while the node is behind. */
  reserve(move: string, untilMs: number): void {
    this.#reserved = { move, untilMs };
  }

  release(move: string): void {
    if (this.#reserved?.move === move) this.#reserved = null;
  }

  isReservedFor(other: string, nowMs: number): boolean {
    return this.#reserved !== null && this.#reserved.move !== other && nowMs < this.#reserved.untilMs;
  }

  /** Since when (monotonic ms) this task has been seen as the node's oldest unfinished one; null: it has none. */
  unfinishedSinceMs(uid: number | null, nowMs: number): number {
    if (this.#oldest?.uid !== uid) this.#oldest = uid === null ? null : { uid, sinceMs: nowMs };
    return this.#oldest?.sinceMs ?? nowMs;
  }

  /** What a batch that holds few documents costs this node, ms, from its own list. */
  learnSmallBatch(ms: number | null, nowMs: number): void {
    this.#smallBatchMs = ms;
    this.#smallBatchAtMs = nowMs;
  }

  /** Whether it is time to ask the node again what its small batches cost. */
  wantsSmallBatch(nowMs: number): boolean {
    return nowMs - this.#smallBatchAtMs > SMALL_BATCH_KEPT_MS;
  }

  /** How many routers are live: with none, nobody waits behind our batches. */
  learnClients(routers: number): void {
    this.#pace = setClients(this.#pace, routers);
    this.#wake();
  }

  learnTask(task: NodeTask, docs: number): void {
    if (task.startedAt === null || task.finishedAt === null) return;
    const durationMs = Date.parse(task.finishedAt) - Date.parse(task.startedAt);
    if (this.#batch?.startedAt === task.startedAt) {
      this.#batch.docs += docs;
      return;
    }
    const over = this.#batch;
    this.#batch = { startedAt: task.startedAt, docs, durationMs };
    if (over === null) return;
    this.#pace = onBatch(this.#pace, {
      docs: over.docs,
      durationMs: over.durationMs,
      smallBatchMs: this.#smallBatchMs ?? 0,
    });
    this.#wake();
  }

  /** A new complaint halves the pace, once; it grows again when no end complains any more. */
  heed(ends: readonly NodeEnd[], nowMs: number): void {
    const fresh = ends.filter((end) => this.#heard.get(end) !== end.looks);
    for (const end of fresh) this.#heard.set(end, end.looks);
    if (fresh.some((end) => end.complaint(nowMs) !== null)) this.#pace = onComplaint(this.#pace);
    else if ([...this.#heard.keys()].every((end) => end.complaint(nowMs) === null)) this.#pace = onContent(this.#pace);
    this.#wake();
  }

  /** How long a batch of ours may last there. */
  get allowedBatchMs(): number {
    return allowedBatchMs(this.#pace.limits, this.#smallBatchMs ?? 0);
  }

  learnRefusal(): void {
    this.#pace = onRefused(this.#pace);
  }

  #wake(): void {
    this.#tasks.wake();
    this.#docs.wake();
    this.#bytes.wake();
    this.#tell();
  }

  #tell(): void {
    const { docsInFlight } = allowance(this.#pace);
    this.#observer.target(this.#node, { tasks: this.#tasks.used, bytes: this.#bytes.used, paceDocs: docsInFlight });
  }
}

export class TargetLoads {
  readonly #limits: LoadLimits;
  readonly #observer: Observer;
  readonly #targets = new Map<string, TargetLoad>();
  readonly #ends = new Map<string, NodeEnd>();
  readonly #pages: LoadGate;
  /** Tasks in all targets, as an operator allows. */
  readonly #tasks: LoadGate;
  #throttle: Throttle = NO_THROTTLE;

  constructor(limits: LoadLimits, observer: Observer) {
    this.#limits = limits;
    this.#observer = observer;
    this.#pages = new LoadGate(() => limits.readAheadBytes);
    this.#tasks = new LoadGate(() => this.#throttle.tasksInFlight ?? Number.POSITIVE_INFINITY);
  }

  of(node: string): TargetLoad {
    const known = this.#targets.get(node);
    if (known !== undefined) return known;
    const load = new TargetLoad(node, this.#limits, this.#observer, this.#tasks);
    load.limit(limitsInto(node, this.#throttle));
    this.#targets.set(node, load);
    return load;
  }

  /** The node as an end of copies. */
  end(node: string): NodeEnd {
    const known = this.#ends.get(node);
    if (known !== undefined) return known;
    const end = new NodeEnd();
    this.#ends.set(node, end);
    return end;
  }

  /** From when on its clients are kept waiting. */
  endLimits(node: string): EndLimits {
    const { paceClientTaskMs: clientTaskMs, paceBatchMs: batchMs } = this.#limits;
    return { clientTaskMs, batchMs, ownBatchMs: this.of(node).allowedBatchMs };
  }

  /** What an operator allows copies of this process now. */
  limit(throttle: Throttle): void {
    this.#throttle = throttle;
    for (const [node, load] of this.#targets) load.limit(limitsInto(node, throttle));
    this.#tasks.wake();
  }

  /** Room for a page that is about to be read: as much as it may have, until it is known how much it has. */
  async page(bytes: number, signal: AbortSignal): Promise<PageRoom> {
    await this.#pages.enter(bytes, signal);
    let held = bytes;
    const shrink = (to: number): void => {
      if (to >= held) return;
      const freed = held - to;
      held = to;
      this.#pages.leave(freed);
    };
    return { shrink, release: () => shrink(0) };
  }
}

/** A page's share of the process's memory. */
export interface PageRoom {
  shrink(toBytes: number): void;
  release(): void;
}
