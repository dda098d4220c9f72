// A fleet that is rebalancing: 200 indexes of 50 shards on ten nodes, and 10,000 moves of five plans, half of them ended,
// all written by the records' own writers. No node is asked for anything.
import type { IndexEntry } from '../../src/core/routing.ts';
import { initialRoutes } from '../../src/core/placement.ts';
import { indexTag, type PlanMove } from '../../src/core/plan.ts';
import { settled, settling, stable, tracking } from '../../src/phases/routes.ts';
import type { Lease, MoveAccepted, MoveReply, MoveState, MoveWriter, PlanWriter } from '../../src/ports.ts';
import { PLANNER_SCOPE, rebalanceScope } from '../../src/redis/keys.ts';
import { createMoveWriter } from '../../src/redis/move-writer.ts';
import { createFleetWriter, createPlanWriter } from '../../src/redis/plan-writer.ts';
import { type Base, openLeases } from '../../src/service.ts';

const NODES = 10;
const INDEXES = 200;
const SHARDS = 50;
const PLANS = 5;
const AUDIT_MAX = 10_000;
/** Of each index that is not through: begun, and on their new owners with the old copy still there. */
const BEGUN = 2;
const IN_GRACE = 1;

export interface ManyMoves {
  readonly moves: number;
  readonly indexes: readonly string[];
  readonly plans: readonly string[];
  /** Of the unfinished ones that have begun, whose progress a worker would write. */
  readonly begun: readonly MoveState[];
  writerOf(index: string): MoveWriter;
  close(): Promise<void>;
}

const planIdAt = (at: number): string => `p${String(at).padStart(12, '0')}`;
const nodeAt = (at: number): string => `n${at % NODES}`;
const after = (id: string): string => nodeAt(Number(id.slice(1)) + 1);
/** Where a shard is that is to be where placement wants it. */
const before = (id: string): string => nodeAt(Number(id.slice(1)) + NODES - 1);
/** One in ten moves is not wanted any more. */
const isCalledOff = (shard: number): boolean => shard % 10 === 9;

function accepted(reply: MoveReply): MoveAccepted {
  if ('refused' in reply) throw new Error(`a step was refused: ${reply.refused}`);
  return reply;
}

export async function fillRecords(base: Base): Promise<ManyMoves> {
  const { scripts, redis, records } = base;
  const { watch, leases } = openLeases(base);
  const held: Lease[] = [];
  const acquire = async (scope: string): Promise<Lease> => {
    const answer = await leases.acquire(scope);
    if (!('lease' in answer)) throw new Error(`${scope} is held`);
    held.push(answer.lease);
    return answer.lease;
  };
  const fleet = createFleetWriter(scripts, AUDIT_MAX);
  const node = (id: string, at: number) => ({
    id,
    url: `http://10.0.0.${at + 1}:7700`,
    group: 0,
    state: 'active' as const,
  });
  await fleet.initTopology(Array.from({ length: NODES }, (_, at) => node(nodeAt(at), at)));
  const topology = await records.topology();
  const entries = Array.from({ length: INDEXES }, (_, at): IndexEntry => {
    const uid = `index-${String(at).padStart(3, '0')}`;
    return { uid, primaryKey: 'id', shards: SHARDS, replicationFactor: 1, groups: [0] };
  });
  await Promise.all(
    entries.map((entry) => {
      const routes = initialRoutes(entry, topology).map((route) => {
        if (isCalledOff(route.shard)) return route;
        const owners = route.owners.map(before);
        return { ...route, owners, readers: owners };
      });
      return fleet.createIndex(topology.version, entry, routes);
    }),
  );
  const lease = await acquire(PLANNER_SCOPE);
  const plans = createPlanWriter({ scripts, redis, lease, auditMaxEntries: AUDIT_MAX, historyMax: 10_000 });
  const writers = new Map<string, MoveWriter>();
  const ids = Array.from({ length: PLANS }, (_, at) => planIdAt(at));
  const begun: MoveState[] = [];
  for (const [at, id] of ids.entries()) {
    const of = entries.slice((at * INDEXES) / PLANS, ((at + 1) * INDEXES) / PLANS);
    await openPlan(base, plans, topology.version, id, of);
    for (const [position, { uid }] of of.entries()) {
      const writer = createMoveWriter({
        scripts,
        lease: await acquire(rebalanceScope(uid)),
        movesPerNode: 10_000,
        auditMaxEntries: AUDIT_MAX,
      });
      writers.set(uid, writer);
      // The first two plans are through, and so is half of the third.
      const isThrough = at < 2 || (at === 2 && position < of.length / 2);
      begun.push(...(await advanceIndex(base, writer, id, uid, isThrough)));
    }
    if (at < 2) await plans.closePlan(id);
  }
  return {
    moves: INDEXES * SHARDS,
    indexes: entries.map(({ uid }) => uid),
    plans: ids,
    begun,
    writerOf(index) {
      const writer = writers.get(index);
      if (writer === undefined) throw new Error(`no writer of ${index}`);
      return writer;
    },
    async close() {
      watch.stop();
      await Promise.all(held.map((one) => one.release(true)));
    },
  };
}

/** Every shard of these indexes moves to the node after its owner. */
async function openPlan(
  { records }: Base,
  plans: PlanWriter,
  topologyVersion: number,
  id: string,
  entries: readonly IndexEntry[],
): Promise<void> {
  const moves: PlanMove[] = [];
  for (const { uid } of entries) {
    for (const { shard, owners } of (await records.table(uid))?.shards ?? []) {
      const source = owners[0] ?? '';
      moves.push({
        id: `${id}-${shard}-0-${indexTag(uid)}`,
        step: 0,
        index: uid,
        shard,
        group: 0,
        source,
        target: after(source),
        retires: source,
        reason: 'balance',
      });
    }
  }
  await plans.openPlan({ id, topologyVersion, moves, blocked: [], keep: [], cancel: [], finish: [] }, 'NodeAdded n9');
  await plans.addMoves(id, moves);
  await plans.runPlan(id, topologyVersion, []);
}

/** All moves of an index to their end, or some to where they are while it is rebalanced. Returns those that have begun. */
async function advanceIndex(
  { records }: Base,
  writer: MoveWriter,
  plan: string,
  uid: string,
  isThrough: boolean,
): Promise<MoveState[]> {
  const tag = indexTag(uid);
  const moves = await records.moves(Array.from({ length: SHARDS }, (_, shard) => `${plan}-${shard}-0-${tag}`));
  if (isThrough) {
    await Promise.all(
      moves.map(async (move) => {
        if (isCalledOff(move.shard)) accepted(await writer.end(move, 'cancelled', {}));
        else await settle({ records, writer, move, isCleaned: true });
      }),
    );
    return [];
  }
  const some = moves.slice(0, BEGUN);
  await Promise.all([
    ...some.map((move) => begin(records, writer, move)),
    ...moves.slice(BEGUN, BEGUN + IN_GRACE).map((move) => settle({ records, writer, move, isCleaned: false })),
  ]);
  return [...(await records.moves(some.map(({ id }) => id)))];
}

async function begin(records: Base['records'], writer: MoveWriter, move: MoveState): Promise<MoveAccepted> {
  const started = accepted(await writer.start(move, tracking(await records.route(move.index, move.shard), move)));
  const copying = { docsMigrated: 800, documents: 2_000, lastOffset: 26_000, windowsVerified: 3 };
  accepted(await writer.advance(move, { to: 'DualWriteStarted', what: 'DualWriteStarted' }));
  const next = { ...move, phase: 'DualWriteStarted' as const };
  accepted(await writer.advance(next, { to: 'MigrationInProgress', fields: copying, what: 'MigrationInProgress' }));
  return started;
}

interface Settling {
  readonly records: Base['records'];
  readonly writer: MoveWriter;
  readonly move: MoveState;
  readonly isCleaned: boolean;
}

async function settle({ records, writer, move, isCleaned }: Settling): Promise<void> {
  const { route } = await begin(records, writer, move);
  if (route === null) throw new Error('a start changes the route');
  const topology = await records.topology();
  const copied = { ...move, phase: 'MigrationInProgress' as const };
  const fields = { docsMigrated: 2_000, lastOffset: 65_536, windowsVerified: 8, switchedAt: '$now' };
  const switching = { to: 'MigrationComplete' as const, route: settling(route, move), fields, what: 'settling' };
  const switched = accepted(await writer.advance(copied, switching)).route;
  if (switched === null) throw new Error('a switch changes the route');
  const over = { ...move, phase: 'MigrationComplete' as const };
  const change = settled(switched, move, topology);
  const reached = { to: 'DualWriteStopped' as const, route: change, releasePlaces: true, what: 'settled' };
  const rested = accepted(await writer.advance(over, reached)).route;
  if (!isCleaned || rested === null) return;
  accepted(await writer.end({ ...move, phase: 'DualWriteStopped' }, 'done', { route: stable(rested) }));
}
