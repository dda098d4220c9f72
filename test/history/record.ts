// What clients did and were told, call by call, on one clock. Clients write here, the checkers read; nothing in this
// file judges. A call is entered before its request is sent, so that one that is never answered is there as well.
import { appendFileSync, readFileSync } from 'node:fs';

/** The two fields of a document that are looked at: `base` comes with a whole document, `patch` with any write. */
export interface Content {
  /** Null in a document that a partial update has made. */
  readonly base: string | null;
  readonly patch: string | null;
}

/** A document in an answer. */
export interface Seen extends Content {
  readonly key: string;
}

export type WriteKind = 'put' | 'update' | 'delete' | 'deleteByFilter';
export type ReadKind = 'get' | 'list' | 'search';

/**
 * - `open`: not answered (yet).
 * - `acknowledged`: 202; its task was not seen finished (yet).
 * - `applied`: 202, and its task was seen succeeded.
 * - `failed`: 202, and its task was seen failed or canceled: some owner may have it all the same.
 * - `refused`: certainly not executed.
 * - `unknown`: no answer, or one that leaves it open: it may take effect at any time from now on, or never.
 */
export type WriteOutcome = 'open' | 'acknowledged' | 'applied' | 'failed' | 'refused' | 'unknown';

export interface WriteCall {
  readonly is: 'write';
  readonly call: number;
  readonly client: string;
  readonly target: string;
  readonly kind: WriteKind;
  /** Every key it may touch; of a delete by filter, all that its filter can ever match. */
  readonly keys: readonly string[];
  /** What it writes; never the same twice for one key. Null in deletes. */
  readonly value: string | null;
  readonly invokedAtMs: number;
  answeredAtMs: number | null;
  /** When its task was seen finished. */
  finishedAtMs: number | null;
  outcome: WriteOutcome;
  taskUid: number | null;
  /** The answer's status and code, or why there was none. */
  note: string;
}

export interface ReadCall {
  readonly is: 'read';
  readonly call: number;
  readonly client: string;
  readonly target: string;
  readonly kind: ReadKind;
  /** Keys that are absent when they are not seen; none when the answer may have left documents out. */
  covers: readonly string[];
  readonly invokedAtMs: number;
  answeredAtMs: number | null;
  outcome: 'open' | 'answered' | 'failed';
  /** In the order of the answer, what stood there twice is here twice. */
  seen: readonly Seen[];
  note: string;
}

export type Call = WriteCall | ReadCall;

/** A history is the calls in the order of their invocation. */
export type History = readonly Call[];

export interface RecorderOptions {
  /** Calls that are kept at most; default 2,000,000. */
  readonly callsMax?: number;
  /** JSON lines go here too: each call when it is answered, and again when its task has finished. */
  readonly file?: string;
  /** Monotonic, ms. */
  readonly now?: () => number;
}

const CALLS_MAX = 2_000_000;
const LINES_BUFFERED = 500;

export class Recorder {
  readonly #calls: Call[] = [];
  readonly #max: number;
  readonly #file: string | null;
  readonly #now: () => number;
  #lines: string[] = [];

  constructor(options: RecorderOptions = {}) {
    this.#max = options.callsMax ?? CALLS_MAX;
    this.#file = options.file ?? null;
    this.#now = options.now ?? (() => performance.now());
  }

  now(): number {
    return this.#now();
  }

  get history(): History {
    return this.#calls;
  }

  /** Clients stop then: a history with holes proves nothing. */
  get isFull(): boolean {
    return this.#calls.length >= this.#max;
  }

  write(what: Pick<WriteCall, 'client' | 'target' | 'kind' | 'keys' | 'value'>): WriteCall {
    return this.#enter<WriteCall>({
      is: 'write',
      ...this.#begun(),
      ...what,
      answeredAtMs: null,
      finishedAtMs: null,
      outcome: 'open',
      taskUid: null,
      note: '',
    });
  }

  read(what: Pick<ReadCall, 'client' | 'target' | 'kind'>): ReadCall {
    return this.#enter<ReadCall>({
      is: 'read',
      ...this.#begun(),
      ...what,
      covers: [],
      answeredAtMs: null,
      outcome: 'open',
      seen: [],
      note: '',
    });
  }

  acknowledged(call: WriteCall, taskUid: number, note = ''): void {
    Object.assign(call, { outcome: 'acknowledged', taskUid, answeredAtMs: this.now(), note });
    this.#print(call);
  }

  /** Its task was seen finished just now. */
  finished(call: WriteCall, hasSucceeded: boolean, note = call.note): void {
    Object.assign(call, { outcome: hasSucceeded ? 'applied' : 'failed', finishedAtMs: this.now(), note });
    this.#print(call);
  }

  notWritten(call: WriteCall, outcome: 'refused' | 'unknown', note: string): void {
    Object.assign(call, { outcome, answeredAtMs: this.now(), note });
    this.#print(call);
  }

  answered(call: ReadCall, seen: readonly Seen[], covers: readonly string[]): void {
    Object.assign(call, { outcome: 'answered', seen, covers, answeredAtMs: this.now() });
    this.#print(call);
  }

  notRead(call: ReadCall, note: string): void {
    Object.assign(call, { outcome: 'failed', answeredAtMs: this.now(), note });
    this.#print(call);
  }

  /** Writes out what is buffered. Calls still open are written as such. */
  close(): void {
    for (const call of this.#calls) if (call.outcome === 'open') this.#print(call);
    this.#flush();
  }

  #begun(): { readonly call: number; readonly invokedAtMs: number } {
    return { call: this.#calls.length, invokedAtMs: this.now() };
  }

  #enter<T extends Call>(call: T): T {
    if (this.isFull) throw new Error(`the history is full: ${this.#max} calls`);
    this.#calls.push(call);
    return call;
  }

  #print(call: Call): void {
    if (this.#file === null) return;
    this.#lines.push(JSON.stringify(call));
    if (this.#lines.length >= LINES_BUFFERED) this.#flush();
  }

  #flush(): void {
    if (this.#file !== null && this.#lines.length > 0) appendFileSync(this.#file, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }
}

/** The history of a file that a recorder wrote: of each call, what was written of it last. */
export function readHistory(file: string): History {
  const calls = new Map<number, Call>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    const call = JSON.parse(line) as Call;
    calls.set(call.call, call);
  }
  return [...calls.values()].sort((a, b) => a.call - b.call);
}
