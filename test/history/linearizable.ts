// Whether the calls on one document can be put into one order that explains every answer: the search of Wing and Gong
// with Lowe's memory of positions already tried.
//
// On this system a 202 is not an effect, so what must come before what is given by three rules and not by one interval:
// - a write is before a read that began after the write's task was seen succeeded (`endMs`);
// - a write is before a write that was invoked after its 202 (`orderedMs`): nodes apply tasks in the order of acceptance;
// - a read is before a write that was invoked after the read's answer, and, with `readsInOrder`, before such a read.
// Without `readsInOrder` a read may see a write that is not confirmed, and a later one, on another replica, not: that is
// what several readers are allowed to do before the task is said to have succeeded.
//
// Values are unique, so what read a value has its place right behind the write of it: such reads are not put in order by
// themselves, they tighten what their write has to come before and after. Only reads of nothing, and of a value that may
// be written twice, float.

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

/** A write with the reads that saw it, which come right behind it. */
interface Link {
  readonly one: Operation;
  /** The last one, and before it those that saw something else. */
  readonly reads: readonly Operation[];
  readonly startMs: number;
  /** Writes begun later come after it: after its 202, or after a read of it. */
  readonly orderedMs: number;
  /** Reads begun later come after it. */
  readonly endMs: number;
  /** Begin of the last read of it: what ended before that comes before it. */
  readonly readAtMs: number;
}

/** Items by start; in the order are all before `low` and those whose bit is set (bit 0 is `low`), none from `high` on. */
interface Front {
  readonly low: number;
  readonly high: number;
  readonly taken: bigint;
}

interface Position {
  readonly links: Front;
  readonly floating: Front;
  readonly extras: bigint;
  readonly state: State;
}

const BEGIN: Front = { low: 0, high: 0, taken: 0n };

export function linearizable(operations: readonly Operation[], { readsInOrder, stepsMax }: Limits): Finding {
  const { links, floating, extras, impossible } = linked(operations, readsInOrder);
  if (impossible.length > 0) return { verdict: 'violated', steps: 0, stuck: impossible, stuckState: null };
  const orderedFrom = suffixMin(links.map(({ orderedMs }) => orderedMs));
  const endFrom = suffixMin(links.map(({ endMs }) => endMs));
  const floatingEndFrom = suffixMin(floating.map(({ endMs }) => endMs));
  const stack: Position[] = [{ links: BEGIN, floating: BEGIN, extras: 0n, state: null }];
  const tried = new Set<string>();
  let deepest: { at: number; stuck: Operation[]; state: State } = { at: -1, stuck: [], state: null };
  let steps = 0;
  for (let here = stack.pop(); here !== undefined; here = stack.pop()) {
    const { state } = here;
    if (here.links.low === links.length && here.floating.low === floating.length) {
      return { verdict: 'linearizable', steps, stuck: [], stuckState: null };
    }
    const name = nameOf(here);
    if (tried.has(name)) continue;
    tried.add(name);
    steps += 1;
    if (steps > stepsMax) break;
    const orderedMs = Math.min(orderedFrom[here.links.high] ?? Infinity, leastOf(links, here.links, byOrdered));
    const endMs = Math.min(endFrom[here.links.high] ?? Infinity, leastOf(links, here.links, byEnd));
    const floatMs = Math.min(floatingEndFrom[here.floating.high] ?? Infinity, leastOf(floating, here.floating, byEnd));

    // A read that fits now is taken now: it changes nothing, and putting it off opens no way that is closed otherwise.
    const readUntilMs = readsInOrder ? Math.min(endMs, floatMs) : endMs;
    let reads = here.floating;
    for (const at of missing(floating, here.floating, readUntilMs)) {
      if (sameState(floating[at]?.seen ?? null, state)) reads = take(reads, at);
    }
    if (reads !== here.floating) {
      stack.push({ ...here, floating: reads });
      continue;
    }

    const untilMs = Math.min(orderedMs, floatMs);
    const candidates = [...missing(links, here.links, untilMs)];
    const scannedTo = Math.max(here.links.high, (candidates.at(-1) ?? -1) + 1);
    const ends = twoLeast(links, { ...here.links, high: scannedTo }, endFrom[scannedTo] ?? Infinity);
    const next: Position[] = [];
    for (const at of candidates.sort((a, b) => (links[a]?.orderedMs ?? 0) - (links[b]?.orderedMs ?? 0))) {
      const link = links[at];
      if (link === undefined) break;
      const after = apply(state, link.one) ?? null;
      const othersEndMs = at === ends.at ? ends.secondMs : ends.firstMs;
      const isInTime = link.readAtMs <= othersEndMs && !(readsInOrder && link.readAtMs > floatMs);
      if (!isInTime || link.reads.some(({ seen }) => !sameState(seen, after))) continue;
      next.push({ ...here, links: take(here.links, at), state: after });
    }
    if (here.links.low + here.floating.low > deepest.at) {
      const waiting = candidates.flatMap((at) => [links[at]?.one, links[at]?.reads.at(-1)]);
      const stuck = [...waiting, floating[here.floating.low]].filter((one) => one !== undefined);
      deepest = { at: here.links.low + here.floating.low, stuck, state };
    }
    let hasDelete = false;
    for (const [at, one] of extras.entries()) {
      const bit = 1n << BigInt(at);
      if ((here.extras & bit) !== 0n || one.startMs > untilMs) continue;
      // Deletes are all alike, and the one that began first may come wherever a later one may.
      if (one.kind === 'delete' && hasDelete) continue;
      hasDelete ||= one.kind === 'delete';
      next.push({ ...here, extras: here.extras | bit, state: apply(state, one) ?? null });
    }
    // Pushed last, tried first: in the order of acceptance, and what may never have happened after what has.
    stack.push(...next.reverse());
  }
  return {
    verdict: steps > stepsMax ? 'undecided' : 'violated',
    steps,
    stuck: deepest.stuck,
    stuckState: deepest.state,
  };
}

/** `impossible`: a read of what nobody writes, or before it is written, or two that saw one write differently. */
function linked(
  operations: readonly Operation[],
  readsInOrder: boolean,
): { links: Link[]; floating: Operation[]; extras: Operation[]; impossible: readonly Operation[] } {
  const byStart = [...operations].sort((a, b) => a.startMs - b.startMs);
  const isValue = ({ kind }: Operation): boolean => kind === 'put' || kind === 'update';
  const writers = new Map<string, number>();
  for (const one of byStart) if (isValue(one)) writers.set(one.value, (writers.get(one.value) ?? 0) + 1);
  const readsOf = new Map<string, Operation[]>();
  const floating: Operation[] = [];
  for (const one of byStart) {
    if (one.kind !== 'read') continue;
    const value = one.seen === null ? null : (one.seen.patch ?? '');
    const count = value === null ? 0 : writers.get(value);
    if (count === undefined) return { links: [], floating: [], extras: [], impossible: [one] };
    if (value === null || count > 1) floating.push(one);
    else {
      const others = readsOf.get(value);
      if (others === undefined) readsOf.set(value, [one]);
      else others.push(one);
    }
  }
  const links: Link[] = [];
  for (const one of byStart) {
    // A write that may never have happened has, once somebody saw it.
    const reads = (isValue(one) && readsOf.get(one.value)) || [];
    if (one.kind === 'read' || (one.isOptional && reads.length === 0)) continue;
    const readEndMs = reads.reduce((least, { endMs }) => Math.min(least, endMs), Infinity);
    if (readEndMs < one.startMs)
      return { links: [], floating: [], extras: [], impossible: [one, ...reads.slice(0, 1)] };
    links.push({
      one,
      reads: reads.filter(({ seen }, at) => at === reads.length - 1 || !sameState(seen, reads.at(-1)?.seen ?? null)),
      startMs: one.startMs,
      orderedMs: Math.min(one.orderedMs, readEndMs),
      endMs: readsInOrder ? Math.min(one.endMs, readEndMs) : one.endMs,
      readAtMs: reads.at(-1)?.startMs ?? -Infinity,
    });
  }
  const extras = byStart.filter((one) => one.isOptional && !(isValue(one) && readsOf.has(one.value)));
  return { links, floating, extras, impossible: [] };
}

const byOrdered = ({ orderedMs }: { readonly orderedMs: number }): number => orderedMs;
const byEnd = ({ endMs }: { readonly endMs: number }): number => endMs;

/** The least of the items missing before `high`. */
function leastOf<T>(items: readonly T[], { low, high, taken }: Front, of: (item: T) => number): number {
  let least = Infinity;
  let rest = taken;
  for (let at = low; at < high; at += 1, rest >>= 1n) {
    const item = items[at];
    if (item !== undefined && (rest & 1n) === 0n) least = Math.min(least, of(item));
  }
  return least;
}

/** Whose end is the first, and what it is of all the others; from `high` on it is `beyondMs`. */
function twoLeast(
  links: readonly Link[],
  { low, high, taken }: Front,
  beyondMs: number,
): { firstMs: number; at: number; secondMs: number } {
  let two = { firstMs: beyondMs, at: -1, secondMs: beyondMs };
  let rest = taken;
  for (let at = low; at < high; at += 1, rest >>= 1n) {
    const endMs = (rest & 1n) === 0n ? (links[at]?.endMs ?? Infinity) : Infinity;
    if (endMs < two.firstMs) two = { firstMs: endMs, at, secondMs: two.firstMs };
    else if (endMs < two.secondMs) two.secondMs = endMs;
  }
  return two;
}

/** Positions of the items not taken yet that begin by then. */
function* missing(
  items: readonly { readonly startMs: number }[],
  { low, taken }: Front,
  untilMs: number,
): Generator<number> {
  let rest = taken;
  for (let at = low; at < items.length && (items[at]?.startMs ?? Infinity) <= untilMs; at += 1) {
    if ((rest & 1n) === 0n) yield at;
    if (rest !== 0n) rest >>= 1n;
  }
}

function take(front: Front, at: number): Front {
  let { low } = front;
  let taken = front.taken | (1n << BigInt(at - low));
  while ((taken & 1n) !== 0n) {
    taken >>= 1n;
    low += 1;
  }
  return { low, high: Math.max(front.high, at + 1), taken };
}

/** At each place the least from there on. */
function suffixMin(numbers: readonly number[]): readonly number[] {
  const least = [...numbers];
  for (let at = least.length - 2; at >= 0; at -= 1) least[at] = Math.min(least[at] ?? 0, least[at + 1] ?? Infinity);
  return least;
}

function nameOf({ links, floating, extras, state }: Position): string {
  const bits = [links.taken, floating.taken, extras].map((one) => one.toString(16)).join(' ');
  return `${links.low} ${floating.low} ${bits} ${state === null ? '' : `${state.base}/${state.patch}`}`;
}
