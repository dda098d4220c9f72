// What goes wrong, as data: each trouble has a name, a family under which it is counted, and a strike that resolves when it
// is over and everything runs again. Nothing here knows what clients do, or what counts as right.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RestartableProcess } from '../../../src/fleet/child.ts';
import type { Random } from '../../history/random.ts';
import { switchesOf } from '../../support/switches.ts';
import type { Supervised } from '../supervised.ts';
import { type Cuttable, TTL_MS, type WriteFleet } from './fleet.ts';

export const FAMILIES = ['kills', 'freezes', 'redis_kills', 'node_kills', 'cuts', 'late'] as const;
export type Family = (typeof FAMILIES)[number];

export interface Trouble {
  readonly family: Family;
  /** How often, in relation to the others. */
  readonly weight: number;
  /** Says whom it met. */
  readonly strike: (fleet: WriteFleet, random: Random) => Promise<string>;
}

const between = (random: Random, least: number, most: number): number => least + random.next() * (most - least);

async function frozen(one: Pick<RestartableProcess | Supervised, 'kill'>, ms: number): Promise<void> {
  one.kill('SIGSTOP');
  await sleep(ms);
  one.kill('SIGCONT');
}

/** One of at least two that serve, so that clients go on. */
function gateway(fleet: WriteFleet, random: Random): Supervised {
  const serving = fleet.gateways.filter(({ process }) => process.isReady);
  if (serving.length < 2) throw new Error('the other gateways are down');
  return random.of(serving).process;
}

/** The one that holds the lease, or any when nobody does. */
async function mover(fleet: WriteFleet, random: Random): Promise<Cuttable> {
  return (await fleet.workingMover().catch(() => undefined)) ?? random.of(fleet.movers);
}

type Pick1 = (fleet: WriteFleet, random: Random) => Supervised | Promise<Supervised>;

const kill =
  (pick: Pick1): Trouble['strike'] =>
  async (fleet, random) => {
    const victim = await pick(fleet, random);
    if (!victim.isReady) throw new Error(`${victim.label} is down`);
    victim.kill('SIGKILL');
    return `${victim.label} (${victim.pid})`;
  };

const freeze =
  (pick: Pick1, least: number, most: number): Trouble['strike'] =>
  async (fleet, random) => {
    const victim = await pick(fleet, random);
    const ms = between(random, least, most) * TTL_MS;
    await frozen(victim, ms);
    return `${victim.label} (${victim.pid}) for ${ms.toFixed(0)} ms`;
  };

async function restarted(victim: RestartableProcess, awayMs: number): Promise<void> {
  victim.kill('SIGKILL');
  await sleep(awayMs);
  await victim.restart();
}

/** A gateway's way to Redis most often, else a mover's. */
const cut =
  (how: (proxy: Cuttable['proxy'], random: Random) => void, least: number, most: number): Trouble['strike'] =>
  async (fleet, random) => {
    const victim = random.next() < 0.7 ? random.of(fleet.gateways) : await mover(fleet, random);
    const ms = between(random, least, most) * TTL_MS;
    how(victim.proxy, random);
    await sleep(ms);
    victim.proxy.heal();
    return `${victim.process.label} for ${ms.toFixed(0)} ms`;
  };

/** Tags of routers begin so, in the query string of a write. */
const OF_ROUTERS = '/documents.*customMetadata=%7B%22router%22';

/** A node takes routers' writes late, or is not heard any more; nobody else notices. */
const late =
  (what: 'delay' | 'drop-before' | 'drop-after'): Trouble['strike'] =>
  async (fleet, random) => {
    const node = random.of(fleet.nodes);
    const times = 1 + random.below(12);
    const ms = Math.round(between(random, 0.05, 1.2) * TTL_MS);
    const switches = switchesOf(node);
    await switches.fault({ match: { path: OF_ROUTERS }, times, do: what, ms });
    await sleep(ms + 300);
    await switches.clearFaults();
    return `${node.id}, ${times} times, ${ms} ms`;
  };

const moverProcess: Pick1 = async (fleet, random) => (await mover(fleet, random)).process;
const planner: Pick1 = (fleet, random) => random.of(fleet.planners);
const reconciler: Pick1 = (fleet, random) => random.of(fleet.reconcilers);

export const TROUBLES = {
  'mover-kill': { family: 'kills', weight: 32, strike: kill(moverProcess) },
  'gateway-kill': { family: 'kills', weight: 26, strike: kill(gateway) },
  'planner-kill': { family: 'kills', weight: 8, strike: kill(planner) },
  'mover-freeze-short': { family: 'freezes', weight: 4, strike: freeze(moverProcess, 0.1, 0.8) },
  'mover-freeze-long': { family: 'freezes', weight: 4, strike: freeze(moverProcess, 1.2, 3) },
  'gateway-freeze-short': { family: 'freezes', weight: 5, strike: freeze(gateway, 0.05, 0.6) },
  'gateway-freeze-long': { family: 'freezes', weight: 6, strike: freeze(gateway, 0.7, 2.5) },
  'planner-freeze': { family: 'freezes', weight: 1, strike: freeze(planner, 0.5, 3) },
  'reconciler-kill': { family: 'kills', weight: 6, strike: kill(reconciler) },
  'reconciler-freeze': { family: 'freezes', weight: 1, strike: freeze(reconciler, 0.5, 3) },
  'node-freeze': {
    family: 'freezes',
    weight: 4,
    async strike(fleet, random) {
      const node = random.of(fleet.nodes);
      const ms = between(random, 0.05, 1.2) * TTL_MS;
      await frozen(node, ms);
      return `${node.id} for ${ms.toFixed(0)} ms`;
    },
  },
  'redis-kill': {
    family: 'redis_kills',
    weight: 6,
    async strike(fleet, random) {
      const awayMs = between(random, 0.05, 1) * TTL_MS;
      await restarted(fleet.redis, awayMs);
      return `away for ${awayMs.toFixed(0)} ms`;
    },
  },
  'node-kill': {
    family: 'node_kills',
    weight: 6,
    async strike(fleet, random) {
      const node = random.of(fleet.nodes);
      const awayMs = between(random, 0.1, 1) * TTL_MS;
      const release = fleet.takeDown(node);
      if (release === null) throw new Error('another node is down');
      await restarted(node, awayMs).finally(release);
      return `${node.id} away for ${awayMs.toFixed(0)} ms`;
    },
  },
  'cut-both-ways': { family: 'cuts', weight: 3, strike: cut((proxy) => proxy.cut('everything'), 0.1, 2) },
  'cut-requests': { family: 'cuts', weight: 3, strike: cut((proxy) => proxy.cut('requests'), 0.1, 2) },
  'cut-answers': { family: 'cuts', weight: 3, strike: cut((proxy) => proxy.cut('answers'), 0.1, 2) },
  'cut-reset': { family: 'cuts', weight: 2, strike: cut((proxy) => proxy.reset(), 0, 0) },
  'cut-short': {
    family: 'cuts',
    weight: 2,
    strike: cut((proxy, random) => proxy.cutAfter(random.below(4_000)), 0.1, 0.5),
  },
  'redis-late': {
    family: 'late',
    weight: 2,
    strike: cut((proxy, random) => proxy.delay(between(random, 10, 120)), 0.5, 1.5),
  },
  'node-late': { family: 'late', weight: 5, strike: late('delay') },
  'answer-lost': { family: 'late', weight: 3, strike: late('drop-after') },
  'request-lost': { family: 'late', weight: 2, strike: late('drop-before') },
} as const satisfies Record<string, Trouble>;
export type TroubleName = keyof typeof TROUBLES;

export const TROUBLE_NAMES = Object.keys(TROUBLES) as readonly TroubleName[];
