/** Changing topology, registry and plans. Topology and plans change under the planner's fence only. */
import type { Redis } from 'ioredis';
import type { TopologyGroup } from '../core/groups.ts';
import type { Plan } from '../core/planner.ts';
import type { IndexEntry, ShardRoute } from '../core/routing.ts';
import type { TopologyNode } from '../core/topology.ts';
import { RECORD_VERSION } from '../core/version.ts';
import type { FleetWriter, Lease, PlanWriter } from '../ports.ts';
import { parseDeletion } from './deletion-text.ts';
import { reading } from './fault.ts';
import { keys } from './keys.ts';
import { storedMove } from './move-writer.ts';
import { routeBody, routeText } from './route-text.ts';
import { type Scripts, refusalError } from './scripts.ts';

/** Moves written by one script: some 150 kB, well under a millisecond of Redis. */
const MOVES_PER_SCRIPT = 500;
/** Shards that a node leaves by one script, each a change of the table that routers are told of. */
const SHARDS_PER_SCRIPT = 200;

/** Each a look at a node's record. */
const LISTS_PER_SCRIPT = 500;

const recordText = (record: TopologyNode | TopologyGroup): string => JSON.stringify({ v: RECORD_VERSION, ...record });

/** What is kept of an index by shard, and goes with it. */
const prefixesOf = (uid: string): string[] => [
  keys.repairPrefix(uid),
  keys.tombstonesPrefix(uid),
  keys.turnsPrefix(uid),
];

/** What may be written without a lease: the first topology, and a new index. */
export function createFleetWriter(scripts: Scripts, auditMaxEntries: number): FleetWriter {
  return {
    async initTopology(nodes) {
      const args = nodes.flatMap((node) => [node.id, recordText(node)]);
      await scripts.run('topology-init', [keys.topology, keys.audit], [auditMaxEntries, ...args]);
    },
    async createIndex(topologyVersion, entry: IndexEntry, routes: readonly ShardRoute[], epoch = 0) {
      await scripts.run(
        'index-create',
        [
          keys.topology,
          keys.indexes,
          keys.routing(entry.uid),
          keys.audit,
          keys.deletions,
          keys.doubt(entry.uid),
          keys.sightings(entry.uid),
          keys.taskMarks(entry.uid),
          keys.repairs(entry.uid),
        ],
        [
          topologyVersion,
          entry.uid,
          JSON.stringify({ v: RECORD_VERSION, ...entry }),
          auditMaxEntries,
          epoch,
          ...prefixesOf(entry.uid),
          ...routes.map(routeText),
        ],
      );
    },
    async thaw(index, { route, text }) {
      const { frozen: _frozen, others: _others, ...rest } = route;
      await scripts.run(
        'shard-thaw',
        [keys.routing(index), keys.audit],
        [route.shard, text, routeBody(rest), auditMaxEntries, index],
      );
    },
    async deleteIndex(uid, ownMs) {
      const reply = await scripts.try(
        'index-delete',
        [
          keys.indexes,
          keys.routing(uid),
          keys.audit,
          keys.moves,
          keys.deletions,
          keys.sightings(uid),
          keys.topology,
          keys.settings(uid),
          keys.taskMarks(uid),
          keys.doubt(uid),
          keys.repairs(uid),
        ],
        [uid, auditMaxEntries, keys.movePrefix, ownMs, ...prefixesOf(uid)],
      );
      if (!('refused' in reply)) return parseDeletion(uid, reply.values[1] ?? '');
      if (reply.refused === 'missing') return null;
      throw refusalError('index-delete', reply);
    },
    async toldDeletion({ index, epoch }, nodes) {
      await scripts.run('index-told', [keys.deletions], [index, epoch, ...nodes]);
    },
  };
}

export function createPlanWriter(options: {
  readonly scripts: Scripts;
  readonly redis: Redis;
  readonly lease: Lease;
  readonly auditMaxEntries: number;
  readonly historyMax: number;
}): PlanWriter {
  const { scripts, redis, lease, auditMaxEntries, historyMax } = options;
  const leaseKey = keys.lease(lease.scope);
  const forget = async (planId: string): Promise<void> => {
    const trim = (ended: string, part: readonly string[], records: readonly string[]): Promise<unknown> =>
      scripts.run('history-trim', [leaseKey, ended, keys.movesChanged, ...records], [lease.fence, ...part]);
    const moves = await reading('moves of a plan', () => redis.lrange(keys.planMoves(planId), 0, -1));
    for (let at = 0; at < moves.length; at += MOVES_PER_SCRIPT) {
      const part = moves.slice(at, at + MOVES_PER_SCRIPT);
      await trim(keys.movesEnded, part, part.map(keys.move));
    }
    // Last: cut off before, it is found again.
    await trim(keys.plansEnded, [planId], [keys.plan(planId), keys.planMoves(planId), keys.planSamples(planId)]);
  };
  return {
    async commitTopology(version, changes, { why, plan, groups = [] }) {
      const args = [
        ...changes.flatMap(({ id, node }) => [`node:${id}`, node === null ? '' : recordText(node)]),
        ...groups.flatMap((group) => [`group:${group.id}`, recordText(group)]),
      ];
      await scripts.run(
        'topology-commit',
        [leaseKey, keys.topology, keys.audit],
        [lease.fence, version, auditMaxEntries, why, plan ?? '', ...args],
      );
    },
    async assignGroup(index, group, isMember) {
      await scripts.run(
        'index-group',
        [leaseKey, keys.indexes, keys.audit],
        [lease.fence, index, group, isMember ? '1' : '0', auditMaxEntries],
      );
    },
    async forgetCompared(group) {
      await scripts.run('compared-forget', [leaseKey, keys.groupCompared(group)], [lease.fence]);
    },
    async forgetMissed(index, lists) {
      let dropped = 0;
      for (let at = 0; at < lists.length; at += LISTS_PER_SCRIPT) {
        const args = lists.slice(at, at + LISTS_PER_SCRIPT).flatMap(({ shard, owner }) => [shard, owner]);
        const [, count] = await scripts.run(
          'repairs-forget',
          [leaseKey, keys.topology, keys.repairs(index)],
          [lease.fence, keys.repairPrefix(index), ...args],
        );
        dropped += Number(count);
      }
      return dropped;
    },
    async setReaders(index, changes) {
      let changed = 0;
      for (let at = 0; at < changes.length; at += SHARDS_PER_SCRIPT) {
        const args = changes
          .slice(at, at + SHARDS_PER_SCRIPT)
          .flatMap(({ expected, route }) => [route.shard, expected.text, routeBody(route)]);
        const [, count] = await scripts.run(
          'readers-set',
          [leaseKey, keys.routing(index), keys.audit],
          [lease.fence, auditMaxEntries, index, ...args],
        );
        changed += Number(count);
      }
      return changed;
    },
    async leave(index, changes) {
      let changed = 0;
      for (let at = 0; at < changes.length; at += SHARDS_PER_SCRIPT) {
        const args = changes.slice(at, at + SHARDS_PER_SCRIPT).flatMap(({ change: { expected, route }, nodes }) => {
          const lists = keys.repair(index, route.shard, '');
          return [route.shard, expected.text, routeBody(route), lists, nodes.join(',')];
        });
        const [, count] = await scripts.run(
          'owners-leave',
          [leaseKey, keys.routing(index), keys.repairs(index), keys.audit],
          [lease.fence, auditMaxEntries, index, ...args],
        );
        changed += Number(count);
      }
      return changed;
    },
    async noteSightings(index, changes) {
      const args = changes.flatMap(({ node, expected, sighting }) => [
        node,
        expected ?? '',
        sighting === null ? '' : JSON.stringify({ v: RECORD_VERSION, ...sighting }),
      ]);
      await scripts.run('sightings-note', [leaseKey, keys.sightings(index)], [lease.fence, ...args]);
    },
    async unplanned() {
      const fields = await reading('unplanned', () => redis.hgetall(keys.topology));
      return Object.entries(fields)
        .filter(([name]) => name.startsWith('unplanned:'))
        .map(([name, why]) => ({ index: name.slice('unplanned:'.length), why }));
    },
    async openPlan(plan: Plan, why, { isHeld, documents } = { isHeld: false, documents: null }) {
      const stored = {
        v: RECORD_VERSION,
        why,
        topologyVersion: plan.topologyVersion,
        moves: plan.moves.length,
        // A fleet without room blocks every shard; the first hundred say what is wrong.
        blocked: plan.blocked.slice(0, 100).map(({ index, shard, reason }) => ({ index, shard, reason })),
      };
      await scripts.run(
        'plan-open',
        [leaseKey, keys.topology, keys.plan(plan.id), keys.plans, keys.audit],
        [
          lease.fence,
          plan.topologyVersion,
          plan.id,
          JSON.stringify(stored),
          auditMaxEntries,
          isHeld ? 1 : 0,
          documents ?? '',
        ],
      );
    },
    async addMoves(planId, moves) {
      for (let at = 0; at < moves.length; at += MOVES_PER_SCRIPT) {
        const part = moves.slice(at, at + MOVES_PER_SCRIPT);
        await scripts.run(
          'moves-add',
          [
            leaseKey,
            keys.plan(planId),
            keys.planMoves(planId),
            keys.moves,
            ...part.flatMap((move) => [keys.move(move.id), keys.routing(move.index)]),
          ],
          [lease.fence, ...part.flatMap((move) => [move.id, move.shard, storedMove(planId, move)])],
        );
      }
    },
    async runPlan(planId, topologyVersion, planned) {
      const id = planId ?? '';
      await scripts.run(
        'plan-run',
        [leaseKey, keys.topology, keys.plan(id), keys.planMoves(id), keys.plans],
        [lease.fence, id, topologyVersion, ...planned],
      );
    },
    async closePlan(planId) {
      await scripts.run(
        'plan-close',
        [leaseKey, keys.plan(planId), keys.plans, keys.plansEnded, keys.audit],
        [lease.fence, planId, auditMaxEntries],
      );
    },
    async keepPrediction(planId, predicted) {
      await scripts.run('plan-predict', [leaseKey, keys.plan(planId)], [lease.fence, JSON.stringify(predicted)]);
    },
    async note(moveId, { waiting, fields }) {
      const args = Object.entries(fields ?? {}).flat();
      await scripts.run('move-note', [leaseKey, keys.move(moveId)], [lease.fence, waiting ?? '-', ...args]);
    },
    async trimHistory() {
      const ended = await redis.zrange(keys.plansEnded, '0', '-1');
      const pipeline = redis.pipeline();
      for (const id of ended) pipeline.llen(keys.planMoves(id));
      const replies = (await reading('ended plans', () => pipeline.exec())) ?? [];
      const sizes = replies.map(([, size]) => Number(size));
      let moves = sizes.reduce((sum, size) => sum + size, 0);
      // A plan goes with all its moves: as long as it is there, who follows it or closes it sees how each has ended.
      for (const [at, id] of ended.entries()) {
        moves -= sizes[at] ?? 0;
        if (moves < historyMax && ended.length - at <= historyMax) return;
        await forget(id);
      }
    },
  };
}
