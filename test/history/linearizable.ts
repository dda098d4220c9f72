// Whether the calls on one document can be put into one order that explains every answer: the search of Wing and Gong
// with Lowe's memory of positions already tried.
//
// On this system a 202 is not an effect, so what must come before what is given by three rules and not by one interval:
// - a write is before a read that began after the write's task was seen succeeded (`endMs`);
// - a write is before a write that was invoked after its 202 (`orderedMs`): nodes apply tasks in the order of acceptance;
// - a read is before a write that was invoked after the read's answer, and, with `readsInOrder`, before such a read.
// Without `readsInOrder` a read may see a write that is not confirmed, and a later one, on another replica, not: that is
// what several readers are allowed to do before the task is said to have succeeded.

/** Nothing there, or the two fields as they are. */
export type State = { readonly base: string | null; readonly patch: string | null } | null;

export interface Operation {
  readonly kind: 'put' | 'update' | 'delete' | 'read';
  /** What a put or an update writes. */
  readonly value: string;
  /** What a read saw. */
  readonly seen: State;
  readonly startMs: number;
  /** From here on every later write comes after it; of a read, its answer. */
  readonly orderedMs: number;
  /** It has taken effect by then; of a read, its answer. Infinity: not known. */
  readonly endMs: number;
  /** It may take effect at any time after its start, or never. Never a read. */
  readonly isOptional: boolean;
}

export interface Limits {
  readonly readsInOrder: boolean;
  /** Positions tried at most. */
  readonly stepsMax: number;
}

export interface Finding {
  /** `undecided`: out of steps, which proves nothing and counts as a failure. */
  readonly verdict: 'linearizable' | 'violated' | 'undecided';
  readonly steps: number;
  /** Of the longest order found: the first operations that fit no more, and what was there. */
  readonly stuck: readonly Operation[];
  readonly stuckState: State;
}

/** What is there after an operation; undefined when a read saw something else. */
export function apply(state: State, operation: Operation): State | undefined {
  switch (operation.kind) {
    case 'put':
      return { base: operation.value, patch: operation.value };
    case 'update':
      return { base: state?.base ?? null, patch: operation.value };
    case 'delete':
      return null;
    case 'read':
      return sameState(state, operation.seen) ? state : undefined;
  }
}

export const sameState = (a: State, b: State): boolean =>
  a === null || b === null ? a === b : a.base === b.base && a.patch === b.patch;

/** Everything before `low` is in the order; after it, the operations whose bit is set (bit 0 is `low`). */
interface Position {
  readonly low: number;
  readonly taken: bigint;
  readonly extras: bigint;
  readonly state: State;
}

export function linearizable(operations: readonly Operation[], { readsInOrder, stepsMax }: Limits): Finding {
  const byStart = [...operations].sort((a, b) => a.startMs - b.startMs);
  const firm = byStart.filter(({ isOptional }) => !isOptional);
  const extras = byStart.filter(({ isOptional }) => isOptional);
  const stack: Position[] = [{ low: 0, taken: 0n, extras: 0n, state: null }];
  const tried = new Set<string>();
  let deepest: { at: number; candidates: Operation[]; state: State } = { at: -1, candidates: [], state: null };
  let steps = 0;
  for (let here = stack.pop(); here !== undefined; here = stack.pop()) {
    if (here.low === firm.length) return { verdict: 'linearizable', steps, stuck: [], stuckState: null };
    const { state } = here;
    const name = `${here.low} ${here.taken.toString(36)} ${here.extras.toString(36)} ${JSON.stringify(state)}`;
    if (tried.has(name)) continue;
    tried.add(name);
    steps += 1;
    if (steps > stepsMax) break;
    const { candidates, latestStartMs } = candidatesAt(firm, here, readsInOrder);
    if (here.low > deepest.at) deepest = { at: here.low, candidates: candidates.map(({ one }) => one), state };
    // A read that fits now is taken now: it changes nothing, and putting it off opens no way that is closed otherwise.
    const fitting = candidates.find(({ one }) => one.kind === 'read' && sameState(one.seen, state));
    if (fitting !== undefined) {
      stack.push(take(here, fitting.at, state));
      continue;
    }
    // Pushed last, tried first: in the order of their start, and what may never have happened after what has.
    let hasDelete = false;
    const next: Position[] = [];
    for (const { one, at } of candidates) {
      if (one.kind !== 'read') next.push(take(here, at, apply(state, one) ?? null));
    }
    for (const [at, one] of extras.entries()) {
      const bit = 1n << BigInt(at);
      if ((here.extras & bit) !== 0n || one.startMs > latestStartMs) continue;
      // Deletes are all alike, and the one that began first may come wherever a later one may.
      if (one.kind === 'delete' && hasDelete) continue;
      hasDelete ||= one.kind === 'delete';
      next.push({ ...here, extras: here.extras | bit, state: apply(state, one) ?? null });
    }
    stack.push(...next.reverse());
  }
  const verdict = steps > stepsMax ? 'undecided' : 'violated';
  return { verdict, steps, stuck: deepest.candidates, stuckState: deepest.state };
}

/** What may come next: whatever no operation still missing has to precede. An optional write may if it began by `latestStartMs`. */
function candidatesAt(
  firm: readonly Operation[],
  { low, taken }: Position,
  readsInOrder: boolean,
): { candidates: { one: Operation; at: number }[]; latestStartMs: number } {
  const candidates: { one: Operation; at: number }[] = [];
  let writeOrderedMs = Infinity;
  let writeEndMs = Infinity;
  let readEndMs = Infinity;
  // Bit by bit: a wide number is shifted only as far as there are bits in it.
  let rest = taken;
  for (let at = low; at < firm.length; at += 1) {
    const one = firm[at];
    if (one === undefined) break;
    const isTaken = rest !== 0n && (rest & 1n) !== 0n;
    if (rest !== 0n) rest >>= 1n;
    const untilWriteMs = Math.min(writeOrderedMs, readEndMs);
    const untilReadMs = readsInOrder ? Math.min(writeEndMs, readEndMs) : writeEndMs;
    // What starts later still has to wait as well, since nothing ends before it starts.
    if (one.startMs > Math.max(untilWriteMs, untilReadMs)) break;
    if (isTaken) continue;
    if (one.startMs <= (one.kind === 'read' ? untilReadMs : untilWriteMs)) candidates.push({ one, at });
    if (one.kind === 'read') readEndMs = Math.min(readEndMs, one.endMs);
    else {
      writeOrderedMs = Math.min(writeOrderedMs, one.orderedMs);
      writeEndMs = Math.min(writeEndMs, one.endMs);
    }
  }
  return { candidates, latestStartMs: Math.min(writeOrderedMs, readEndMs) };
}

function take(here: Position, at: number, state: State): Position {
  let { low } = here;
  let taken = here.taken | (1n << BigInt(at - low));
  while ((taken & 1n) !== 0n) {
    taken >>= 1n;
    low += 1;
  }
  return { low, taken, extras: here.extras, state };
}
