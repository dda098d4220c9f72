/** The steady load: clients that write, delete and search through the gateways, from before the moves until after. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TimeoutError } from '../../errors.ts';
import type { City } from './cities.ts';
import { Line } from './gateways.ts';
import { INDEX } from './load.ts';
import { type Era, Durations, runSearcher } from './searcher.ts';
import { TaskWatch } from './task-watch.ts';
import { type Truth, Tally } from './truth.ts';
import { type Written, Writer } from './writer.ts';

export interface ClientsSummary extends Readonly<Written> {
  /** What clients saw in their reads. */
  readonly seen: Tally;
  /** Tasks of acknowledged writes that were not over at the end. */
  readonly openTasks: number;
  readonly searches: number;
  readonly searchP95Ms: Readonly<Record<Era, number | null>>;
}

export interface ClientsInput {
  /** Of the gateways. */
  readonly urls: readonly string[];
  readonly cities: readonly City[];
  readonly truth: Truth;
  readonly tolerance: number;
  readonly signal: AbortSignal;
  /** Told of an answer that no client should get. */
  readonly onFailure: (error: unknown) => void;
}

/** Of these the last ones are careful. */
const WRITERS = 6;
const CAREFUL = 2;
const SEARCHERS = 2;
/** The package's ids end below 13 million. */
const HOT_FROM = 1_000_000_000;
const HOT = 300;
const NEW_FROM = 2_000_000_000;
/** So many of the package's documents are written as well, spread over all shards. */
const CITIES = 600;
/** A gateway registers its router and reads its tables within a second or two. */
const READY_MS = 30_000;
const LOOK_MS = 20;
/** For writes and tasks that are under way when the load ends: a dead gateway is forgotten after 10 s. */
const DRAIN_MS = 40_000;

export class Clients {
  readonly #input: ClientsInput;
  readonly #durations = new Durations();
  readonly #seen = new Tally();
  readonly #written: Written = { acknowledged: 0, refused: 0, givenUp: 0, longestMs: 0 };
  readonly #end = new AbortController();
  readonly #giveUp = new AbortController();
  /** Of clients that are never silent for long. */
  readonly #prompt: Line[] = [];
  readonly #tasks: TaskWatch;
  readonly #running: Promise<unknown>;

  /** To be started when the gateways serve the index: `untilServing`. */
  constructor(input: ClientsInput) {
    this.#input = input;
    this.#tasks = new TaskWatch(this.#line(0));
    let isOver = false;
    const clients = Promise.all([...this.#writers(), ...this.#searchers()]).finally(() => (isOver = true));
    const tasks = this.#tasks.run(() => isOver, this.#giveUp.signal);
    this.#running = Promise.all([clients, tasks.catch((error: unknown) => this.#unlessGivenUp(error))]);
    this.#running.catch((error: unknown) => {
      if (!input.signal.aborted) input.onFailure(error);
    });
  }

  enter(era: Era): void {
    this.#durations.era = era;
  }

  /** In a few words. */
  get text(): string {
    const { problems } = this.#seen;
    const wrong = problems === 0 ? '' : `, ${problems} wrong`;
    return `${this.#written.acknowledged.toLocaleString('en-US')} writes acknowledged${wrong}`;
  }

  /** Resolves when no client was answered by that gateway last, but for those that wait for a task. */
  async untilElsewhere(gateway: number, signal: AbortSignal): Promise<void> {
    while (this.#prompt.some(({ answeredBy }) => answeredBy === gateway)) {
      await sleep(LOOK_MS, undefined, { signal });
    }
  }

  /** Ends the load: nothing new is begun, and what is under way comes to its end. */
  async end(): Promise<ClientsSummary> {
    this.#end.abort();
    const late = setTimeout(() => this.#giveUp.abort(), DRAIN_MS);
    try {
      await this.#running;
    } finally {
      clearTimeout(late);
    }
    const p95 = (era: Era): number | null => this.#durations.p95(era);
    return {
      ...this.#written,
      seen: this.#seen,
      openTasks: this.#tasks.open,
      searches: this.#durations.count,
      searchP95Ms: { before: p95('before'), during: p95('during'), after: p95('after') },
    };
  }

  /** Ends it without waiting for anything, where the demo goes wrong. */
  async abandon(): Promise<void> {
    this.#end.abort();
    this.#giveUp.abort();
    await this.#running.catch(() => undefined);
  }

  #line(first: number): Line {
    // Nothing is asked again after the end; what is under way then ends with an error that nobody hears.
    return new Line(this.#input.urls, first, AbortSignal.any([this.#input.signal, this.#giveUp.signal]));
  }

  #unlessGivenUp(error: unknown): void {
    if (!this.#giveUp.signal.aborted) throw error;
  }

  #writers(): Promise<void>[] {
    const { cities, truth, tolerance } = this.#input;
    const hot = Array.from({ length: HOT }, (_, at) => HOT_FROM + at);
    const step = Math.max(1, Math.floor(cities.length / CITIES));
    const some = cities.filter((_, at) => at % step === 0);
    let lastId = NEW_FROM;
    return Array.from({ length: WRITERS }, (_, place) => {
      const isCareful = place >= WRITERS - CAREFUL;
      const line = this.#line(place);
      if (!isCareful) this.#prompt.push(line);
      const own = (_one: unknown, at: number): boolean => at % WRITERS === place;
      const writer = new Writer({
        name: String.fromCharCode('a'.charCodeAt(0) + place),
        isCareful,
        hot: hot.filter(own),
        cities: some.filter(own),
        nextId: () => (lastId += 1),
        line,
        tasks: this.#tasks,
        truth,
        tally: this.#seen,
        written: this.#written,
        tolerance,
        end: this.#end.signal,
        giveUp: this.#giveUp.signal,
      });
      return writer.run().catch((error: unknown) => this.#unlessGivenUp(error));
    });
  }

  #searchers(): Promise<void>[] {
    const { cities } = this.#input;
    return Array.from({ length: SEARCHERS }, (_, at) => {
      const line = this.#line(at);
      this.#prompt.push(line);
      const about = { cities, durations: this.#durations, tally: this.#seen, end: this.#end.signal };
      return runSearcher({ line, ...about }).catch((error: unknown) => this.#unlessGivenUp(error));
    });
  }
}

/** Until each gateway serves the index and each node has been searched: a development node's first search takes seconds. */
export async function untilServing(urls: readonly string[], signal: AbortSignal): Promise<void> {
  const untilMs = performance.now() + READY_MS;
  for (const url of urls) {
    for (;;) {
      const { ok } = await fetch(`${url}/indexes/${INDEX}/stats`, { signal });
      if (ok) break;
      if (performance.now() > untilMs) {
        throw new TimeoutError(`the gateway ${url} does not serve index ${INDEX} after ${READY_MS / 1_000} s`, {
          remedy: 'report the last lines of the logs, which are above',
        });
      }
      await sleep(LOOK_MS, undefined, { signal });
    }
    await new Line([url], 0, signal).search('a', 1);
  }
}
