// Keeps shards moving: nodes come and are drained without end, now and then before the last event's moves are over.
import type { DevNodeProcess } from '../../../src/fleet/nodes.ts';
import type { Random } from '../../history/random.ts';
import type { WriteFleet } from './fleet.ts';
import { pause } from './pause.ts';

/** The moves of one event end within this, or the next event comes all the same. */
const QUIET_MS = 20_000;
/** Beside nodes that die for long: what restores them is not to be cancelled for the next event. */
const DEATHS_QUIET_MS = 60_000;
/** So long nothing more happens then, or most of a run would be spent waiting for a moment in which a node may die. */
const DEATHS_PAUSE_MS = 40_000;
const LOOK_MS = 100;
const RETRY_MS = 200;
/** Part of the events that do not wait for the moves of the one before; none beside nodes that die for long. */
const HASTY = 0.3;
const HASTY_MS = 2_500;

export class Unrest {
  readonly #fleet: WriteFleet;
  readonly #random: Random;
  /** Nodes that may own shards. */
  readonly #members: Set<DevNodeProcess>;
  readonly #least: number;
  readonly #hasDeaths: boolean;
  events = 0;

  constructor(
    fleet: WriteFleet,
    random: Random,
    { replicationFactor, hasDeaths }: { readonly replicationFactor: number; readonly hasDeaths: boolean },
  ) {
    this.#fleet = fleet;
    this.#random = random;
    this.#members = new Set(fleet.nodes.slice(0, -1));
    this.#hasDeaths = hasDeaths;
    // Who dies leaves one that its copies can be restored on.
    this.#least = Math.max(2, replicationFactor + (hasDeaths ? 2 : 1));
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.recover();
      await this.#event(signal);
      if (!this.#hasDeaths && this.#random.next() < HASTY) await pause(this.#random.next() * HASTY_MS, signal);
      else await this.#quiet(signal);
      if (this.#hasDeaths) await pause(this.#random.next() * DEATHS_PAUSE_MS, signal);
    }
  }

  /**
   * What an operator does: a node that was away for so long that it counts as failed is sent for again. Where nodes die for
   * long nobody does: observers bring them back.
   */
  async recover(): Promise<void> {
    if (this.#hasDeaths) return;
    try {
      const { nodes } = await this.#fleet.base.records.topology();
      for (const { id: nodeId, state } of nodes)
        if (state === 'failed') await this.#fleet.producer.nodeRecovered({ nodeId });
    } catch {
      // Redis is gone: the next time will do.
    }
  }

  async #event(signal: AbortSignal): Promise<void> {
    const { producer, nodes } = this.#fleet;
    const outside = nodes.filter((node) => !this.#members.has(node));
    const comes = outside.length > 0 && (this.#members.size <= this.#least || this.#random.next() < 0.5);
    const node = this.#random.of(comes ? outside : [...this.#members]);
    const { id: nodeId, url } = node;
    while (!signal.aborted) {
      try {
        if (comes) await producer.nodeAdded({ nodeId, url, replicaGroup: 0 });
        else await producer.nodeDraining({ nodeId });
        break;
      } catch {
        // Redis is gone; an event that was taken without an answer is sent twice, which is no more than a repetition.
        await pause(RETRY_MS, signal);
      }
    }
    if (comes) this.#members.add(node);
    else this.#members.delete(node);
    this.events += 1;
  }

  async #quiet(signal: AbortSignal): Promise<void> {
    const untilMs = performance.now() + (this.#hasDeaths ? DEATHS_QUIET_MS : QUIET_MS);
    // The planner has to take the event first.
    await pause(500, signal);
    while (!signal.aborted && performance.now() < untilMs) {
      if (await this.#fleet.isQuiet().catch(() => false)) return;
      await pause(LOOK_MS, signal);
    }
  }
}
