// Lets troubles strike one after the other, in a seeded order, some of them just when a shard is in a certain state.
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../src/errors.ts';
import type { Random } from '../../history/random.ts';
import type { WriteFleet } from './fleet.ts';
import { FAMILIES, type Family, TROUBLES, type Trouble, type TroubleName } from './troubles.ts';

/** States that last a few milliseconds are met by waiting for them. */
const STATES = ['tracking', 'held', 'settling', 'settled'] as const;
const AWAITED = 0.6;
const AWAIT_MS = 3_000;
const LOOK_MS = 2;
/** Until what died is back and a successor works, mostly; sometimes the next strike comes before that. */
const PAUSE_MS = [100, 1_500] as const;
/** Where nodes die for long that is trouble enough. */
const DEATHS_PAUSE_MS = [2_000, 12_000] as const;

export interface TroubleMakerOptions {
  readonly fleet: WriteFleet;
  readonly random: Random;
  readonly names: readonly TroubleName[];
  /** Beside nodes that die for long. */
  readonly hasDeaths: boolean;
  /** Every strike as a line. */
  readonly logFile: string;
}

export class TroubleMaker {
  readonly counts = Object.fromEntries(FAMILIES.map((family) => [family, 0])) as Record<Family, number>;
  readonly #options: TroubleMakerOptions;

  constructor(options: TroubleMakerOptions) {
    this.#options = options;
  }

  /** Resolves when the signal came and everything that it struck runs again. */
  async run(signal: AbortSignal): Promise<void> {
    const { names, random, hasDeaths } = this.#options;
    if (names.length === 0) return;
    const weights = Object.fromEntries(names.map((name) => [name, TROUBLES[name].weight])) as Record<
      TroubleName,
      number
    >;
    while (!signal.aborted) {
      await this.#strike(random.weighted(weights), signal);
      const [least, most] = hasDeaths ? DEATHS_PAUSE_MS : PAUSE_MS;
      await sleep(least + random.next() * (most - least), undefined, { signal }).catch(() => undefined);
    }
  }

  async #strike(name: TroubleName, signal: AbortSignal): Promise<void> {
    const { fleet, random, logFile } = this.#options;
    const trouble: Trouble = TROUBLES[name];
    const state = random.next() < AWAITED ? random.of(STATES) : null;
    if (state !== null) await this.#awaited(state, random.next() * 20, signal);
    if (signal.aborted) return;
    const fromMs = performance.now();
    let what: string;
    try {
      what = await trouble.strike(fleet, random);
      this.counts[trouble.family] += 1;
    } catch (error) {
      // A switch of a node that is gone: then nothing was struck.
      what = `not struck: ${messageOf(error)}`;
    }
    const span = `${fromMs.toFixed(0)}..${performance.now().toFixed(0)}`;
    appendFileSync(
      logFile,
      `${new Date().toISOString()} ${span} ${name} ${what}${state === null ? '' : `, ${state}`}\n`,
    );
  }

  /** Until some shard is in the state, and a little longer; or not, when none comes there. */
  async #awaited(state: string, moreMs: number, signal: AbortSignal): Promise<void> {
    const untilMs = performance.now() + AWAIT_MS;
    while (!signal.aborted && performance.now() < untilMs) {
      if (await this.#options.fleet.hasShardIn(state).catch(() => false)) break;
      await sleep(LOOK_MS);
    }
    await sleep(moreMs);
  }
}
