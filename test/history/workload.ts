// Clients that write, delete, read and search all the time, and write down every call. Nothing here knows what will go
// wrong meanwhile, or what counts as right.
import { setTimeout as sleep } from 'node:timers/promises';
import { QUERY, filterOf } from './keyspace.ts';
import type { Keyspace } from './keyspace.ts';
import { Random } from './random.ts';
import type { Recorder, WriteKind } from './record.ts';
import type { ReadAnswer, Target, WriteRequest } from './targets.ts';
import { TaskWatch } from './task-watch.ts';

/** How often each kind of call is made, in relation to the others. */
export type Mix = Readonly<Record<WriteKind | 'get' | 'list' | 'search', number>>;

export interface WorkloadOptions {
  readonly targets: readonly Target[];
  readonly recorder: Recorder;
  readonly keyspace: Keyspace;
  readonly seed: number;
  /** Ends the calls; what was accepted by then is waited for. */
  readonly signal: AbortSignal;
  readonly clients?: number;
  /** Of all clients together; default: as fast as they are answered. */
  readonly callsPerS?: number;
  readonly mix?: Partial<Mix>;
  /** Part of the calls on one document that go to a hot one. */
  readonly hotShare?: number;
  readonly batchMax?: number;
  readonly deadlineMs?: number;
  /** Accepted writes not yet applied; more wait. */
  readonly openTasksMax?: number;
  /** For tasks still open at the end. */
  readonly drainMs?: number;
}

export interface WorkloadSummary {
  readonly calls: number;
  /** Tasks not seen finished, and those among them that no target knew any more. */
  readonly unfinishedTasks: number;
  readonly vanishedTasks: number;
  /** The recorder's bound ended it, not the signal. */
  readonly wasFull: boolean;
}

const MIX: Mix = { put: 34, update: 18, delete: 10, deleteByFilter: 0.3, get: 28, list: 4, search: 4 };
const HOT_SHARE = 0.4;
const BATCH_MAX = 8;
const CLIENTS = 8;
const DEADLINE_MS = 5_000;
const OPEN_TASKS_MAX = 400;
const DRAIN_MS = 30_000;
/** Of documents in one answer; a node gives no more hits. A group has to be smaller, or nothing is missed in it. */
const LIMIT = 1_000;
const PAUSE_MS = 5;
/** After a refusal: as the answer asks, within this. */
const RETRY_MS = [20, 250] as const;

export async function runWorkload(options: WorkloadOptions): Promise<WorkloadSummary> {
  const { recorder, targets, signal, deadlineMs = DEADLINE_MS } = options;
  const callsBefore = recorder.history.length;
  const tasks = new TaskWatch({ recorder, targets, openMax: options.openTasksMax ?? OPEN_TASKS_MAX, deadlineMs });
  const pace = new Pace(options.callsPerS ?? Infinity);
  const clients = Array.from({ length: options.clients ?? CLIENTS }, (_, at) => new Client(at, options, tasks, pace));
  try {
    await Promise.all(clients.map((client) => client.run(signal)));
  } finally {
    await tasks.drain(options.drainMs ?? DRAIN_MS);
  }
  return {
    calls: recorder.history.length - callsBefore,
    unfinishedTasks: tasks.open + tasks.vanished,
    vanishedTasks: tasks.vanished,
    wasFull: recorder.isFull,
  };
}

/** Gives each call its time; what could not be made in time is not made up for. */
class Pace {
  readonly #everyMs: number;
  #nextMs = 0;

  constructor(perS: number) {
    this.#everyMs = 1_000 / perS;
  }

  async turn(): Promise<void> {
    const nowMs = performance.now();
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + this.#everyMs;
    if (atMs > nowMs) await sleep(atMs - nowMs);
  }
}

class Client {
  readonly #name: string;
  readonly #options: WorkloadOptions;
  readonly #tasks: TaskWatch;
  readonly #pace: Pace;
  readonly #random: Random;
  readonly #mix: Mix;
  #values = 0;

  constructor(at: number, options: WorkloadOptions, tasks: TaskWatch, pace: Pace) {
    this.#name = `c${at + 1}`;
    this.#options = options;
    this.#tasks = tasks;
    this.#pace = pace;
    this.#random = new Random(options.seed * 1_000 + at);
    this.#mix = options.mix === undefined ? MIX : { ...NOTHING, ...options.mix };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { recorder } = this.#options;
    while (!signal.aborted && !recorder.isFull) {
      await this.#pace.turn();
      if (!this.#tasks.hasRoom) await sleep(PAUSE_MS);
      else if (!signal.aborted && !recorder.isFull) await this.#call();
    }
  }

  async #call(): Promise<void> {
    const { keyspace, targets } = this.#options;
    const target = this.#random.of(targets);
    const kind = this.#random.weighted(this.#mix);
    const signal = AbortSignal.timeout(this.#options.deadlineMs ?? DEADLINE_MS);
    switch (kind) {
      case 'put':
      case 'update':
      case 'delete':
        return this.#write(target, kind, this.#someKeys(), signal);
      case 'deleteByFilter': {
        const group = this.#random.of(keyspace.groups);
        return this.#write(target, kind, keyspace.keysOf(group), signal, group);
      }
      case 'get': {
        const [key = ''] = this.#someKeys(1);
        return this.#read(target, kind, [key], () => target.get(key, signal));
      }
      case 'list':
      case 'search': {
        const group = this.#random.of(keyspace.groups);
        const filter = filterOf(group);
        return this.#read(target, kind, keyspace.keysOf(group), () =>
          kind === 'list' ? target.list(filter, LIMIT, signal) : target.search(QUERY, filter, LIMIT, signal),
        );
      }
    }
  }

  /** Different ones; a hot one most often comes alone. */
  #someKeys(most = 1 + this.#random.below(this.#options.batchMax ?? BATCH_MAX)): readonly string[] {
    const { hot, cold } = this.#options.keyspace;
    const keys = new Set<string>();
    for (let at = 0; at < most; at += 1) {
      const isHot =
        cold.length === 0 || (hot.length > 0 && this.#random.next() < (this.#options.hotShare ?? HOT_SHARE));
      keys.add(this.#random.of(isHot ? hot : cold));
    }
    return [...keys];
  }

  async #write(
    target: Target,
    kind: WriteKind,
    keys: readonly string[],
    signal: AbortSignal,
    group = '',
  ): Promise<void> {
    const { recorder, keyspace } = this.#options;
    this.#values += 1;
    const value = kind === 'put' || kind === 'update' ? `${this.#name}.${this.#values}` : null;
    const request = ((): WriteRequest => {
      if (kind === 'delete') return { kind, ids: keys };
      if (kind === 'deleteByFilter') return { kind, filter: filterOf(group) };
      const content = kind === 'put' ? { base: value, patch: value } : { patch: value };
      return { kind, documents: keys.map((key) => keyspace.document(key, content)) };
    })();
    const call = recorder.write({ client: this.#name, target: target.name, kind, keys, value });
    const answer = await target.write(request, signal);
    if (answer.outcome === 'acknowledged') {
      recorder.acknowledged(call, answer.taskUid, answer.note);
      this.#tasks.add(call, answer.taskUid);
      return;
    }
    recorder.notWritten(call, answer.outcome, answer.note);
    await sleep(Math.min(Math.max(answer.retryAfterMs, RETRY_MS[0]), RETRY_MS[1]));
  }

  async #read(
    target: Target,
    kind: 'get' | 'list' | 'search',
    covers: readonly string[],
    send: () => Promise<ReadAnswer>,
  ): Promise<void> {
    const { recorder } = this.#options;
    const call = recorder.read({ client: this.#name, target: target.name, kind });
    const answer = await send();
    if ('documents' in answer) {
      recorder.answered(call, answer.documents, answer.isComplete ? covers : NO_KEYS);
      return;
    }
    recorder.notRead(call, answer.failure);
    await sleep(RETRY_MS[0]);
  }
}

const NOTHING: Mix = { put: 0, update: 0, delete: 0, deleteByFilter: 0, get: 0, list: 0, search: 0 };
const NO_KEYS: readonly string[] = [];
