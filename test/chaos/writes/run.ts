// One run from its start to its verdict: fleet, clients, moves without end, troubles; then calm, until every move has ended
// by itself and every node is idle; then the judge.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { shardForKey } from '../../../src/core/hashing.ts';
import { messageOf } from '../../../src/errors.ts';
import { Judge } from '../../history/check.ts';
import type { EndState } from '../../history/check.ts';
import { dumps, untilIdle } from '../../history/nodes.ts';
import { Random } from '../../history/random.ts';
import { Recorder } from '../../history/record.ts';
import { FAULTS, describeVerdict, isClean } from '../../history/verdict.ts';
import type { Verdict } from '../../history/verdict.ts';
import { untilTrue } from '../../support/until.ts';
import { type ClientsOptions, runClients } from './clients.ts';
import { type Death, Deaths } from './deaths.ts';
import { INDEX, SHARDS, WriteFleet } from './fleet.ts';
import { Missed } from './missed.ts';
import { type MoveFigures, moveFigures } from './moves.ts';
import { TroubleMaker } from './trouble-maker.ts';
import type { Family, TroubleName } from './troubles.ts';
import { Unrest } from './unrest.ts';

export interface WritesOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly replicationFactor: number;
  readonly troubles: readonly TroubleName[];
  /** Without it no node comes or goes. */
  readonly hasMoves: boolean;
  /** Nodes die for so long that they fail, with and without their data. */
  readonly hasDeaths: boolean;
  readonly callsPerS: number;
  /** Everything is kept although nothing was wrong. */
  readonly keep: boolean;
  readonly say: (line: string) => void;
}

export interface WritesResult {
  readonly seed: number;
  readonly seconds: number;
  readonly verdict: Verdict;
  readonly moves: MoveFigures;
  readonly troubles: Readonly<Record<Family, number>>;
  readonly deaths: readonly Death[];
  /** From a write to its 202. */
  readonly writeMs: readonly number[];
  /** What was wrong beside the verdict. */
  readonly faults: readonly string[];
  /** Documents that some repair list named, and moves that wait for that at the end. */
  readonly missed: { readonly documents: number; readonly moves: number };
  /** Lines of level error, by message. */
  readonly errors: Readonly<Record<string, number>>;
  /** What clients were told instead of a 202, and how many writes. */
  readonly notes: Readonly<Record<string, number>>;
  readonly evidence: string | null;
}

const LOOK_MS = 500;
const SAY_MS = 10_000;
/** For every move to end by itself, once nothing goes wrong any more. */
const END_MS = 90_000;
const IDLE_MS = 60_000;
/** Where nodes die for long nothing is to begin anew for so long, or it is not over. */
const CALM_MS = 3_000;
const READY_MS = 20_000;
/** A move waits for lists of missed writes to be worked off, which may take an owner that is away: with copies only. */
const AWAITS_REPAIR = /: repair them first$/;
/** A write that took longer may have been sent again: its router had to register anew first (R8). */
const SENT_AGAIN_MS = 50;

const faultTexts = (verdict: Verdict): string =>
  FAULTS.filter((kind) => verdict.counts[kind] > 0)
    .map((kind) => `${kind} ${verdict.counts[kind]}`)
    .join(', ');

export class WritesRun {
  readonly #options: WritesOptions;
  readonly #folder: string;
  readonly #fleet: WriteFleet;
  readonly #recorder: Recorder;
  readonly #judge: Judge;
  readonly #troubleMaker: TroubleMaker;
  readonly #unrest: Unrest;
  readonly #deaths: Deaths;
  readonly #missed: Missed;
  /** With one copy of each shard there is no other that could have missed something. */
  readonly #hasCopies: boolean;
  #awaitRepair = 0;
  readonly #faults: string[] = [];
  readonly #startedAtMs = performance.now();

  constructor(options: WritesOptions, folder: string, fleet: WriteFleet) {
    const { seed, replicationFactor, hasDeaths } = options;
    this.#options = options;
    this.#folder = folder;
    this.#fleet = fleet;
    this.#recorder = new Recorder({ file: join(folder, 'calls.jsonl') });
    this.#hasCopies = replicationFactor > 1;
    this.#missed = new Missed(fleet.client);
    this.#judge = new Judge(this.#recorder.history, {
      readsInOrder: false,
      sentAgainAfterMs: SENT_AGAIN_MS,
      ...(this.#hasCopies && { isExcepted: (...read) => this.#missed.wasListed(...read) }),
    });
    this.#unrest = new Unrest(fleet, new Random(seed * 3 + 1), { replicationFactor, hasDeaths });
    this.#deaths = new Deaths({ fleet, random: new Random(seed * 3 + 3), folder });
    this.#troubleMaker = new TroubleMaker({
      fleet,
      random: new Random(seed * 3 + 2),
      names: options.troubles,
      hasDeaths,
      logFile: join(folder, 'troubles.log'),
    });
  }

  async run(): Promise<WritesResult> {
    const { minutes, hasMoves, hasDeaths, seed, callsPerS } = this.#options;
    const [calls, unrest, trouble] = [new AbortController(), new AbortController(), new AbortController()];
    const targets = this.#fleet.gateways.map(({ target }) => target);
    const clients: ClientsOptions = { targets, recorder: this.#recorder, seed, callsPerS, signal: calls.signal };
    const running = runClients(clients);
    const moving = hasMoves ? this.#unrest.run(unrest.signal) : Promise.resolve();
    const noting = this.#hasCopies ? this.#missed.run(calls.signal) : Promise.resolve();
    const striking = this.#troubleMaker.run(trouble.signal);
    const dying = hasDeaths ? this.#deaths.run(trouble.signal) : Promise.resolve();
    const untilMs = performance.now() + minutes * 60_000;
    await this.#look(untilMs);
    trouble.abort();
    await striking;
    await dying;
    if (this.#deaths.fault !== null) this.#faults.push(this.#deaths.fault);
    unrest.abort();
    await moving;
    await this.#try('the moves did not end', () => this.#untilEnded());
    calls.abort();
    const summary = await running;
    await noting;
    if (summary.unfinishedTasks > 0)
      this.#faults.push(`${summary.unfinishedTasks} tasks of clients did not finish, ${summary.vanishedTasks} unknown`);
    if (summary.wasFull) this.#faults.push('the recorder was full before the time was over');
    await this.#try('nodes are not idle', () => untilIdle(this.#fleet.nodes, IDLE_MS));
    return this.#result();
  }

  /** Looks at what was answered until the time is over, or something is wrong. */
  async #look(untilMs: number): Promise<void> {
    let sayAtMs = performance.now() + SAY_MS;
    while (performance.now() < untilMs) {
      await sleep(Math.min(LOOK_MS, Math.max(0, untilMs - performance.now())));
      // What was missed is known a moment later than a read may meet it: then only the end can tell.
      const verdict = this.#hasCopies ? null : this.#judge.look();
      if (verdict !== null && !isClean(verdict)) {
        this.#options.say(`something is wrong, ending early: ${faultTexts(verdict)}`);
        return;
      }
      if (this.#deaths.fault !== null) {
        this.#options.say(`a node did not die or come back as it should, ending early: ${this.#deaths.fault}`);
        return;
      }
      if (performance.now() < sayAtMs) continue;
      sayAtMs += SAY_MS;
      const counts = Object.entries(this.#troubleMaker.counts).map(([family, count]) => `${family} ${count}`);
      const told =
        verdict === null
          ? `calls ${this.#recorder.history.length}`
          : `acknowledged ${verdict.acknowledged}, refused ${verdict.refused}, unknown ${verdict.unknown}, reads ${verdict.reads}`;
      const seconds = ((performance.now() - this.#startedAtMs) / 1_000).toFixed(0);
      if (this.#options.hasDeaths) counts.unshift(`deaths ${this.#deaths.done.length}`);
      this.#options.say(`${seconds} s: ${told}, events ${this.#unrest.events}, ${counts.join(', ')}`);
    }
  }

  async #untilEnded(): Promise<void> {
    await untilTrue(() => this.#fleet.processes.every(({ isReady }) => isReady), READY_MS);
    const { records } = this.#fleet.base;
    let overAtMs: number | null = null;
    await untilTrue(
      async () => {
        await this.#unrest.recover();
        const isOver = await this.#fleet.isQuiet().catch(() => false);
        if (this.#options.hasDeaths) {
          // Who has just arrived is given more moves.
          if (!isOver || !(await this.#fleet.isWhole()) || !(await this.#fleet.isLevel())) overAtMs = null;
          else overAtMs ??= performance.now();
          return overAtMs !== null && performance.now() > overAtMs + CALM_MS;
        }
        if (isOver) return true;
        const moves = await records.unfinishedMoves().catch(() => []);
        const waiting = moves.filter(({ waiting: one }) => one !== null && AWAITS_REPAIR.test(one.reason));
        const behind = moves.filter(({ waiting: one }) => waiting.some(({ id }) => one?.reason.includes(id)));
        this.#awaitRepair = waiting.length;
        return this.#hasCopies && waiting.length > 0 && waiting.length + behind.length === moves.length;
      },
      END_MS,
      async () => {
        const moves = await records.unfinishedMoves();
        return JSON.stringify(moves.map(({ id, phase, waiting, error }) => ({ id, phase, waiting, error })));
      },
    );
  }

  async #try(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#faults.push(`${what}: ${messageOf(error)}`);
    }
  }

  async #end(): Promise<EndState> {
    const idleAtMs = this.#recorder.now();
    const table = await this.#fleet.base.records.table(INDEX);
    const shards = table?.shards ?? [];
    const open = shards.filter(({ state }) => state !== 'stable');
    if (open.length > this.#awaitRepair)
      this.#faults.push(`not stable: ${open.map(({ shard, state }) => `shard ${shard} is ${state}`).join(', ')}`);
    await this.#missed.look();
    const holders = this.#fleet.nodes.filter(({ id }) => shards.some(({ owners }) => owners.includes(id)));
    return {
      idleAtMs,
      dumps: await dumps(holders, INDEX),
      owners: (key) => shards[shardForKey(key, SHARDS)]?.owners ?? [],
      ...(this.#hasCopies && { isListed: (node, key) => this.#missed.isListed(node, key) }),
    };
  }

  async #result(): Promise<WritesResult> {
    const { seed, keep } = this.#options;
    const history = this.#recorder.history;
    const verdict = this.#judge.end(await this.#end());
    const moves = await moveFigures(this.#fleet.client);
    const writeMs = history.flatMap((call) =>
      call.is === 'write' && call.taskUid !== null ? [(call.answeredAtMs ?? 0) - call.invokedAtMs] : [],
    );
    const errors: Record<string, number> = {};
    for (const { errorCounts } of this.#fleet.processes)
      for (const [message, count] of errorCounts) errors[message] = (errors[message] ?? 0) + count;
    const notes: Record<string, number> = {};
    for (const call of history) {
      if (call.is === 'read' || !['refused', 'unknown'].includes(call.outcome)) continue;
      const note = `${call.outcome}: ${call.note}`;
      notes[note] = (notes[note] ?? 0) + 1;
    }
    this.#recorder.close();
    const isBad = !isClean(verdict) || this.#faults.length > 0;
    if (isBad || keep) await this.#keepEvidence(verdict);
    return {
      seed,
      seconds: (performance.now() - this.#startedAtMs) / 1_000,
      verdict,
      moves,
      troubles: this.#troubleMaker.counts,
      deaths: this.#deaths.done,
      writeMs,
      faults: this.#faults,
      missed: { documents: this.#missed.documents, moves: this.#awaitRepair },
      errors,
      notes,
      evidence: isBad || keep ? this.#folder : null,
    };
  }

  /** Beside the calls, the strikes and what processes said: what nodes and Redis know. */
  async #keepEvidence(verdict: Verdict): Promise<void> {
    const put = (name: string, text: string): Promise<void> => writeFile(join(this.#folder, name), text);
    await put('verdict.txt', `${describeVerdict(verdict)}\n${this.#faults.join('\n')}\n`);
    for (const node of this.#fleet.nodes)
      await put(`${node.id}-tasks.json`, await fetch(`${node.url}/tasks?limit=1000000`).then((one) => one.text()));
    const { client } = this.#fleet;
    const records: Record<string, unknown> = {};
    for (const key of (await client.keys('{miroir}:*')).sort()) {
      const type = await client.type(key);
      if (type === 'hash' && !key.startsWith('{miroir}:task:')) records[key] = await client.hgetall(key);
      if (type === 'zset' && key.includes(':repair:')) records[key] = await client.zrange(key, '0', '-1');
    }
    await put('redis.json', JSON.stringify(records, null, 1));
    const audit = await client.xrange('{miroir}:audit', '-', '+');
    await put('audit.txt', audit.map(([id, fields]) => `${id} ${fields.join(' ')}`).join('\n'));
  }
}

export async function runWrites(options: WritesOptions): Promise<WritesResult> {
  const folder = await mkdtemp(join(tmpdir(), 'miroir-writes-'));
  options.say(`evidence goes to ${folder}`);
  const fleet = await WriteFleet.start({ ...options, folder });
  let isKept = true;
  try {
    const result = await new WritesRun(options, folder, fleet).run();
    isKept = result.evidence !== null;
    return result;
  } finally {
    await fleet.stop();
    if (!isKept) await rm(folder, { recursive: true });
  }
}
