// Makes one thing go wrong, at the place that the case names, and sets right what a supervisor or an operator would.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RestartableProcess } from '../../src/fleet/child.ts';
import { untilTrue } from '../support/until.ts';
import { type Action, type Case, type Server, phaseOf } from './cases.ts';
import type { Role, Supervised } from './supervised.ts';
import { type Fleet, TTL_MS } from './workload.ts';

/** The failpoint freezes the process for whatever has to be timed; a SIGTERM meets it frozen, too. */
const FAILPOINT: Readonly<Record<Action, string>> = { kill: 'kill', term: 'stop', 'stop-0.8': 'stop', 'stop-3': 'stop' };
const FREEZE_MS: Readonly<Record<Action, number>> = { kill: 0, term: 0, 'stop-0.8': 0.8 * TTL_MS, 'stop-3': 3 * TTL_MS };
const LOOK_MS = 10;
const START_MS = 20_000;
/** SIGTERM has to be over by then. */
const DRAIN_MS = 5_000;
/** What a woken process may still do wrong, it does by then. */
const AFTERMATH_MS = 600;
/** How long a server stays away. */
const AWAY_MS: Readonly<Record<Server, number>> = {
  redis: 300,
  'redis-long': 1.5 * TTL_MS,
  'node-source': 500,
  'node-target': 500,
};
/** The phase a move is in while the job of the next one runs. */
const PHASE_BEFORE: Readonly<Record<string, string>> = {
  DualWriteStarted: 'Idle',
  MigrationInProgress: 'DualWriteStarted',
  MigrationComplete: 'MigrationInProgress',
  DualWriteStopped: 'MigrationComplete',
  OldReplicaDeleted: 'DualWriteStopped',
};

/** One armed process: waits for its mishap, wakes it, and says what was wrong about how it ended. */
class Trap {
  readonly process: Supervised;
  readonly faults: string[] = [];
  /** Whether it happened. */
  sprung = false;
  /** Resolves when the mishap is over and its aftermath too, or when it is called off. */
  readonly over: Promise<void>;
  readonly #action: Action;
  readonly #holder: (scopeOf: Role) => Promise<string | null>;
  #off = false;

  constructor(process: Supervised, action: Action, holder: (scopeOf: Role) => Promise<string | null>) {
    this.process = process;
    this.#action = action;
    this.#holder = holder;
    this.over = this.#watch(process.pid);
  }

  callOff(): void {
    this.#off = true;
  }

  async #watch(pid: number): Promise<void> {
    const { process } = this;
    let ended = false;
    void process.exited.then(() => {
      ended = true;
    });
    const isStop = FAILPOINT[this.#action] === 'stop';
    while (!this.#off && !ended && !(isStop && process.isStopped)) await sleep(LOOK_MS);
    if (this.#off && !ended) return;
    this.sprung = true;
    if (ended) return;
    if (this.#action === 'term') await this.#drain();
    else await this.#thaw(pid, () => ended);
  }

  async #thaw(pid: number, ended: () => boolean): Promise<void> {
    const { process } = this;
    const wasHolder = (await this.#holder(process.role))?.endsWith(`/${pid}`) === true;
    const linesBefore = process.lines.length;
    await sleep(FREEZE_MS[this.#action]);
    process.kill('SIGCONT');
    await sleep(AFTERMATH_MS);
    if (!wasHolder || ended()) return;
    const ending = /"msg":"lease (?:lost|released)"|lease was lost/;
    if (!process.lines.slice(Math.max(0, linesBefore - 1)).some((line) => ending.test(line))) {
      this.faults.push(`${process.label} held the lease, was frozen for ${FREEZE_MS[this.#action]} ms and did not stop itself`);
    }
  }

  async #drain(): Promise<void> {
    const { process } = this;
    const exited = process.exited;
    process.kill('SIGTERM');
    process.kill('SIGCONT');
    const exit = await Promise.race([exited, sleep(DRAIN_MS).then(() => null)]);
    if (exit === null) this.faults.push(`${process.label} was still there ${DRAIN_MS} ms after SIGTERM`);
    else if (exit.code !== 0) this.faults.push(`${process.label} ended with ${exit.signal ?? exit.code} after SIGTERM`);
  }
}

/** Whose processes are struck, and whose only help. */
export const roleOf = (one: Case): Role => (one.kind === 'server' ? 'rebalancer' : one.role);
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
  #servers = 0;
  #off = false;
  #serverWork: Promise<void> = Promise.resolve();

  constructor(fleet: Fleet, one: Case) {
    this.#fleet = fleet;
    this.#case = one;
  }

  /** Starts the processes, armed as the case says, and sends the event. */
  async unleash(): Promise<void> {
    const fleet = this.#fleet;
    const one = this.#case;
    const role = roleOf(one);
    const other = helperOf(one);
    const action = one.kind === 'server' ? 'stop' : FAILPOINT[one.action];
    const spec = (pass: number): string => `${one.point}#${pass}=${action}`;
    const helper = await fleet.helper(other);
    const first = await fleet.launch(role, spec(one.pass));
    if (one.kind === 'server') this.#serverWork = this.#strike(first, one.server, phaseOf(one.point));
    else this.#set(first, one.action);
    await untilTrue(
      () => helper.isReady && (first.isReady || first.isStopped || first.generation > 1),
      START_MS,
      () => `processes did not start: ${[helper, first].map(({ lines }) => lines.slice(-3).join('\n')).join('\n')}`,
    );
    // The second comes up while the first works, so that the first is the one that holds the lease.
    const twice = one.kind === 'process' && one.twice;
    const second = fleet.launch(role, twice ? spec(1) : '');
    if (role === 'planner') await second;
    await fleet.sendEvent();
    const successor = await second;
    if (twice) this.#set(successor, one.action);
  }

  /** When the moves are over: a process that is still armed ends in good order, which is one more way to spring. */
  async settle(): Promise<Mishaps> {
    this.#off = true;
    for (const trap of this.#traps) {
      if (trap.sprung) continue;
      const { process } = trap;
      const isArmed = process.generation === 1;
      if (isArmed && process.isReady) {
        process.kill('SIGTERM');
        await Promise.race([process.exited, untilTrue(() => trap.sprung, DRAIN_MS).catch(() => undefined)]);
      }
      trap.callOff();
    }
    await Promise.all([...this.#traps.map((trap) => trap.over), this.#serverWork]);
    const faults = [...this.#faults, ...this.#traps.flatMap((trap) => trap.faults)];
    return { faults, count: this.#servers + this.#traps.filter((trap) => trap.sprung).length };
  }

  #set(process: Supervised, action: Action): void {
    const holder = async (role: Role): Promise<string | null> => {
      const scope = role === 'planner' ? 'planner' : 'rebalance:docs';
      const [name, state] = await this.#fleet.client.hmget(`{miroir}:${scope}`, 'holder', 'state');
      return state === 'held' ? (name ?? null) : null;
    };
    this.#traps.push(new Trap(process, action, holder));
  }

  /** When the worker stands at the point, a server goes; the worker goes on at once, and the server comes back later. */
  async #strike(worker: Supervised, server: Server, phase: string): Promise<void> {
    const giveUpAt = performance.now() + START_MS;
    while (!worker.isStopped) {
      if (this.#off || performance.now() > giveUpAt || worker.generation > 1) return;
      await sleep(LOOK_MS);
    }
    const victim = await this.#victim(server, phase);
    victim.kill('SIGKILL');
    worker.kill('SIGCONT');
    this.#servers += 1;
    await sleep(AWAY_MS[server]);
    await victim.restart();
  }

  async #victim(server: Server, phase: string): Promise<RestartableProcess> {
    const fleet = this.#fleet;
    if (server === 'redis' || server === 'redis-long') return fleet.redis;
    const moves = await fleet.base.records.unfinishedMoves();
    const move = moves.find((one) => one.phase === PHASE_BEFORE[phase]) ?? moves[0];
    if (move === undefined) throw new Error('no move runs');
    return fleet.node(server === 'node-source' ? move.source : move.target);
  }
}
