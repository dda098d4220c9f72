import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEvent, type TopologyEvent } from '../../src/core/events.ts';
import { assertPlanSound } from '../../src/core/invariants.ts';
import { leave } from '../../src/core/leaving.ts';
import { TRANSITIONS, advance, isSwitched, type Move, type MoveEvent } from '../../src/core/move.ts';
import { assignShard, initialRoutes } from '../../src/core/placement.ts';
import { assertDrainable, planMoves, type Plan, type PlannerIndex, type PlannerInput } from '../../src/core/planner.ts';
import type { IndexEntry, RoutingTable } from '../../src/core/routing.ts';
import { startable } from '../support/schedule.ts';
import { arrived, isLeaving, mayBeSource, mayOwn, type Topology, type TopologyNode } from '../../src/core/topology.ts';
import { isMiroirError } from '../../src/errors.ts';

/** A cluster whose moves are carried out on paper: every plan goes through the same steps as in the records. */
class Cluster {
  topology: Topology;
  indexes: PlannerIndex[];
  pending: Move[] = [];

  constructor(nodes: number, groups: number, entries: readonly IndexEntry[]) {
    this.topology = { version: 0, nodes: [] };
    for (let i = 0; i < nodes; i += 1) {
      const node = { id: `n${i}`, group: i % groups, url: `http://n${i}:1`, state: 'active' as const };
      this.topology = { version: i + 1, nodes: [...this.topology.nodes, node] };
    }
    this.indexes = entries.map((entry) => ({
      entry,
      table: { index: entry.uid, epoch: 1, shards: initialRoutes(entry, this.topology) },
    }));
  }

  node(id: string): TopologyNode | undefined {
    return this.topology.nodes.find((node) => node.id === id);
  }

  /** Live copies of a shard in a group. */
  copies(owners: readonly string[], group: number): number {
    return owners.filter((id) => {
      const node = this.node(id);
      return node?.group === group && node.state !== 'failed' && node.state !== 'removed';
    }).length;
  }

  input(): PlannerInput {
    return { topology: this.topology, indexes: this.indexes, pending: this.pending };
  }

  /** Applies an event as the planner process does: refused ones change nothing. */
  send(event: TopologyEvent): void {
    try {
      if (event.type === 'NodeDraining') assertDrainable(this.topology, this.indexes, event.nodeId);
      this.topology = applyEvent(this.topology, event).topology;
      if (event.type === 'NodeFailed') this.leaveFailed();
    } catch (error) {
      if (!isMiroirError(error)) throw error;
      return;
    }
    this.plan();
  }

  /** What the planner does to the tables when a node fails. */
  leaveFailed(): void {
    const gone = new Set(this.topology.nodes.filter(({ state }) => state === 'failed').map(({ id }) => id));
    this.indexes = this.indexes.map(({ entry, table }) => {
      const epoch = table.epoch + 1;
      const shards = table.shards.map((route) => ({ ...route, ...leave(route, gone), epoch }));
      assert.ok(shards.every(({ owners, shard }) => owners.length > 0 || table.shards[shard]?.owners.length === 0));
      return { entry, table: { ...table, epoch, shards } };
    });
  }

  plan(): Plan {
    const input = this.input();
    const plan = planMoves(input);
    assertPlanSound(input, plan);
    const cancelled = new Set(plan.cancel);
    for (const move of this.pending.filter(({ id }) => cancelled.has(id))) {
      assert.ok(TRANSITIONS[move.phase].cancelled, 'only a move before the switch is cancelled');
    }
    const fresh = plan.moves.map((move): Move => ({ ...move, planId: plan.id, phase: 'Idle', cancelWished: false }));
    this.pending = [...this.pending.filter(({ id }) => !cancelled.has(id)), ...fresh];
    return plan;
  }

  route(move: Move) {
    return this.indexes.find(({ entry }) => entry.uid === move.index)!.table.shards[move.shard]!;
  }

  setOwners(move: Move, owners: readonly string[]): void {
    this.indexes = this.indexes.map((index) => {
      if (index.entry.uid !== move.index) return index;
      const epoch = index.table.epoch + 1;
      const shards = index.table.shards.map((route) =>
        route.shard === move.shard ? { ...route, owners, readers: owners, epoch } : route,
      );
      return { ...index, table: { ...index.table, epoch, shards } };
    });
  }

  /** One step of one move; `pick` chooses among those that may run. */
  work(pick: number): boolean {
    const running = this.pending.filter(({ phase }) => phase !== 'Idle' && !isSwitched(phase));
    const shards = running.map(({ index, shard }) => `${index}/${shard}`);
    assert.equal(new Set(shards).size, shards.length, 'never two moves of a shard at a time');
    const inGrace = this.pending.filter(({ phase }) => phase === 'DualWriteStopped');
    const waiting = this.pending.filter(({ phase }) => phase === 'Idle');
    const able = [...running, ...inGrace, ...startable(waiting, running)];
    const move = able[pick % Math.max(1, able.length)];
    if (move === undefined) return false;
    const events: MoveEvent[] = ['tracked', 'copied', 'verified', 'settled', 'cleaned'];
    const event = events.find((each) => TRANSITIONS[move.phase][each] !== undefined)!;
    if (event === 'tracked') this.start(move);
    if (event === 'settled') this.switch(move);
    const next = advance(move, event);
    this.pending = this.pending.flatMap((each) => (each !== move ? each : next.outcome === undefined ? next : []));
    return true;
  }

  start(move: Move): void {
    const { owners } = this.route(move);
    assert.ok(owners.includes(move.source) && mayBeSource(this.node(move.source)!.state), 'a healthy owner is read');
    assert.ok(!owners.includes(move.target), 'the target is no owner yet');
    assert.ok(move.retires === null || owners.includes(move.retires), 'an owner retires');
  }

  switch(move: Move): void {
    const { owners } = this.route(move);
    const next = [...owners.filter((id) => id !== move.retires), move.target];
    assert.ok(this.copies(next, move.group) >= this.copies(owners, move.group), 'RF never drops');
    assert.ok(mayOwn(this.node(move.target)!), 'the target may own shards');
    assert.equal(new Set(next).size, next.length);
    this.setOwners(move, next);
  }

  finishAll(): void {
    for (let i = 0; this.work(i); i += 1);
  }
}

const entriesArb = (groups: number): fc.Arbitrary<IndexEntry[]> =>
  fc
    .array(fc.record({ shards: fc.integer({ min: 1, max: 10 }), replicationFactor: fc.integer({ min: 1, max: 3 }) }), {
      minLength: 1,
      maxLength: 2,
    })
    .map((each) =>
      each.map((entry, i) => ({
        ...entry,
        uid: `idx-${i}`,
        primaryKey: 'id',
        groups: Array.from({ length: groups }, (_, group) => group),
      })),
    );

const worldArb = fc
  .record({ nodes: fc.integer({ min: 1, max: 6 }), groups: fc.integer({ min: 1, max: 2 }) })
  .chain(({ nodes, groups }) =>
    entriesArb(Math.min(groups, nodes)).map((entries) => ({ nodes, groups: Math.min(groups, nodes), entries })),
  );

type Action =
  | { readonly kind: 'event'; readonly type: TopologyEvent['type']; readonly node: number }
  | { readonly kind: 'settle'; readonly node: number }
  | { readonly kind: 'work'; readonly picks: readonly number[] };

const nodeArb = fc.integer({ min: 0, max: 8 });
const actionArb: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('event' as const),
    type: fc.constantFrom<TopologyEvent['type']>('NodeAdded', 'NodeDraining', 'NodeFailed', 'NodeRecovered'),
    node: nodeArb,
  }),
  fc.record({ kind: fc.constant('settle' as const), node: nodeArb }),
  fc.record({ kind: fc.constant('work' as const), picks: fc.array(fc.nat(50), { maxLength: 25 }) }),
);

/** What others do to the topology: a node that joined or was restored has arrived. */
function settle(cluster: Cluster, id: string): void {
  const state = cluster.node(id)?.state;
  if (state !== 'joining' && state !== 'restoring') return;
  const nodes = cluster.topology.nodes.map((node) => (node.id === id ? arrived(node) : node));
  cluster.topology = { version: cluster.topology.version + 1, nodes };
  cluster.plan();
}

function act(cluster: Cluster, action: Action, groups: number): void {
  if (action.kind === 'work') for (const pick of action.picks) cluster.work(pick);
  else if (action.kind === 'settle') settle(cluster, `n${action.node}`);
  else {
    const nodeId = `n${action.node}`;
    const added = { url: `http://${nodeId}:1`, group: action.node % groups };
    cluster.send({ type: action.type, nodeId, ...(action.type === 'NodeAdded' ? added : {}) });
  }
}

const ownersNow = ({ indexes }: Cluster): string[] =>
  indexes.flatMap(({ table }) => table.shards.map(({ owners }) => [...owners].sort().join()));

describe('random histories of adds, drains, failures and recoveries', () => {
  it('every plan keeps its promises, and all ends at rendezvous placement', () => {
    fc.assert(
      fc.property(worldArb, fc.array(actionArb, { maxLength: 25 }), ({ nodes, groups, entries }, actions) => {
        const cluster = new Cluster(nodes, groups, entries);
        const wished = new Set<string>();
        for (const action of actions) {
          act(cluster, action, groups);
          if (action.kind !== 'event') continue;
          const id = `n${action.node}`;
          if (cluster.node(id)?.state === 'draining') wished.add(id);
          if (action.type === 'NodeAdded' && cluster.node(id)?.state !== 'failed') wished.delete(id);
        }
        for (const { id } of cluster.topology.nodes) {
          if (cluster.node(id)?.state === 'failed') cluster.send({ type: 'NodeRecovered', nodeId: id });
          settle(cluster, id);
        }
        expect(cluster.topology.nodes.filter(isLeaving).map(({ id }) => id)).toEqual([...wished].sort());
        const last = cluster.plan();
        cluster.finishAll();
        expect(cluster.pending).toEqual([]);
        const stuck = new Set(last.blocked.map(({ index, shard, group }) => `${index}/${shard}/${group}`));
        for (const { entry, table } of cluster.indexes) {
          for (const { shard, owners } of table.shards) {
            for (const group of entry.groups) {
              if (stuck.has(`${entry.uid}/${shard}/${group}`)) continue;
              const able = cluster.topology.nodes.filter((node) => node.group === group && mayOwn(node));
              const wanted = assignShard({ shard, nodes: able.map(({ id }) => id), ...entry });
              const inGroup = owners.filter((id) => cluster.topology.nodes.find((n) => n.id === id)?.group === group);
              expect([...inGroup].sort()).toEqual([...wanted].sort());
            }
          }
        }
        const still = ownersNow(cluster);
        expect(cluster.plan().moves).toEqual([]);
        expect(ownersNow(cluster)).toEqual(still);
      }),
      { numRuns: 400 },
    );
  });

  it('with nothing pending there are exactly as many moves as copies that have to come to be', () => {
    fc.assert(
      fc.property(worldArb, fc.array(actionArb, { maxLength: 12 }), ({ nodes, groups, entries }, actions) => {
        const cluster = new Cluster(nodes, groups, entries);
        for (const action of actions) {
          act(cluster, action, groups);
          cluster.finishAll();
        }
        cluster.pending = [];
        const plan = planMoves(cluster.input());
        let missing = 0;
        for (const { entry, table } of cluster.indexes) {
          for (const { shard, owners } of table.shards) {
            for (const group of entry.groups) {
              const able = cluster.topology.nodes.filter((node) => node.group === group && mayOwn(node));
              const wanted = assignShard({ shard, nodes: able.map(({ id }) => id), ...entry });
              missing += wanted.filter((id) => !owners.includes(id)).length;
            }
          }
        }
        const unreadable = plan.blocked.filter(({ reason }) => reason.startsWith('no healthy copy')).length;
        expect(plan.moves.length + unreadable).toBe(missing);
      }),
      { numRuns: 150 },
    );
  });

  it('the same records give the same plan, in whatever order they are read', () => {
    fc.assert(
      fc.property(
        worldArb,
        fc.array(actionArb, { maxLength: 15 }),
        fc.nat(),
        ({ nodes, groups, entries }, actions, seed) => {
          const cluster = new Cluster(nodes, groups, entries);
          for (const action of actions) act(cluster, action, groups);
          const input = cluster.input();
          const shuffled = <T>(items: readonly T[]): T[] =>
            items
              .map((item, i) => ({ item, key: Math.imul(i + 1, seed * 2 + 0x9e3779b1) >>> 0 }))
              .sort((a, b) => a.key - b.key)
              .map(({ item }) => item);
          const table = (given: RoutingTable): RoutingTable => ({
            ...given,
            shards: given.shards.map((route) => ({ ...route, owners: shuffled(route.owners) })),
          });
          const other: PlannerInput = {
            topology: { ...input.topology, nodes: shuffled(input.topology.nodes) },
            indexes: shuffled(input.indexes).map((index) => ({
              entry: { ...index.entry, groups: shuffled(index.entry.groups) },
              table: table(index.table),
            })),
            pending: shuffled(input.pending ?? []),
          };
          expect(planMoves(other)).toEqual(planMoves(input));
          expect(planMoves(structuredClone(input))).toEqual(planMoves(input));
        },
      ),
      { numRuns: 200 },
    );
  });
});
