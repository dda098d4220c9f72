// Judges a history of clients' calls, all along and at the end, against what clients were promised. Knows nothing of
// how documents move; shares no code with what it judges.
import { linearizable } from './linearizable.ts';
import type { Finding, Operation, State } from './linearizable.ts';
import type { Call, Content, History, ReadCall } from './record.ts';
import { Registers, operationsOf, readsOf } from './registers.ts';
import type { KeyRead, Register } from './registers.ts';
import { Timeline } from './timeline.ts';
import { Findings } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export interface CheckOptions {
  /**
   * True where one server answers every read: what one read saw, a later one sees too. False behind routers, that may read
   * replicas of which one has not applied yet what no task says to be applied.
   */
  readonly readsInOrder: boolean;
  /** Default: a write is never sent again. */
  readonly sentAgainAfterMs?: number;
  /**
   * Reads of a document while some copy of it is known to have missed a write: they may meet that copy, so they prove
   * nothing. Owners at the end are looked at all the same.
   */
  readonly isExcepted?: (key: string, fromMs: number, toMs: number) => boolean;
  /** For one document; more is `undecided`. Default: by the number of its operations. */
  readonly stepsMax?: number;
}

/** The nodes at the end, with no client and nothing queued any more. Ids that no call touched are ignored. */
export interface EndState {
  /** When they were seen idle, on the recorder's clock. */
  readonly idleAtMs: number;
  /** By node: every document's text by its id. Shards a node does not own may be there too. */
  readonly dumps: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Of each key; of every key that the history names. */
  readonly owners: (key: string) => readonly string[];
  /** Whether the owner's repair list names the document (or its whole shard): it may then have whatever it likes. */
  readonly isListed?: (node: string, key: string) => boolean;
}

/** An order is found in little more than a step for each operation, or hardly ever. */
const STEPS = { least: 50_000, perOperation: 20 };
/** So many documents' reads are spread out at a time: one list is a read of each of its documents. */
const KEYS_AT_A_TIME = 100;
/** After everything: what is applied at all is applied before. */
const AT_THE_END = { startMs: Number.MAX_VALUE, endMs: Infinity };

export class Judge {
  readonly #history: History;
  readonly #options: CheckOptions & { readonly sentAgainAfterMs: number };
  readonly #registers = new Registers();
  readonly #findings = new Findings();
  /** Calls before this one were entered. */
  #entered = 0;
  /** Reads not judged yet, for want of an answer. */
  #waiting: ReadCall[] = [];

  constructor(history: History, options: CheckOptions) {
    this.#history = history;
    this.#options = { sentAgainAfterMs: Infinity, ...options };
  }

  /** Judges the reads that were answered since the last look, by what is known by now. To be called now and then. */
  look(): Verdict {
    this.#enter();
    const answered = this.#waiting.filter(({ outcome }) => outcome === 'answered');
    this.#waiting = this.#waiting.filter(({ outcome }) => outcome === 'open');
    const timelines = new Map<string, Timeline>();
    for (const call of answered) {
      this.#findDoubled(call);
      for (const [key, read] of readsOf(call)) {
        if (this.#isExcepted(key, read)) continue;
        let timeline = timelines.get(key);
        if (timeline === undefined) {
          timeline = new Timeline(this.#registers.of(key));
          timelines.set(key, timeline);
        }
        this.#findContradiction(key, timeline, read);
      }
    }
    // No read to come has begun before the last call, or before the oldest that is not answered.
    const fromMs = Math.min(this.#history.at(-1)?.invokedAtMs ?? 0, this.#waiting[0]?.invokedAtMs ?? Infinity);
    for (const key of timelines.keys()) this.#registers.of(key).forget(fromMs);
    return this.#findings.verdict(this.#history);
  }

  /** The whole history again, with every answer known, and the nodes. To be called once. */
  end(end: EndState): Verdict {
    this.#enter();
    const reads = this.#history.filter((call): call is ReadCall => call.is === 'read');
    for (const call of reads) {
      this.#findDoubled(call);
      // Nobody need have written what was seen.
      for (const { key } of call.seen) this.#registers.of(key);
    }
    const registers = [...this.#registers];
    for (let from = 0; from < registers.length; from += KEYS_AT_A_TIME) {
      const some = new Map(registers.slice(from, from + KEYS_AT_A_TIME).map((register) => [register.key, register]));
      for (const call of reads) {
        for (const [key, read] of readsOf(call)) if (!this.#isExcepted(key, read)) some.get(key)?.reads.push(read);
      }
      for (const register of some.values()) {
        const timeline = new Timeline(register, end.idleAtMs);
        for (const read of register.reads) this.#findContradiction(register.key, timeline, read);
        this.#checkOwners(register, timeline, end);
        // What a rule has named already is not to be counted again under another name.
        if (!this.#findings.has(register.key)) this.#checkOrder(register, end.idleAtMs);
        register.reads = [];
      }
    }
    return this.#findings.verdict(this.#history);
  }

  #isExcepted(key: string, { startMs, endMs }: KeyRead): boolean {
    return this.#options.isExcepted?.(key, startMs, endMs) === true;
  }

  #enter(): void {
    const calls = this.#history.slice(this.#entered);
    this.#entered = this.#history.length;
    this.#registers.addWrites(calls);
    for (const call of calls) if (call.is === 'read') this.#waiting.push(call);
  }

  #findDoubled(call: ReadCall): void {
    const seen = new Set<string>();
    for (const { key } of call.seen) {
      if (seen.has(key)) {
        this.#findings.note({ kind: 'doubled', key, text: `${key} is twice in one ${call.kind}`, calls: [call] });
      }
      seen.add(key);
    }
  }

  #findContradiction(key: string, timeline: Timeline, read: KeyRead): void {
    const found = timeline.contradicts(read);
    if (found === null) return;
    const { kind, writer, by } = found;
    const where = read.node === null ? `a ${read.call?.kind ?? 'read'}` : `owner ${read.node} at the end`;
    const calls = [writer?.call, by?.call, read.call].filter((call): call is Call => call != null);
    this.#findings.note({ kind, key, text: `${key}: ${where} has ${contentText(read.seen)}`, calls });
  }

  /** The owners' documents are judged as reads of the register that began after everything. */
  #checkOwners(register: Register, timeline: Timeline, { dumps, owners, isListed }: EndState): void {
    const { key } = register;
    const right: KeyRead[] = [];
    const nodes = owners(key);
    if (nodes.length === 0) this.#undecided(key, 'has no owner');
    for (const node of nodes) {
      if (isListed?.(node, key) === true) continue;
      const dump = dumps.get(node);
      if (dump === undefined) {
        this.#undecided(key, `owner ${node} was not read`);
        continue;
      }
      const read: KeyRead = { ...AT_THE_END, call: null, node, seen: contentOf(dump.get(key)) };
      this.#findContradiction(key, timeline, read);
      if (timeline.contradicts(read) === null) right.push(read);
    }
    const [first] = right;
    const other = right.find(({ seen }) => contentText(seen) !== contentText(first?.seen ?? null));
    if (first !== undefined && other !== undefined) {
      const text = `${key}: ${first.node} has ${contentText(first.seen)}, ${other.node} has ${contentText(other.seen)}`;
      this.#findings.note({ kind: 'diverged', key, text, calls: [] });
    }
    register.reads.push(...right);
  }

  #checkOrder(register: Register, idleAtMs: number): void {
    const { readsInOrder, sentAgainAfterMs } = this.#options;
    const search = (withinMs: number): Finding => {
      const operations = operationsOf(register, { idleAtMs, sentAgainAfterMs: withinMs });
      const stepsMax = this.#options.stepsMax ?? STEPS.least + STEPS.perOperation * operations.length;
      return linearizable(operations, { readsInOrder, stepsMax });
    };
    let found = search(Infinity);
    if (found.verdict !== 'linearizable' && sentAgainAfterMs < Infinity) found = search(sentAgainAfterMs);
    if (found.verdict === 'linearizable') return;
    const { key } = register;
    if (found.verdict === 'undecided') {
      this.#undecided(key, `no order found in ${found.steps} steps`);
      return;
    }
    const calls = register.writes.filter(({ call }) => found.stuck.some((one) => isOf(one, call)));
    const reads = register.reads.filter(({ call, seen, startMs }) =>
      found.stuck.some((one) => call !== null && one.seen === seen && one.startMs === startMs),
    );
    this.#findings.note({
      kind: 'unordered',
      key,
      text: `${key}: no order of its calls explains every answer; with ${contentText(found.stuckState)}, none of these fits`,
      calls: [...calls, ...reads].flatMap(({ call }) => (call === null ? [] : [call])),
    });
  }

  #undecided(key: string, why: string): void {
    this.#findings.note({ kind: 'undecided', key, text: `${key} ${why}`, calls: [] });
  }
}

const isOf = ({ kind, value, startMs }: Operation, call: Call): boolean =>
  call.is === 'write' && kind !== 'read' && startMs === call.invokedAtMs && value === (call.value ?? '');

const contentText = (content: State): string =>
  content === null ? 'nothing' : `base ${content.base ?? 'none'}, patch ${content.patch ?? 'none'}`;

/** Of a document's text. */
function contentOf(text: string | undefined): Content | null {
  if (text === undefined) return null;
  const { base, patch } = JSON.parse(text) as Record<string, unknown>;
  return { base: typeof base === 'string' ? base : null, patch: typeof patch === 'string' ? patch : null };
}
