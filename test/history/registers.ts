// A history taken apart by key: what was written to one document and what was read of it, in the terms of the checkers.
import type { Operation } from './linearizable.ts';
import type { Call, Content, ReadCall, WriteCall } from './record.ts';

/** One key's share of a write. What is not known yet when it is entered is read from its call. */
export class KeyWrite {
  readonly call: WriteCall;

  constructor(call: WriteCall) {
    this.call = call;
  }

  /** A delete by filter is a delete of every key of it. */
  get kind(): 'put' | 'update' | 'delete' {
    return this.call.kind === 'deleteByFilter' ? 'delete' : this.call.kind;
  }

  get value(): string {
    return this.call.value ?? '';
  }

  get startMs(): number {
    return this.call.invokedAtMs;
  }

  /** Of the 202: whatever is invoked later comes after it. Infinity when it may still take effect at any time. */
  get orderedMs(): number {
    const { outcome, answeredAtMs } = this.call;
    // What failed on a node or was never answered may have taken effect, or may yet.
    return outcome === 'acknowledged' || outcome === 'applied' ? (answeredAtMs ?? Infinity) : Infinity;
  }

  /** Readable from then on. Infinity when that was not seen. */
  get appliedMs(): number {
    return this.call.outcome === 'applied' ? (this.call.finishedAtMs ?? Infinity) : Infinity;
  }
}

export interface KeyRead {
  /** Null: the state of an owner at the end. */
  readonly call: ReadCall | null;
  readonly node: string | null;
  readonly startMs: number;
  readonly endMs: number;
  readonly seen: Content | null;
}

export class Register {
  readonly key: string;
  reads: KeyRead[] = [];
  readonly #writes: KeyWrite[] = [];
  readonly #byValue = new Map<string, KeyWrite>();
  #recent: KeyWrite[] = [];

  constructor(key: string) {
    this.key = key;
  }

  add(write: KeyWrite): void {
    this.#writes.push(write);
    this.#recent.push(write);
    if (write.kind !== 'delete') this.#byValue.set(write.value, write);
  }

  /** By start. What was refused has never been. */
  get writes(): readonly KeyWrite[] {
    return this.#writes.filter(isPossible);
  }

  /** Those that a read begun after the last `forget` may turn on. */
  get recent(): readonly KeyWrite[] {
    return this.#recent.filter(isPossible);
  }

  /** Who wrote it, or was refused to. */
  writerOf(value: string): KeyWrite | null {
    return this.#byValue.get(value) ?? null;
  }

  /**
   * Takes from `recent` what every read begun at `ms` or later comes after, since something newer was applied before: a
   * whole document or a delete replaces everything, a partial update replaces partial updates.
   */
  forget(ms: number): void {
    let newest = -Infinity;
    let newestWhole = -Infinity;
    for (const { kind, startMs, appliedMs } of this.recent) {
      if (appliedMs >= ms) continue;
      newest = Math.max(newest, startMs);
      if (kind !== 'update') newestWhole = Math.max(newestWhole, startMs);
    }
    this.#recent = this.recent.filter(({ kind, orderedMs }) => orderedMs >= (kind === 'update' ? newest : newestWhole));
  }
}

const isPossible = ({ call }: KeyWrite): boolean => call.outcome !== 'refused';

/** The reads of one call, one for each key that it saw or that it would have seen. What it saw twice counts once. */
export function* readsOf(call: ReadCall): Generator<[string, KeyRead]> {
  if (call.outcome !== 'answered' || call.answeredAtMs === null) return;
  const common = { call, node: null, startMs: call.invokedAtMs, endMs: call.answeredAtMs };
  const shown = new Map(call.seen.map((one) => [one.key, one]));
  for (const [key, { base, patch }] of shown) yield [key, { ...common, seen: { base, patch } }];
  for (const key of call.covers) if (!shown.has(key)) yield [key, { ...common, seen: null }];
}

export class Registers {
  readonly #byKey = new Map<string, Register>();

  of(key: string): Register {
    let register = this.#byKey.get(key);
    if (register === undefined) {
      register = new Register(key);
      this.#byKey.set(key, register);
    }
    return register;
  }

  addWrites(calls: Iterable<Call>): void {
    for (const call of calls) {
      if (call.is === 'write') for (const key of call.keys) this.of(key).add(new KeyWrite(call));
    }
  }

  [Symbol.iterator](): IterableIterator<Register> {
    return this.#byKey.values();
  }
}

export interface OperationOptions {
  /** When every node had nothing to do any more, so that everything accepted had been applied. Infinity: never. */
  readonly idleAtMs: number;
  /**
   * A write that took longer than this to be answered may take effect a second time: its router found other owners after
   * the 202 and sent it again (R8), which counts as one more write.
   */
  readonly sentAgainAfterMs: number;
}

/**
 * The register's operations. An accepted write that was not seen applied has taken effect when the nodes are idle. One
 * of unknown outcome whose value nobody saw is left out, which changes no answer; once its value was seen it has
 * happened.
 */
export function operationsOf(register: Register, { idleAtMs, sentAgainAfterMs }: OperationOptions): Operation[] {
  const seenValues = new Set<string | null>();
  for (const { seen } of register.reads) if (seen !== null) seenValues.add(seen.base).add(seen.patch);
  const operations: Operation[] = [];
  for (const { call, kind, value, startMs, orderedMs, appliedMs } of register.writes) {
    const isOpen = orderedMs === Infinity;
    const isSeen = kind === 'delete' || seenValues.has(value);
    if (isOpen && !isSeen) continue;
    const endMs = Math.min(appliedMs, isOpen ? Infinity : Math.max(idleAtMs, orderedMs));
    const common = { kind, value, seen: null, startMs };
    operations.push({ ...common, orderedMs, endMs, isOptional: isOpen && kind === 'delete' });
    if (isSeen && (call.answeredAtMs ?? Infinity) - startMs > sentAgainAfterMs) {
      operations.push({ ...common, orderedMs: Infinity, endMs: Infinity, isOptional: true });
    }
  }
  for (const { seen, startMs, endMs } of register.reads) {
    operations.push({ kind: 'read', value: '', seen, startMs, orderedMs: endMs, endMs, isOptional: false });
  }
  return operations;
}
