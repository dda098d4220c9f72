/**
 * One client that writes: whole documents with unique values, partial updates and deletes, of documents that are its
 * own. What is refused or not answered it sends again until it is acknowledged. A careful one also waits for its tasks
 * and reads back what it has written, by id and by search, from whichever gateway answers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { City } from './cities.ts';
import type { Line, WriteOutcome } from './gateways.ts';
import type { TaskEnd, TaskWatch } from './task-watch.ts';
import { type Fields, type Tally, type Truth, type Write, ID, faultOf, idOf } from './truth.ts';

export interface Written {
  acknowledged: number;
  /** Tries that were refused or not answered. */
  refused: number;
  /** Writes given up at the end without having been acknowledged. */
  givenUp: number;
  /** From the first try to the acknowledgement (ms). */
  longestMs: number;
}

export interface WriterInput {
  /** First letter of its values. */
  readonly name: string;
  readonly isCareful: boolean;
  /** Written again and again. */
  readonly hot: readonly number[];
  readonly cities: readonly City[];
  /** A document that nobody has written yet. */
  readonly nextId: () => number;
  readonly line: Line;
  readonly tasks: TaskWatch;
  readonly truth: Truth;
  readonly tally: Tally;
  readonly written: Written;
  readonly tolerance: number;
  /** Nothing new is begun after this … */
  readonly end: AbortSignal;
  /** … and nothing is tried again after this. */
  readonly giveUp: AbortSignal;
}

/** Between two calls: the demo shows that clients may write, not how fast. */
const PAUSE_MS = 200;
const BATCH_MAX = 4;
/** In this order, over and over. */
const KINDS = ['put', 'update', 'put', 'delete', 'update', 'put', 'update', 'delete'] as const;
/** Of hot ones, of the package's, and new ones. */
const SHARES = { hot: 0.5, city: 0.3 };
const FOUND_MAX = 20;
const VALUE_DIGITS = 7;

const oneOf = <T>(some: readonly T[]): T | undefined => some[Math.floor(Math.random() * some.length)];

export class Writer {
  readonly #input: WriterInput;
  #calls = 0;
  #values = 0;

  constructor(input: WriterInput) {
    this.#input = input;
  }

  async run(): Promise<void> {
    const { end, tasks, isCareful } = this.#input;
    while (!end.aborted) {
      await sleep(PAUSE_MS);
      if (end.aborted || !tasks.hasRoom) continue;
      const write = this.#next();
      const uid = await this.#insist(write);
      if (uid === null) return;
      const ended = tasks.ended(uid).then((how) => this.#judgeTask(uid, how));
      if (isCareful) await this.#readBack(write, ended);
    }
  }

  #next(): Write {
    const kind = KINDS[this.#calls % KINDS.length] ?? 'put';
    this.#calls += 1;
    const many = 1 + Math.floor(Math.random() * BATCH_MAX);
    const bases = new Map<number, Fields>();
    for (let at = 0; at < many; at += 1) {
      const base = this.#base();
      bases.set(idOf(base), base);
    }
    const documents = [...bases.values()].map((base): Fields => {
      if (kind === 'delete') return { [ID]: base[ID] };
      this.#values += 1;
      const altName = `${this.#input.name}${String(this.#values).padStart(VALUE_DIGITS, '0')}`;
      return kind === 'put' ? { ...base, altName } : { [ID]: base[ID], altName, visits: this.#values };
    });
    return { kind, documents };
  }

  #base(): Fields {
    const { hot, cities, nextId } = this.#input;
    const share = Math.random();
    const city = share < SHARES.city ? oneOf(cities) : undefined;
    if (city !== undefined) return city;
    const id = share < SHARES.city + SHARES.hot ? oneOf(hot) : undefined;
    return id === undefined ? { [ID]: nextId(), name: 'Newtown' } : { [ID]: id, name: 'Hotspring' };
  }

  /** The uid of its task; null when it was given up. */
  async #insist(write: Write): Promise<number | null> {
    const { line, truth, written, giveUp } = this.#input;
    const startedMs = performance.now();
    for (;;) {
      let outcome: WriteOutcome;
      try {
        outcome = await line.write(write);
      } catch (error) {
        // Broken off: nobody knows.
        truth.unanswered(write);
        written.givenUp += 1;
        throw error;
      }
      if (outcome.kind === 'acknowledged') {
        truth.acknowledged(write);
        written.acknowledged += 1;
        written.longestMs = Math.max(written.longestMs, performance.now() - startedMs);
        return outcome.taskUid;
      }
      if (outcome.kind === 'unanswered') truth.unanswered(write);
      written.refused += 1;
      if (giveUp.aborted) {
        written.givenUp += 1;
        return null;
      }
      await sleep(outcome.retryMs);
    }
  }

  #judgeTask(uid: number, how: TaskEnd): TaskEnd {
    if (how === 'failed') this.#input.tally.found('lost', `task ${uid} of an acknowledged write failed`);
    return how;
  }

  /** Once a task has succeeded, every read that begins sees its write: nobody else writes these documents. */
  async #readBack(write: Write, ended: Promise<TaskEnd>): Promise<void> {
    const { line, truth, tally, tolerance } = this.#input;
    if ((await ended) !== 'succeeded') return;
    for (const { [ID]: id, altName } of write.documents) {
      const states = truth.statesOf(Number(id));
      const fault = faultOf(states, await line.document(Number(id)), tolerance);
      if (fault !== null) tally.found(fault, `document ${Number(id)} read back after its task: ${fault}`);
      if (typeof altName !== 'string') continue;
      const hits = (await line.search(altName, FOUND_MAX)).filter((hit) => idOf(hit) === id);
      const found = hits.length > 1 ? 'doubled' : faultOf(states, hits[0] ?? null, tolerance);
      if (found !== null) tally.found(found, `document ${Number(id)} searched for after its task: ${found}`);
    }
  }
}
