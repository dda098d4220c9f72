// A worker process and those that came after it: like a supervisor's unit, it is started again when it ends.
import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type Exit } from '../../src/fleet/child.ts';
import { spawnWorker } from '../../src/fleet/processes.ts';
import { startBuiltWorker } from '../support/built.ts';

export type Role = 'planner' | 'rebalancer' | 'gateway' | 'reconciler';

export interface SupervisedOptions {
  readonly role: Role;
  readonly label: string;
  readonly env: Readonly<Record<string, string>>;
  /** For the first process only. */
  readonly failpoint: string;
  /** From built code, whose processes start twice as fast; only one run may build in a checkout at a time. */
  readonly isBuilt?: boolean;
  /** Every line goes there as well; without it only the last ones are kept. */
  readonly logFile?: string;
}

/** What became of the armed process. */
export type Mishap = { readonly kind: 'exited'; readonly exit: Exit } | { readonly kind: 'stopped' };

const RESTART_AFTER_MS = 700;
const LINES_MAX = 1_500;
const METRICS_MS = 1_000;
const READY = /"msg":"(?:rebalancer|planner|reconciler|the gateway) runs"/;

const ERROR = /^\{"level":(?:50|60|"error"|"fatal")/;

/** Whether the process stands still: its state as the kernel tells. */
function isStopped(pid: number): boolean {
  try {
    return /^\d+ \(.*\) T/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false; // gone
  }
}

export class Supervised {
  readonly role: Role;
  readonly label: string;
  readonly lines: string[] = [];
  /** Lines of level error, by message. */
  readonly errorCounts = new Map<string, number>();
  readonly #options: SupervisedOptions;
  readonly #pids: number[] = [];
  /** Refused writes by pid and reason, as last seen at /metrics. */
  readonly #refused = new Map<string, number>();
  #child: Child | null = null;
  #metricsUrl: string | null = null;
  #ready = false;
  #over = false;

  private constructor(options: SupervisedOptions) {
    this.#options = options;
    this.role = options.role;
    this.label = options.label;
  }

  static async start(options: SupervisedOptions): Promise<Supervised> {
    const one = new Supervised(options);
    await one.#launch(options.failpoint);
    return one;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isReady(): boolean {
    return this.#ready;
  }

  get isStopped(): boolean {
    return isStopped(this.pid);
  }

  /** Never armed, never ended, ready. */
  get isUnharmed(): boolean {
    return this.#options.failpoint === '' && this.generation === 1 && this.#ready;
  }

  /** How many processes there were. */
  get generation(): number {
    return this.#pids.length;
  }

  get exited(): Promise<Exit> {
    if (this.#child === null) throw new Error('not started');
    return this.#child.exited;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  get refused(): number {
    return this.refusedFor('');
  }

  /** Refused writes of all its processes, for a reason or for any (''). */
  refusedFor(reason: string): number {
    let sum = 0;
    for (const [name, count] of this.#refused) if (name.endsWith(reason)) sum += count;
    return sum;
  }

  /** Reads refused writes of the process that runs now. */
  async scrape(): Promise<void> {
    if (this.#metricsUrl === null) return;
    const pid = this.pid;
    try {
      const response = await fetch(`${this.#metricsUrl}/metrics`, { signal: AbortSignal.timeout(METRICS_MS) });
      for (const [, reason = '', count] of (await response.text()).matchAll(
        /^miroir_refused_writes_total\{reason="(\w+)"\} (\d+)$/gm,
      )) {
        this.#refused.set(`${pid} ${reason}`, Number(count));
      }
    } catch {
      // It has ended, or stands still: what it said last counts.
    }
  }

  async end(): Promise<void> {
    this.#over = true;
    this.kill('SIGKILL');
    await this.#child?.exited;
  }

  async #launch(failpoint: string): Promise<void> {
    const { role, label, isBuilt = false } = this.#options;
    const env = failpoint === '' ? this.#options.env : { ...this.#options.env, MIROIR_FAILPOINT: failpoint };
    const onLine = (line: string): void => this.#onLine(line);
    this.#metricsUrl = null;
    this.#ready = false;
    const child = await (isBuilt ? startBuiltWorker(role, env, onLine) : spawnWorker(role, env, { label, onLine }));
    this.#child = child;
    this.#pids.push(child.pid);
    void child.exited.then(async (exit) => {
      this.#onLine(`--- ${label} (${child.pid}) ended: ${exit.signal ?? `exit code ${exit.code}`}`);
      this.#ready = false;
      await sleep(RESTART_AFTER_MS);
      if (!this.#over) await this.#launch('');
      // An end between the look above and the start: `end` has waited for the old one only.
      if (this.#over) this.#child?.kill('SIGKILL');
    });
  }

  #onLine(line: string): void {
    this.lines.push(line);
    if (this.#options.logFile !== undefined) appendFileSync(this.#options.logFile, `${line}\n`);
    if (this.lines.length > LINES_MAX) this.lines.shift();
    if (ERROR.test(line)) {
      const message = `${this.role}: ${/"msg":"([^"]*)"/.exec(line)?.[1] ?? ''}`;
      this.errorCounts.set(message, (this.errorCounts.get(message) ?? 0) + 1);
    }
    this.#metricsUrl ??= /"metrics":"(http:[^"]+)"/.exec(line)?.[1] ?? null;
    if (READY.test(line)) this.#ready = true;
  }
}
