// Makes one thing go wrong, at the place that the case names, and sets right what a supervisor or an operator would.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../src/errors.ts';
import { untilTrue } from '../support/until.ts';
import { type Action, type Case, type ProcessCase, isFencedWrite, phaseOf } from './cases.ts';
import { strike } from './strikes.ts';
import type { Role, Supervised } from './supervised.ts';
import { type Fleet, INDEX, TTL_MS } from './workload.ts';

/** The failpoint freezes the process for whatever has to be timed; a SIGTERM meets it frozen, too. */
const FAILPOINT: Readonly<Record<Action, string>> = {
  kill: 'kill',
  term: 'stop',
  'stop-0.8': 'stop',
  'stop-3': 'stop',
};
const FREEZE_MS: Readonly<Record<Action, number>> = {
  kill: 0,
  term: 0,
  'stop-0.8': 0.8 * TTL_MS,
  'stop-3': 3 * TTL_MS,
};
const LOOK_MS = 10;
const START_MS = 20_000;
/** SIGTERM has to be over by then. */
const DRAIN_MS = 5_000;
/** What a woken process may still do wrong, it does by then. */
const AFTERMATH_MS = 600;
/** The write of a woken process is refused within this time, or it never came. */
const REFUSAL_MS = 5_000;
const POLL_MS = 50;

/** There is work left to take over. */
const IN_PHASE = /^\w/;
/** Frozen for longer than this, somebody else must have the lease. */
const LONG_MS = 2 * TTL_MS;

interface LeaseSight {
  /** '' when nobody holds it. */
  readonly holder: string;
  readonly fence: string;
}

/** One armed process: waits for its mishap, wakes it, and says what was wrong about how it ended. */
class Trap {
  readonly process: Supervised;
  readonly faults: string[] = [];
  /** Whether it happened. */
  sprung = false;
  /** Resolves when the mishap is over and its aftermath too, or when it is called off. */
  readonly over: Promise<void>;
  readonly #case: ProcessCase;
  readonly #lease: () => Promise<LeaseSight>;
  /** Whether there is somebody to take over. */
  readonly #hasSuccessor: () => boolean;
  #off = false;
  #isDraining = false;

  constructor(process: Supervised, one: ProcessCase, lease: () => Promise<LeaseSight>, hasSuccessor: () => boolean) {
    this.process = process;
    this.#case = one;
    this.#lease = lease;
    this.#hasSuccessor = hasSuccessor;
    this.over = this.#watch(process.pid);
  }

  /** Ends the process in good order, which may bring it to the point at last. */
  terminate(): void {
    this.#isDraining = true;
    this.process.kill('SIGTERM');
  }

  callOff(): void {
    this.#off = true;
  }

  async #watch(pid: number): Promise<void> {
    const { process } = this;
    const { action } = this.#case;
    let ended = false;
    void process.exited.then(() => {
      ended = true;
    });
    const isWaiting = (): boolean => !this.#off && !ended && !(FAILPOINT[action] === 'stop' && process.isStopped);
    while (isWaiting()) await sleep(LOOK_MS);
    if (this.#off && !ended) return;
    this.sprung = true;
    if (ended) return;
    if (action === 'term') await this.#drain();
    else await this.#thaw(pid, FREEZE_MS[action], () => ended);
  }

  async #thaw(pid: number, freezeMs: number, ended: () => boolean): Promise<void> {
    const { process } = this;
    const before = await this.#lease();
    const wasHolder = before.holder.endsWith(`/${pid}`);
    const linesBefore = process.lines.length;
    const refusedBefore = process.refusedFor('fence');
    // On a busy machine the other one may still be starting: time for it to take over counts from then.
    if (freezeMs > LONG_MS)
      for (let ms = 0; !this.#hasSuccessor() && ms < START_MS; ms += LOOK_MS) await sleep(LOOK_MS);
    await sleep(freezeMs);
    const after = await this.#lease();
    process.kill('SIGCONT');
    await sleep(AFTERMATH_MS);
    if (!wasHolder || ended()) return;
    const frozen = `${process.label} held the lease, was frozen for ${freezeMs} ms`;
    // A lease given back says nothing, unless that is what it was doing: with its clock off it would just have gone on.
    const ending = this.#case.point.includes('lease-release')
      ? /"msg":"lease (?:lost|released)"/
      : /"msg":"lease lost"/;
    if (!process.lines.slice(Math.max(0, linesBefore - 1)).some((line) => ending.test(line))) {
      this.faults.push(`${frozen} and did not stop itself`);
    }
    const isVoid = after.fence !== before.fence;
    const isRefused = (): boolean => process.refusedFor('fence') > refusedBefore;
    // A busy machine wakes it late; what matters is that its write comes and is refused.
    if (isVoid) for (let ms = 0; !isRefused() && ms < REFUSAL_MS; ms += POLL_MS) await sleep(POLL_MS);
    if (freezeMs > LONG_MS && !this.#case.twice && IN_PHASE.test(this.#case.point) && !isVoid) {
      this.faults.push(`${frozen}, and nobody took over meanwhile`);
    }
    if (isVoid && isFencedWrite(this.#case.point) && !isRefused()) {
      this.faults.push(`${frozen}, a successor had fence ${after.fence}, and its write was not refused`);
    }
  }

  async #drain(): Promise<void> {
    const { process } = this;
    const exited = process.exited;
    process.kill('SIGTERM');
    process.kill('SIGCONT');
    const exit = await Promise.race([exited, sleep(DRAIN_MS).then(() => null)]);
    if (exit === null) this.faults.push(`${process.label} was still there ${DRAIN_MS} ms after SIGTERM`);
    // A second SIGTERM means: at once, whatever is open.
    else if (exit.code !== 0 && !(this.#isDraining && exit.code === 1)) {
      this.faults.push(`${process.label} ended with ${exit.signal ?? exit.code} after SIGTERM`);
    }
  }
}

/** Whose processes are struck, and whose only help. */
export const roleOf = (one: Case): Role => one.role;
export const helperOf = (one: Case): Role => (roleOf(one) === 'planner' ? 'rebalancer' : 'planner');

export interface Mishaps {
  readonly faults: readonly string[];
  /** How often something went wrong; 0: the point was not reached. */
  readonly count: number;
}

export class Nemesis {
  readonly #fleet: Fleet;
  readonly #case: Case;
  readonly #traps: Trap[] = [];
  readonly #faults: string[] = [];
  #strikes = 0;
  #off = false;
  #striking: Promise<(() => Promise<string[]>) | null> = Promise.resolve(null);

  constructor(fleet: Fleet, one: Case) {
    this.#fleet = fleet;
    this.#case = one;
  }

  /** Starts the processes, armed as the case says, and sends the event. */
  async unleash(): Promise<void> {
    const fleet = this.#fleet;
    const one = this.#case;
    const role = roleOf(one);
    const ttlMs = (one.kind === 'server' ? one.ttlMs : undefined) ?? TTL_MS;
    const action = one.kind === 'server' ? 'stop' : FAILPOINT[one.action];
    const spec = (pass: number): string => `${one.point}#${pass}=${action}`;
    const helper = await fleet.helper(helperOf(one));
    const first = await fleet.launch(role, spec(one.pass), ttlMs);
    if (one.kind === 'process') this.#set(first, one);
    else {
      const scene = { fleet, worker: first, phase: phaseOf(one.point), ttlMs };
      this.#striking = strike(one.server, scene, () => this.#off).catch((error: unknown) => {
        this.#faults.push(`${one.server}: ${messageOf(error)}`);
        first.kill('SIGCONT');
        return null;
      });
    }
    await untilTrue(
      () => helper.isReady && (first.isReady || first.isStopped || first.generation > 1),
      START_MS,
      () => `processes did not start: ${[helper, first].map(({ lines }) => lines.slice(-3).join('\n')).join('\n')}`,
    );
    // The second comes up while the first works, so that the first is the one that holds the lease.
    const twice = one.kind === 'process' && one.twice;
    const second = fleet.launch(role, twice ? spec(1) : '', ttlMs);
    if (role === 'planner') await second;
    const successor = second.then((process) => {
      if (twice) this.#set(process, one);
    });
    await Promise.all([successor, fleet.sendEvents(one.kind === 'process' && one.turns)]);
  }

  /** When the moves are over: a process that is still armed ends in good order, which is one more way to spring. */
  async settle(): Promise<Mishaps> {
    this.#off = true;
    for (const trap of this.#traps) {
      if (trap.sprung) continue;
      const { process } = trap;
      if (process.generation === 1 && process.isReady) {
        trap.terminate();
        await Promise.race([process.exited, untilTrue(() => trap.sprung, DRAIN_MS).catch(() => undefined)]);
      }
      trap.callOff();
    }
    const [after] = await Promise.all([this.#striking, ...this.#traps.map((trap) => trap.over)]);
    if (after !== null) {
      this.#strikes += 1;
      this.#faults.push(...(await after()));
    }
    const faults = [...this.#faults, ...this.#traps.flatMap((trap) => trap.faults)];
    return { faults, count: this.#strikes + this.#traps.filter((trap) => trap.sprung).length };
  }

  #set(process: Supervised, one: ProcessCase): void {
    const scope = one.role === 'planner' ? 'planner' : `rebalance:${INDEX}`;
    const lease = async (): Promise<LeaseSight> => {
      const [holder, state, fence] = await this.#fleet.client.hmget(`{miroir}:${scope}`, 'holder', 'state', 'fence');
      return { holder: state === 'held' ? (holder ?? '') : '', fence: fence ?? '' };
    };
    const hasSuccessor = (): boolean =>
      this.#fleet.processes.some((other) => other !== process && other.role === one.role && other.isReady);
    this.#traps.push(new Trap(process, one, lease, hasSuccessor));
  }
}
