/**
 * What stands around moves: plan, other moves of the shard, places, leases, what becomes of their nodes. As many round trips
 * for any number of them.
 */
import type { ChainableCommander, Redis } from 'ioredis';
import { isSwitched, type Phase } from '../core/move.ts';
import { nodeTroubles } from '../core/observations.ts';
import { isLeft, isStill, type Surroundings } from '../core/waits.ts';
import type { ShardRoute } from '../core/routing.ts';
import { documentsInto } from '../core/throttle.ts';
import { isReadable } from '../core/topology.ts';
import type { MoveState, MoveSurroundings, Observations, PlanRecord, Records } from '../ports.ts';
import { reading } from './fault.ts';
import { keys, rebalanceScope } from './keys.ts';
import { parseRoute, routeField } from './route-text.ts';
import { throttleOf } from './throttles.ts';
import { redisNowMs } from './time.ts';

/** The move of the shard that is a step before; null for the first one. */
function stepBefore({ id, shard, step, planId }: MoveState): string | null {
  const head = `${planId}-${shard}-`;
  return step === 0 || !id.startsWith(head) ? null : `${head}${step - 1}${id.slice(head.length + String(step).length)}`;
}

export interface SurroundingsParts {
  readonly redis: Redis;
  readonly records: Pick<Records, 'topology'>;
  readonly observations: Pick<Observations, 'read'>;
  /** Places of each node, in and out each. */
  readonly places: number;
}

export function createSurroundings({ redis, records, observations, places }: SurroundingsParts): MoveSurroundings {
  const leasesOf = async (indexes: readonly string[]): Promise<ReadonlyMap<string, readonly (string | null)[]>> => {
    if (indexes.length === 0) return new Map();
    const pipeline = redis.pipeline();
    for (const index of indexes) pipeline.hmget(keys.lease(rebalanceScope(index)), 'state', 'holder', 'until');
    const replies = (await reading('leases of indexes', () => pipeline.exec())) ?? [];
    return new Map(
      indexes.map((index, at) => {
        const [error, value] = replies[at] ?? [null, null];
        if (error) throw error;
        return [index, (value ?? []) as (string | null)[]];
      }),
    );
  };
  return {
    places,
    async placesOf(nodes) {
      const pipeline = redis.pipeline();
      for (const node of nodes) for (const way of ['out', 'in'] as const) pipeline.smembers(keys.nodeMoves(node, way));
      const replies = (await reading('places of nodes', () => pipeline.exec())) ?? [];
      const ids = (at: number): string[] => ((replies[at]?.[1] ?? []) as string[]).sort();
      return new Map(nodes.map((node, at) => [node, { out: ids(2 * at), into: ids(2 * at + 1) }]));
    },
    async of(moves) {
      const open = moves.filter(({ outcome }) => outcome === undefined);
      const [nowMs, leases] = await Promise.all([
        reading('time', () => redisNowMs(redis)),
        leasesOf([...new Set(open.map(({ index }) => index))]),
      ]);
      const leaseOf = (index: string): Pick<Surroundings, 'holder' | 'lostAtMs'> => {
        const [state, holder = null, until] = leases.get(index) ?? [];
        if (state !== 'held') return { holder: null, lostAtMs: null };
        return Number(until) >= nowMs ? { holder, lostAtMs: null } : { holder: null, lostAtMs: Number(until) };
      };
      const still = open.filter((move) => isStill(move, nowMs) || isLeft(move, leaseOf(move.index).lostAtMs));
      if (still.length === 0) return { nowMs, around: new Map() };
      const asked = new Map<string, number>();
      const pipeline = redis.pipeline();
      /** Each thing once, whoever needs it. */
      const ask = (name: string, command: (chain: ChainableCommander) => unknown): void => {
        if (asked.has(name)) return;
        asked.set(name, asked.size);
        command(pipeline);
      };
      ask('throttle', (chain) => chain.hget(keys.throttle, 'throttle'));
      for (const move of still) {
        const { index, shard, planId, plannedSource, target } = move;
        const before = stepBefore(move);
        ask(`route ${index} ${shard}`, (chain) => chain.hget(keys.routing(index), routeField(shard)));
        ask(`plan ${planId}`, (chain) => chain.hget(keys.plan(planId), 'state'));
        ask(`out ${plannedSource}`, (chain) => chain.scard(keys.nodeMoves(plannedSource, 'out')));
        ask(`in ${target}`, (chain) => chain.scard(keys.nodeMoves(target, 'in')));
        if (before !== null) ask(`move ${before}`, (chain) => chain.hmget(keys.move(before), 'phase', 'outcome'));
      }
      const [answers, topology, observed] = await Promise.all([
        reading('surroundings of moves', () => pipeline.exec()),
        records.topology(),
        observations.read(),
      ]);
      const replies = answers ?? [];
      const troubles = nodeTroubles(topology, observed);
      const told = (name: string): unknown => {
        const [error, value] = replies[asked.get(name) ?? -1] ?? [null, null];
        if (error) throw error;
        return value;
      };
      const routeOf = ({ index, shard }: MoveState): ShardRoute | null => {
        const text = told(`route ${index} ${shard}`) as string | null;
        return text === null ? null : parseRoute(shard, text);
      };
      const otherOwner = ({ source, target }: MoveState, route: ShardRoute | null): string | null => {
        const others = route?.owners.filter((owner) => owner !== source && owner !== target) ?? [];
        return others.find((owner) => isReadable(topology, owner)) ?? null;
      };
      const beforeOf = (move: MoveState, route: ShardRoute | null): string | null => {
        const inMove = route?.moveId;
        if (inMove !== undefined) return inMove === move.id ? null : inMove;
        const before = stepBefore(move);
        if (before === null) return null;
        const [phase, outcome] = told(`move ${before}`) as (string | null)[];
        return phase == null || outcome != null || isSwitched(phase as Phase) ? null : before;
      };
      const throttle = throttleOf(told('throttle') as string | null);
      const around = still.map((move) => {
        const route = routeOf(move);
        const surroundings = {
          planState: (told(`plan ${move.planId}`) ?? 'done') as PlanRecord['state'],
          before: beforeOf(move, route),
          outOfSource: Number(told(`out ${move.plannedSource}`)),
          intoTarget: Number(told(`in ${move.target}`)),
          places,
          ...leaseOf(move.index),
          documentsPerSecond: documentsInto(move.target, throttle),
          sourceTrouble: troubles.get(move.source) ?? null,
          targetTrouble: troubles.get(move.target) ?? null,
          otherOwner: otherOwner(move, route),
        };
        return [move.id, surroundings] as const;
      });
      return { nowMs, around: new Map(around) };
    },
  };
}
