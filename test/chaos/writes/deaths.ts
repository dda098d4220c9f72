// Nodes that die for long: observers fail them, their copies are restored elsewhere, and they come back with the data they
// had, without any, or with that of an earlier time. One at a time; and none loses its data before every shard has all its
// copies again, since more losses at once than there are copies is what no fleet survives.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeState } from '../../../src/core/topology.ts';
import { messageOf } from '../../../src/errors.ts';
import type { DevNodeProcess } from '../../../src/fleet/nodes.ts';
import type { Random } from '../../history/random.ts';
import { backUp, replaceData } from '../../support/node-data.ts';
import { untilTrue } from '../../support/until.ts';
import { REPAIR_DELAY_MS, type WriteFleet } from './fleet.ts';
import { pause } from './pause.ts';

export const DEATH_KINDS = ['kept', 'wiped', 'older'] as const;
export type DeathKind = (typeof DEATH_KINDS)[number];

/** When it comes back: before its copies are restored elsewhere, meanwhile, or once that is done. */
const RETURNS = ['soon', 'meanwhile', 'late'] as const;

export interface Death {
  readonly kind: DeathKind;
  /** From its end until observers had failed it. */
  readonly failedMs: number;
  /** From its return until it was a full member again. */
  readonly activeMs: number;
}

/** Between two deaths. */
const PAUSE_MS = 2_000;
/** How long a node runs on after a backup of it was made; other backups are older. */
const BACKUP_MS = [500, 5_000] as const;
/** Part of the backups that serve again. */
const KEPT_BACKUPS = 0.5;
/** Every step ends by itself within this, or something is wrong. */
const STEP_MS = 240_000;
/** Restoring elsewhere may be blocked: too few nodes are left for that. */
const REPAIR_MS = 25_000;
const AWAY = new Set<NodeState>(['failed', 'restoring']);

export interface DeathsOptions {
  readonly fleet: WriteFleet;
  readonly random: Random;
  /** For backups, and a file with every step as a line. */
  readonly folder: string;
}

export class Deaths {
  readonly done: Death[] = [];
  /** What did not happen in time: then nobody dies any more. */
  fault: string | null = null;
  readonly #options: DeathsOptions;
  /** By node. */
  readonly #backups = new Map<string, string>();

  constructor(options: DeathsOptions) {
    this.#options = options;
  }

  /** Resolves when the signal came and whoever was away is back. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      for (let at = 0; !signal.aborted; at += 1) {
        await pause(this.#options.random.next() * PAUSE_MS, signal);
        await this.#next(DEATH_KINDS[at % DEATH_KINDS.length] ?? 'kept', signal);
      }
    } catch (error) {
      this.fault = messageOf(error);
      // What it has tells what went wrong.
      await Promise.all(this.#options.fleet.nodes.filter(({ running }) => !running).map((node) => node.restart()));
    }
  }

  async #next(kind: DeathKind, signal: AbortSignal): Promise<void> {
    const { fleet, random } = this.#options;
    const node = random.of(await this.#members());
    if (kind === 'older' && !(await this.#hasBackup(node, signal))) return;
    const release = fleet.takeDown(node);
    if (release === null) return;
    try {
      let mayDie = false;
      await untilTrue(
        async () => {
          mayDie = await this.#mayDie(kind);
          return mayDie || signal.aborted;
        },
        STEP_MS,
        () => this.#described(`${node.id} is waited for before its death (${kind})`),
      );
      if (mayDie && !signal.aborted) await this.#death(kind, node, signal);
    } finally {
      release();
    }
  }

  /** Those that the fleet knows: others miss nothing. */
  async #members(): Promise<readonly DevNodeProcess[]> {
    const { nodes, base } = this.#options.fleet;
    let known: ReadonlySet<string> = new Set();
    await untilTrue(async () => {
      known = new Set((await base.records.topology()).nodes.map(({ id }) => id));
      return known.size > 0;
    }, STEP_MS);
    return nodes.filter(({ id }) => known.has(id));
  }

  async #mayDie(kind: DeathKind): Promise<boolean> {
    const { fleet } = this.#options;
    const { nodes } = await fleet.base.records.topology();
    if (nodes.some(({ state }) => AWAY.has(state))) return false;
    return kind === 'kept' || fleet.isWhole();
  }

  async #death(kind: DeathKind, node: DevNodeProcess, signal: AbortSignal): Promise<void> {
    const { random, fleet } = this.#options;
    const back = random.of(RETURNS);
    const diedMs = performance.now();
    node.kill('SIGKILL');
    await node.exited;
    if (kind !== 'kept') await replaceData(node.dir, kind === 'older' ? this.#takeBackup(node) : null);
    this.#note(`${node.id} died (${kind}), is to be back ${back}`);
    await this.#untilState(node, (state) => state === 'failed', 'was not failed');
    const failedMs = performance.now() - diedMs;
    this.#note(`${node.id} has failed after ${failedMs.toFixed(0)} ms`);
    if (back === 'soon') await pause(random.next() * REPAIR_DELAY_MS, signal);
    else await pause(REPAIR_DELAY_MS + random.next() * 2_000, signal);
    if (back === 'late') {
      const isWhole = (): Promise<boolean> | boolean => signal.aborted || fleet.isWhole();
      const repaired = await untilTrue(isWhole, REPAIR_MS).then(
        () => 'is restored elsewhere',
        () => 'is not restored elsewhere yet',
      );
      this.#note(`${node.id} ${repaired}, ${(performance.now() - diedMs).toFixed(0)} ms after its death`);
    }
    await node.restart();
    const returnedMs = performance.now();
    this.#note(`${node.id} runs again`);
    await this.#untilState(node, (state) => !AWAY.has(state), 'did not come back');
    const activeMs = performance.now() - returnedMs;
    this.#note(`${node.id} is a member again after ${activeMs.toFixed(0)} ms`);
    this.done.push({ kind, failedMs, activeMs });
  }

  #untilState({ id }: DevNodeProcess, holds: (state: NodeState) => boolean, what: string): Promise<void> {
    return untilTrue(
      async () => {
        const { nodes } = await this.#options.fleet.base.records.topology();
        return nodes.some((node) => node.id === id && holds(node.state));
      },
      STEP_MS,
      () => this.#described(`${id} ${what}`),
    );
  }

  /** False when the time is over, or a strike met the node meanwhile: then another one dies. */
  async #hasBackup(node: DevNodeProcess, signal: AbortSignal): Promise<boolean> {
    const { random, folder } = this.#options;
    if (this.#backups.has(node.id)) return true;
    const to = join(folder, `backup-${node.id}`);
    try {
      await backUp(node.dir, to);
    } catch (error) {
      this.#note(`${node.id} was not backed up: ${messageOf(error)}`);
      return false;
    }
    this.#backups.set(node.id, to);
    const [least, most] = BACKUP_MS;
    await pause(least + random.next() * (most - least), signal);
    return !signal.aborted;
  }

  #takeBackup({ id }: DevNodeProcess): string | null {
    const backup = this.#backups.get(id) ?? null;
    if (this.#options.random.next() >= KEPT_BACKUPS) this.#backups.delete(id);
    return backup;
  }

  async #described(what: string): Promise<string> {
    const { records } = this.#options.fleet.base;
    const [{ nodes }, moves] = await Promise.all([records.topology(), records.unfinishedMoves()]);
    const waiting = moves.map(({ id, phase, source, target, waiting: reason }) => ({
      id,
      phase,
      source,
      target,
      waiting: reason?.reason,
    }));
    return `${what}: ${JSON.stringify(nodes.map(({ id, state }) => `${id} ${state}`))}, ${JSON.stringify(waiting)}`;
  }

  #note(text: string): void {
    const atMs = performance.now().toFixed(0);
    appendFileSync(join(this.#options.folder, 'deaths.log'), `${new Date().toISOString()} ${atMs} ${text}\n`);
  }
}
