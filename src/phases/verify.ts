/**
 * Comparing a shard on two nodes, window by window: count and order-free digest of canonical documents; where they
 * differ, document by document. A real difference is repaired from the source, counted, and compared again.
 * Also what later issues compare replicas with.
 */
import { digestPage } from '../core/digest.ts';
import { fieldSpan, splitArray } from '../core/json-text.ts';
import { sameDocument } from '../core/same-document.ts';
import { type Window, adaptWidth, cut, firstWidth, nextWindow } from '../core/windows.ts';
import { MoveWaitingError } from '../errors.ts';
import type { DocumentPage, NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { readWindow } from './read-window.ts';
import { settleTask } from './send-window.ts';
import { writeTag } from './tags.ts';
import { assertNodesIntact } from './watermark.ts';

/** Repairs of one window before the move waits and says so: each is a full write and read of what differs. */
const ROUNDS = 4;

interface Differences {
  /** JSON texts of documents that the target lacks or has otherwise. */
  readonly put: readonly string[];
  /** JSON texts of keys that only the target has. */
  readonly remove: readonly string[];
}

const spansByKey = (text: string, primaryKey: string): Map<string, { start: number; end: number }> =>
  new Map(
    splitArray(text).map((span) => {
      const key = fieldSpan(text, span.start, span.end, primaryKey);
      return [key === undefined ? '' : text.slice(key.start, key.end), span];
    }),
  );

export function compareDocuments(source: string, target: string, primaryKey: string): Differences {
  const wanted = spansByKey(source, primaryKey);
  const found = spansByKey(target, primaryKey);
  const put: string[] = [];
  for (const [key, span] of wanted) {
    const other = found.get(key);
    const same =
      other !== undefined && sameDocument(source.slice(span.start, span.end), target.slice(other.start, other.end));
    if (!same) put.push(source.slice(span.start, span.end));
  }
  return { put, remove: [...found.keys()].filter((key) => !wanted.has(key)) };
}

async function repair(context: PhaseContext, target: NodeClient, differences: Differences): Promise<void> {
  const { entry, move, fence } = context;
  const tag = writeTag({ move: move.id, fence, shards: [move.shard], attempt: 1 });
  if (differences.put.length > 0) {
    const documents = Buffer.from(`[${differences.put.join(',')}]`);
    const uid = await target.putDocuments(entry.uid, entry.primaryKey, documents, tag);
    await settleTask(context, target, { task: await context.tasks(target).ended(uid), documents, window: null });
  }
  if (differences.remove.length === 0) return;
  const task = await context.tasks(target).ended(await target.deleteDocuments(entry.uid, differences.remove, tag));
  if (task.status !== 'failed') return;
  throw new MoveWaitingError(`node_busy: ${target.node.id} failed to delete: ${task.error?.message ?? ''}`, 1_000);
}

/**
 * What stands on one side only, letter by letter, as the text of an array each. Equal text is equal content, and asking
 * for it costs a fifth of a canonical digest; what is left (other key order, other number text) is digested.
 */
function unequalTexts(source: string, target: string): [string, string] {
  const found = new Set(splitArray(target).map(({ start, end }) => target.slice(start, end)));
  const missing = splitArray(source).flatMap(({ start, end }) => {
    const text = source.slice(start, end);
    return found.delete(text) ? [] : [text];
  });
  return [`[${missing.join(',')}]`, `[${[...found].join(',')}]`];
}

/** Null when both pages hold the same documents, by count and order-free digest of their canonical form. */
function differencesOf(source: DocumentPage, target: DocumentPage, primaryKey: string): Differences | null {
  const [left, right] = unequalTexts(source.documents.toString('utf8'), target.documents.toString('utf8'));
  if (source.total === target.total && digestPage(left).equals(digestPage(right))) return null;
  const differences = compareDocuments(left, right, primaryKey);
  return differences.put.length === 0 && differences.remove.length === 0 ? null : differences;
}

/** Result of comparing one range. */
export interface Verified {
  readonly documents: number;
  readonly bytes: number;
  readonly differences: number;
}

/** Compares one window until it is equal; null when it does not fit a page and has to be cut. */
async function verifyWindow(context: PhaseContext, window: Window): Promise<Verified | null> {
  const { move, settings, loads, permit, observer, log } = context;
  const [source, target] = [context.node(move.source), context.node(move.target)];
  const limits = { docs: settings.verifyWindowDocs, bytes: settings.windowBytes, vectors: move.vectors };
  let differences = 0;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const room = await loads.page(settings.windowBytes, permit.signal);
    try {
      const [left, right] = await Promise.all([
        readWindow(context, source, window, limits),
        readWindow(context, target, window, limits),
      ]);
      if (left === null || right === null) return null;
      const found = differencesOf(left, right, context.entry.primaryKey);
      if (found === null) {
        observer.window('verified');
        return { documents: left.total, bytes: left.documents.length, differences };
      }
      const count = found.put.length + found.remove.length;
      differences += count;
      observer.differences(count);
      observer.window('repaired');
      log.warn(
        { window, put: found.put.length, remove: found.remove.length, round },
        'source and target differ: repairing',
      );
      // A source that lost its data must not empty the target by its word.
      await assertNodesIntact(context);
      await repair(context, target, found);
    } finally {
      room.release();
    }
  }
  throw new MoveWaitingError(`verify_differs: slots ${window.from} to ${window.to} differ after ${ROUNDS} repairs`);
}

export interface VerifyProgress {
  readonly verifiedOffset: number;
  readonly windowsVerified: number;
  readonly differences: number;
}

/** Verifies upward from an offset as far as it is told to; one at a time per move. */
export class Verifier {
  readonly #context: PhaseContext;
  #width: number;
  #progress: VerifyProgress;

  constructor(context: PhaseContext) {
    const { move, settings } = context;
    this.#context = context;
    this.#width = firstWidth(move.documents ?? 0, settings.verifyWindowDocs);
    this.#progress = {
      verifiedOffset: move.verifiedOffset,
      windowsVerified: move.windowsVerified,
      differences: move.differences,
    };
  }

  get progress(): VerifyProgress {
    return this.#progress;
  }

  /** Slots of the next window: what lies below the copied offset by this much is worth a look. */
  get width(): number {
    return this.#width;
  }

  restart(): void {
    this.#progress = { ...this.#progress, verifiedOffset: 0 };
  }

  /** Verifies [verifiedOffset, end); calls `onWindow` after each window. */
  async upTo(end: number, onWindow: (progress: VerifyProgress) => Promise<void>): Promise<void> {
    const { settings } = this.#context;
    while (this.#progress.verifiedOffset < end) {
      const next = nextWindow(this.#progress.verifiedOffset, this.#width);
      if (next === null) return;
      let windows: Window[] = [{ from: next.from, to: Math.min(next.to, end - 1) }];
      for (let window = windows.shift(); window !== undefined; window = windows.shift()) {
        const result = await verifyWindow(this.#context, window);
        if (result === null) {
          windows = [...(cut(window) ?? []), ...windows];
          continue;
        }
        this.#width = adaptWidth(
          window.to - window.from + 1,
          result.documents,
          result.bytes,
          settings.verifyWindowDocs,
          settings.windowBytes,
        );
        this.#progress = {
          verifiedOffset: window.to + 1,
          windowsVerified: this.#progress.windowsVerified + 1,
          differences: this.#progress.differences + result.differences,
        };
        await onWindow(this.#progress);
      }
    }
  }
}
