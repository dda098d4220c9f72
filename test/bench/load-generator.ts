// The process that sends a client load, so that what is measured never waits for it. Started by client-load.ts; ends with
// its parent.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { Random } from '../history/random.ts';
import type { LoadCommand, LoadFigures, LoadReply, LoadWork } from './load-work.ts';

const REQUEST_MS = 60_000;
/** A refused client does not come back at once. */
const REFUSED_MS = 20;

class Tally {
  #startedMs = performance.now();
  #tookMs: number[] = [];
  #bad = new Map<string, number>();
  #firstBadMs: number | null = null;
  #lastBadMs: number | null = null;

  good(ms: number): void {
    this.#tookMs.push(ms);
  }

  bad(what: string): void {
    this.#bad.set(what, (this.#bad.get(what) ?? 0) + 1);
    this.#lastBadMs = Date.now();
    this.#firstBadMs ??= this.#lastBadMs;
  }

  cut(): LoadFigures {
    const tookMs = Float64Array.from(this.#tookMs).sort();
    const quantile = (part: number): number => tookMs[Math.max(0, Math.ceil(part * tookMs.length) - 1)] ?? 0;
    const nowMs = performance.now();
    const figures: LoadFigures = {
      seconds: (nowMs - this.#startedMs) / 1_000,
      good: tookMs.length,
      p50Ms: quantile(0.5),
      p95Ms: quantile(0.95),
      p99Ms: quantile(0.99),
      maxMs: quantile(1),
      bad: Object.fromEntries(this.#bad),
      firstBadMs: this.#firstBadMs,
      lastBadMs: this.#lastBadMs,
    };
    this.#startedMs = nowMs;
    this.#tookMs = [];
    this.#bad = new Map();
    this.#firstBadMs = null;
    this.#lastBadMs = null;
    return figures;
  }
}

class Load {
  readonly tally = new Tally();
  readonly #work: LoadWork;
  readonly #random = new Random(1);
  readonly #clients: readonly Client[];
  readonly #lanes: Promise<unknown>;
  #isStopped = false;
  #sent = 0;

  constructor(work: LoadWork) {
    this.#work = work;
    const url = (at: number): string => work.urls[at % work.urls.length] ?? '';
    this.#clients = Array.from(
      { length: work.connections },
      (_, at) => new Client(url(at), { pipelining: 1, headersTimeout: REQUEST_MS, bodyTimeout: REQUEST_MS }),
    );
    this.#lanes = Promise.all(this.#clients.map((client, at) => this.#lane(client, at)));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#lanes;
    await Promise.all(this.#clients.map((client) => client.destroy()));
  }

  /** One connection: requests are due at even distances, a little early or late; one that is late is not left out. */
  async #lane(client: Client, at: number): Promise<void> {
    const { perS, connections } = this.#work;
    const everyMs = perS === null ? 0 : (1_000 * connections) / perS;
    let dueMs = performance.now() + (everyMs * at) / connections;
    while (!this.#isStopped) {
      const nowMs = performance.now();
      const atMs = dueMs + everyMs * 0.5 * this.#random.next();
      const isLate = perS !== null && nowMs > atMs;
      if (atMs > nowMs) await sleep(atMs - nowMs);
      if (this.#isStopped) return;
      // A timer that fires late is our own fault, an answer that comes late is not.
      const isGood = await this.#send(client, isLate ? atMs : performance.now());
      if (!isGood) await sleep(REFUSED_MS);
      dueMs = perS === null ? performance.now() : dueMs + everyMs;
    }
  }

  async #send(client: Client, startedMs: number): Promise<boolean> {
    const { method, path, bodies } = this.#work;
    this.#sent += 1;
    const body = bodies.length === 0 ? null : this.#random.of(bodies).replace('"%n"', String(this.#sent));
    try {
      const answer = await client.request({
        method,
        path,
        headers: body === null ? {} : { 'content-type': 'application/json' },
        body,
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 200 && answer.statusCode < 300) {
        this.tally.good(performance.now() - startedMs);
        return true;
      }
      this.tally.bad(`${answer.statusCode} ${/"code":"(\w+)"/.exec(text)?.[1] ?? ''}`.trim());
    } catch (error) {
      this.tally.bad(error instanceof Error && 'code' in error ? String(error.code) : String(error));
    }
    return false;
  }
}

const loads = new Map<number, Load>();

async function obey(command: LoadCommand): Promise<LoadFigures | null> {
  if (command.kind === 'start') {
    loads.set(command.id, new Load(command.work));
    return null;
  }
  const load = loads.get(command.id);
  if (load === undefined) throw new Error(`no load ${command.id}`);
  if (command.kind === 'stop') {
    loads.delete(command.id);
    await load.stop();
  }
  return load.tally.cut();
}

process.on('message', (command: LoadCommand) => {
  void obey(command).then((figures) => process.send?.({ id: command.id, figures } satisfies LoadReply));
});
process.on('disconnect', () => process.exit(0));
