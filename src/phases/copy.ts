/**
 * The copy: windows of slots read from the source and sent to the target unchanged, several of them waiting in the
 * target together, since a node pays a price per batch. Nobody waits for one window's task before sending the next;
 * `last_offset` moves on when a window's task has succeeded. What is copied is verified while other windows travel.
 */
import { Progress, SLOTS, type Window, adaptWidth, cut, firstWidth, nextWindow } from '../core/windows.ts';
import type { DocumentPage, NodeClient, NodeTask } from '../ports.ts';
import { takeUp } from './audit.ts';
import type { PhaseContext } from './context.ts';
import { lookAtEnds } from './end-looks.ts';
import { assertNotHeld } from './held.ts';
import { type SentWindow, findSent } from './in-flight.ts';
import { sendWrite } from './late-writes.ts';
import { readWindow } from './read-window.ts';
import { settleTask } from './send-window.ts';
import { writeTag } from './tags.ts';
import type { PageRoom, TargetLoad } from './target-load.ts';
import { awaitTurn } from './throttle-turn.ts';
import { Verifier } from './verify.ts';
import { assertNodesIntact } from './watermark.ts';

/** How often a copy looks whether the target takes its windows again. */
const RESERVED_POLL_MS = 100;

/** Runs one checkpoint at a time; asking meanwhile makes one more, with the newest progress. */
function coalesce(write: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let again = false;
  const loop = async (): Promise<void> => {
    do {
      again = false;
      await write();
    } while (again);
  };
  return () => {
    if (running !== null) {
      again = true;
      return running;
    }
    running = loop().finally(() => {
      running = null;
    });
    return running;
  };
}

class Copy {
  readonly #context: PhaseContext;
  readonly #source: NodeClient;
  readonly #target: NodeClient;
  readonly #load: TargetLoad;
  readonly #progress: Progress;
  readonly #verifier: Verifier;
  readonly #vectors: boolean;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #running = new Set<Promise<void>>();
  readonly #checkpoint: () => Promise<void>;
  #bytes: number;
  #repeated: number;
  /** What the last accepted checkpoint said: metrics count what was accepted, so a window sent again counts once. */
  #accepted: { docs: number; bytes: number };
  #wakeVerifier: () => void = () => undefined;

  constructor(context: PhaseContext) {
    const { move } = context;
    this.#context = context;
    this.#source = context.node(move.source);
    this.#target = context.node(move.target);
    this.#load = context.loads.of(move.target);
    this.#vectors = move.vectors;
    this.#progress = new Progress({ lastOffset: move.lastOffset, docsMigrated: move.docsMigrated });
    this.#verifier = new Verifier(context);
    this.#bytes = move.bytes;
    this.#repeated = move.windowsRepeated;
    this.#accepted = { docs: move.docsMigrated, bytes: move.bytes };
    this.#signal = AbortSignal.any([context.permit.signal, this.#stop.signal]);
    this.#checkpoint = coalesce(() => this.#writeCheckpoint());
  }

  async run(): Promise<void> {
    const verifying = this.#verifyBehind();
    verifying.catch((error: unknown) => this.#stop.abort(error));
    try {
      await this.#copyAll();
      await Promise.all(this.#running);
      this.#wakeVerifier();
      await verifying;
      await this.#checkpoint();
    } catch (error) {
      this.#stop.abort(error);
      this.#wakeVerifier();
      await Promise.allSettled([...this.#running, verifying]);
      // The first thing that went wrong is the reason; what fell with it is not.
      throw this.#stop.signal.reason ?? error;
    }
  }

  /** Runs beside the reading; its failure stops the copy. */
  #beside(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#stop.abort(error))
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  async #copyAll(): Promise<void> {
    const { move, settings, clock } = this.#context;
    const [sent] = await Promise.all([
      findSent(this.#context, this.#target, move.lastOffset),
      takeUp(this.#context, this.#target),
      assertNodesIntact(this.#context),
    ]);
    for (const one of sent) this.#beside(this.#adopt(one));
    let width = firstWidth(move.documents ?? 0, this.#load.windowDocs);
    let offset = move.lastOffset;
    let cuts: Window[] = [];
    let lastSentAtMs = -Infinity;
    for (;;) {
      this.#signal.throwIfAborted();
      const window = cuts.shift() ?? nextGap(offset, width, sent);
      if (window === null) return;
      await assertNotHeld(this.#context.planHolds, move);
      const docs = Math.min(settings.migrationBatchSize, this.#load.windowDocs);
      const room = await this.#context.loads.page(settings.windowBytes, this.#signal);
      let handedOn = false;
      this.#beside(lookAtEnds(this.#context, this.#source, this.#target));
      const readAtMs = clock.monotonic();
      try {
        const page = await readWindow(this.#context, this.#source, window, {
          docs,
          bytes: settings.windowBytes,
          vectors: this.#vectors,
        });
        this.#context.loads.end(move.source).learnRead(clock.monotonic() - readAtMs);
        if (page === null) {
          cuts = [...(cut(window) ?? []), ...cuts];
          width = Math.max(1, Math.floor(width / 2));
          continue;
        }
        room.shrink(page.documents.length);
        if (cuts.length === 0) {
          width = adaptWidth(
            window.to - window.from + 1,
            page.total,
            page.documents.length,
            docs,
            settings.windowBytes,
          );
          offset = window.to + 1;
        }
        if (page.total === 0) {
          this.#progress.done(window, 0);
          continue;
        }
        const restMs = lastSentAtMs + settings.migrationBatchDelayMs - clock.monotonic();
        if (restMs > 0) await clock.sleep(restMs, this.#signal);
        while (this.#load.isReservedFor(move.id, clock.monotonic())) await clock.sleep(RESERVED_POLL_MS, this.#signal);
        await awaitTurn(this.#context, page.total, this.#signal);
        const leave = await this.#load.enter(page.total, page.documents.length, this.#signal);
        lastSentAtMs = clock.monotonic();
        handedOn = true;
        this.#beside(this.#send(window, page, room).finally(leave));
      } finally {
        if (!handedOn) room.release();
      }
    }
  }

  async #send(window: Window, page: DocumentPage, room: PageRoom): Promise<void> {
    const { entry, move, fence } = this.#context;
    const tag = writeTag({ move: move.id, fence, shards: [move.shard], attempt: 1, window: [window.from, window.to] });
    let uid: number;
    try {
      uid = await sendWrite(this.#context, this.#target, () =>
        this.#target.putDocuments(entry.uid, entry.primaryKey, page.documents, tag),
      );
    } finally {
      room.release();
    }
    const task = await this.#context.tasks(this.#target).ended(uid);
    if (task.status !== 'succeeded') {
      await this.#sendAgain(window, task);
    }
    this.#load.learnTask(task, page.total);
    await this.#done(window, page.total, page.documents.length);
  }

  async #adopt({ window, task, documents }: SentWindow): Promise<void> {
    const ended = task.status === 'succeeded' ? task : await this.#context.tasks(this.#target).ended(task.uid);
    if (ended.status !== 'succeeded') {
      await this.#sendAgain(window, ended);
    }
    this.#context.log.info({ window, documents, task: task.uid }, 'window of an earlier holder taken over');
    await this.#done(window, documents, 0);
  }

  /** One window at a time is read again into memory: many fail together when one document breaks their batch. */
  async #sendAgain(window: Window, task: NodeTask): Promise<void> {
    const room = await this.#context.loads.page(this.#context.settings.windowBytes, this.#signal);
    try {
      const documents = await this.#reread(window);
      this.#repeated += await settleTask(this.#context, this.#target, { task, documents, window });
    } finally {
      room.release();
    }
  }

  async #reread(window: Window): Promise<Buffer> {
    const { settings } = this.#context;
    const parts: string[] = [];
    let windows = [window];
    for (let next = windows.shift(); next !== undefined; next = windows.shift()) {
      const page = await readWindow(this.#context, this.#source, next, {
        docs: settings.migrationBatchSize,
        bytes: settings.windowBytes,
        vectors: this.#vectors,
      });
      if (page === null) windows = [...(cut(next) ?? []), ...windows];
      else if (page.total > 0) parts.push(page.documents.toString('utf8').slice(1, -1));
    }
    return Buffer.from(`[${parts.join(',')}]`);
  }

  async #done(window: Window, documents: number, bytes: number): Promise<void> {
    this.#progress.done(window, documents);
    this.#bytes += bytes;
    this.#context.observer.window('copied');
    await this.#checkpoint();
    this.#wakeVerifier();
  }

  async #writeCheckpoint(): Promise<void> {
    const { docsMigrated, lastOffset } = this.#progress.snapshot();
    const bytes = this.#bytes;
    const { verifiedOffset, windowsVerified, differences } = this.#verifier.progress;
    await this.#context.checkpoint({
      docsMigrated,
      lastOffset,
      fields: { bytes, windowsRepeated: this.#repeated, verifiedOffset, windowsVerified, differences },
    });
    this.#context.observer.migrated(docsMigrated - this.#accepted.docs, bytes - this.#accepted.bytes);
    this.#accepted = { docs: docsMigrated, bytes };
  }

  /** Verifies what lies below the copied offset, a whole verify window at a time, while other windows travel. */
  async #verifyBehind(): Promise<void> {
    if (this.#context.settings.unsafeSkipVerify) return;
    let seen = -1;
    for (;;) {
      this.#signal.throwIfAborted();
      const { lastOffset } = this.#progress.snapshot();
      if (lastOffset === seen) {
        // Nothing new between this look and the wait: both happen in one turn, so no wake-up is missed.
        await new Promise<void>((resolve) => {
          this.#wakeVerifier = resolve;
        });
        continue;
      }
      seen = lastOffset;
      const over = lastOffset >= SLOTS;
      const behind = lastOffset - this.#verifier.progress.verifiedOffset;
      if (over || behind >= this.#verifier.width) await this.#verifier.upTo(lastOffset, () => this.#checkpoint());
      if (over) return;
    }
  }
}

/** The next window from `offset` that touches none of the windows found in the target. */
export function nextGap(offset: number, width: number, sent: readonly SentWindow[]): Window | null {
  let from = offset;
  for (const { window } of sent) {
    if (window.from <= from && from <= window.to) from = window.to + 1;
  }
  const window = nextWindow(from, width);
  if (window === null) return null;
  const ahead = sent.find((one) => one.window.from > window.from && one.window.from <= window.to);
  return ahead === undefined ? window : { from: window.from, to: ahead.window.from - 1 };
}

/** Copies the shard from where the record says; returns when every window's task has succeeded. */
export async function copyShard(context: PhaseContext): Promise<void> {
  await new Copy(context).run();
}
