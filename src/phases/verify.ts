/**
 * Comparing a shard on two nodes, window by window: count and order-free digest of canonical documents; where they
 * differ, document by document. A difference is excused while its id is in the journal, since catching up brings it;
 * any other is repaired from the source, counted, and compared again. Also what later issues compare replicas with.
 */
import { digestPage } from '../core/digest.ts';
import { slotForKey } from '../core/hashing.ts';
import { fieldSpan, scalarText, splitArray } from '../core/json-text.ts';
import { sameDocument } from '../core/same-document.ts';
import { SLOTS, type Window, adaptWidth, cut, firstWidth, nextWindow } from '../core/windows.ts';
import { MoveWaitingError } from '../errors.ts';
import type { DocumentPage, NodeClient } from '../ports.ts';
import { type PhaseContext, journalOf } from './context.ts';
import { type Differences, type OnRepair, tellFault } from './differences.ts';
import { sendWrite, untilSure } from './late-writes.ts';
import { readWindow } from './read-window.ts';
import { settleTask } from './send-window.ts';
import { writeTag } from './tags.ts';
import { assertNodesIntact } from './watermark.ts';

/** Repairs of one window before the move waits and says so: each is a full write and read of what differs. */
const ROUNDS = 4;

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
  await untilSure(context, target);
  if (differences.put.length > 0) {
    const documents = Buffer.from(`[${differences.put.join(',')}]`);
    const uid = await sendWrite(context, target, () =>
      target.putDocuments(entry.uid, entry.primaryKey, documents, tag),
    );
    await settleTask(context, target, { task: await context.tasks(target).ended(uid), documents, window: null });
  }
  if (differences.remove.length === 0) return;
  const uid = await sendWrite(context, target, () => target.deleteDocuments(entry.uid, differences.remove, tag));
  const task = await context.tasks(target).ended(uid);
  if (task.status === 'succeeded') return;
  const why = task.error?.message ?? task.status;
  throw new MoveWaitingError(`node_busy: ${target.node.id} failed to delete: ${why}`, 1_000);
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
export function differencesOf(source: DocumentPage, target: DocumentPage, primaryKey: string): Differences | null {
  const [left, right] = unequalTexts(source.documents.toString('utf8'), target.documents.toString('utf8'));
  if (source.total === target.total && digestPage(left).equals(digestPage(right))) return null;
  const differences = compareDocuments(left, right, primaryKey);
  return differences.put.length === 0 && differences.remove.length === 0 ? null : differences;
}

/** The ids that differ, as the journal knows them, in the order of `put` and then `remove`. */
export function idsOfDifferences({ put, remove }: Differences, primaryKey: string): string[] {
  const ofDocument = (text: string): string => {
    const key = fieldSpan(text, 0, text.length, primaryKey);
    return key === undefined ? '' : scalarText(text, key.start, key.end);
  };
  return [...put.map(ofDocument), ...remove.map((key) => (key === '' ? '' : scalarText(key, 0, key.length)))];
}

/**
 * Leaves out what the journal explains. To be asked when both pages have been read: what a client has written until then
 * is in the journal (R3), since only this mover clears it, and not meanwhile. `counts`: whether what is left tells of a
 * fault; while a delete by filter waits for its full verify it may be that delete.
 */
async function unexcused(
  context: PhaseContext,
  found: Differences,
): Promise<{ readonly rest: Differences; readonly counts: boolean }> {
  const ids = idsOfDifferences(found, context.entry.primaryKey);
  const asked = ids.map((id) => ({ id, slot: slotForKey(id) }));
  const answer = await context.journal.among(journalOf(context.move), asked);
  const excused = new Set(answer.ids);
  const isLeft = (at: number): boolean => !excused.has(ids[at] ?? '');
  return {
    rest: {
      put: found.put.filter((_, at) => isLeft(at)),
      remove: found.remove.filter((_, at) => isLeft(found.put.length + at)),
    },
    counts: !answer.reverify,
  };
}

/** Result of comparing one range. */
export interface Verified {
  readonly documents: number;
  readonly bytes: number;
  readonly differences: number;
}

interface Look {
  readonly documents: number;
  readonly bytes: number;
  readonly found: Differences | null;
}

/** Reads a window on both nodes; null when it does not fit a page and has to be cut. */
async function lookAt(context: PhaseContext, source: NodeClient, window: Window): Promise<Look | null> {
  const { move, settings, entry } = context;
  const limits = { docs: settings.verifyWindowDocs, bytes: settings.windowBytes, vectors: move.vectors };
  const [left, right] = await Promise.all([
    readWindow(context, source, window, limits),
    readWindow(context, context.node(move.target), window, limits),
  ]);
  if (left === null || right === null) return null;
  const found = differencesOf(left, right, entry.primaryKey);
  return { documents: left.total, bytes: left.documents.length, found };
}

/** Compares one window until it is equal; null when it does not fit a page and has to be cut. */
async function verifyWindow(context: PhaseContext, window: Window, onRepair: OnRepair): Promise<Verified | null> {
  const { move, settings, loads, permit, observer } = context;
  const [source, target] = [context.node(move.source), context.node(move.target)];
  let differences = 0;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const room = await loads.page(settings.windowBytes, permit.signal);
    try {
      const look = await lookAt(context, source, window);
      if (look === null) return null;
      const verified = (): Verified => {
        observer.window('verified');
        return { documents: look.documents, bytes: look.bytes, differences };
      };
      if (look.found === null) return verified();
      const { rest, counts } = await unexcused(context, look.found);
      const count = rest.put.length + rest.remove.length;
      if (count === 0) return verified();
      // A source that lost its data must not empty the target by its word.
      await assertNodesIntact(context);
      onRepair(rest, { window, round, isFault: counts });
      await repair(context, target, rest);
      if (!counts) return verified();
      differences += count;
    } finally {
      room.release();
    }
  }
  throw new MoveWaitingError(`verify_differs: slots ${window.from} to ${window.to} differ after ${ROUNDS} repairs`);
}

/** Calls `see` for every window of the range, cut until it fits a page. */
async function eachWindow(
  context: PhaseContext,
  source: NodeClient,
  range: Window,
  see: (found: Differences) => Promise<void>,
): Promise<void> {
  const { loads, settings, permit, move } = context;
  const width = firstWidth(move.documents ?? 0, settings.verifyWindowDocs);
  let windows: Window[] = [];
  for (let from = range.from; from <= range.to; from += width) {
    windows.push({ from, to: Math.min(from + width - 1, range.to) });
  }
  for (let window = windows.shift(); window !== undefined; window = windows.shift()) {
    const room = await loads.page(settings.windowBytes, permit.signal);
    try {
      const look = await lookAt(context, source, window);
      if (look === null) windows = [...(cut(window) ?? []), ...windows];
      else if (look.found !== null) await see(look.found);
    } finally {
      room.release();
    }
  }
}

/**
 * Makes a range of the target what the source is, once, for a journal entry that names no ids: nothing is excused, since
 * the entry itself would excuse it, and nothing is counted, since clients caused it.
 */
export async function repairRange(context: PhaseContext, range: Window): Promise<void> {
  const target = context.node(context.move.target);
  await eachWindow(context, context.node(context.move.source), range, async (found) => {
    await assertNodesIntact(context);
    await repair(context, target, found);
  });
}

/** Ids of the shard that the target has not as the node has them, some of the first; nothing is changed. */
export async function differingIds(context: PhaseContext, node: NodeClient, most: number): Promise<string[]> {
  const ids: string[] = [];
  await eachWindow(context, node, { from: 0, to: SLOTS - 1 }, async (found) => {
    ids.push(...idsOfDifferences(found, context.entry.primaryKey).slice(0, most - ids.length));
    return Promise.resolve();
  });
  return ids;
}

export interface VerifyProgress {
  readonly verifiedOffset: number;
  readonly windowsVerified: number;
  readonly differences: number;
}

/** Verifies upward from an offset as far as it is told to; one at a time per move. */
export class Verifier {
  readonly #context: PhaseContext;
  readonly #onRepair: OnRepair;
  #width: number;
  #progress: VerifyProgress;

  constructor(context: PhaseContext, onRepair: OnRepair = tellFault(context)) {
    const { move, settings } = context;
    this.#context = context;
    this.#onRepair = onRepair;
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
        const result = await verifyWindow(this.#context, window, this.#onRepair);
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
