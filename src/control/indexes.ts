/** Creating and showing indexes. */
import pLimit from 'p-limit';
import { indexUidSchema } from '../core/events.ts';
import { mayHoldShards, servingGroups } from '../core/groups.ts';
import type { PlannerIndex } from '../core/plan.ts';
import { initialRoutes, ownersOfGroup } from '../core/placement.ts';
import { findNode, groupsOf, isWaitedFor, type Topology } from '../core/topology.ts';
import type { IndexEntry, ShardRoute } from '../core/routing.ts';
import {
  ConflictError,
  GroupNotReadyError,
  GroupUnknownError,
  IndexConflictError,
  IndexUnknownError,
  InvalidInputError,
  TimeoutError,
} from '../errors.ts';
import type { Clock, NodeClient } from '../ports.ts';
import { withMiroirSettings } from '../routing/fields.ts';
import { audited } from './audited.ts';
import { assertVersion, type EventCondition } from './events.ts';
import { applied, idle, type TaskWait } from './node-tasks.ts';
import type { ChangeParts, ControlParts } from './parts.ts';

export interface NewIndex {
  readonly uid: string;
  readonly primaryKey: string;
  readonly shards: number;
  readonly replicationFactor: number;
  /** Default: every replica group. */
  readonly groups?: readonly number[];
  /** What shall be searchable. Left out, the shard numbers are searched, too. */
  readonly searchableAttributes?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Shards are numbers of 32 bits; more than this makes tables that nobody wants to read every second. */
const SHARDS_MAX = 65_536;
const NODES_AT_A_TIME = 8;
/** Settings of an empty index are applied within a batch or two. */
const TASK_MS = 60_000;
const TRIES = 5;
/** Between two looks whether an older index of the name is gone. */
const LOOK_MS = 50;

/** What creating needs; a router has it, too. */
export type CreationParts = Omit<ControlParts, 'producer' | 'settings' | 'planHolds'>;

/** An operator's word; see `createIndex`. */
export const addIndex = (
  parts: ChangeParts,
  wanted: NewIndex,
  { ifVersion }: Pick<EventCondition, 'ifVersion'> = {},
): Promise<IndexEntry> =>
  audited(parts, 'index create', { index: wanted.uid }, async () => {
    if (ifVersion !== undefined) await assertVersion(parts, ifVersion);
    return createIndex(parts, wanted);
  });

/** Creates the index on every node that will own shards of it, then registers it. Safe to repeat until registered. */
export async function createIndex(parts: CreationParts, wanted: NewIndex): Promise<IndexEntry> {
  assertIndex(wanted);
  if (!isPlainKey(wanted.primaryKey)) {
    throw new InvalidInputError('the index has a missing or wrong primary_key', {
      field: 'primary_key',
      remedy: 'give the name of the field with the ids',
    });
  }
  for (let attempt = 1; ; attempt += 1) {
    // First: a deletion that begins after it raises the epoch, one that began before is waited for.
    const epoch = await epochOf(parts, wanted.uid);
    await untilDeleted(parts, wanted);
    const topology = await parts.records.topology();
    const entry = entryOf(wanted, topology);
    if ((await parts.records.index(entry.uid)) !== null) {
      throw new IndexConflictError(`index ${entry.uid} is registered already`, {
        field: 'index_uid',
        remedy: 'take another uid, or see `miroir index show`',
      });
    }
    const routes = initialRoutes(entry, topology);
    try {
      await createOnOwners(parts, wanted, topology, routes);
      await parts.fleet.createIndex(topology.version, entry, routes, epoch);
      return entry;
    } catch (error) {
      // A node came or went: owners are computed anew, and nodes that have the index already keep it. Or somebody created
      // and deleted the index meanwhile: it is made anew on nodes that have been told.
      wanted.signal?.throwIfAborted();
      const isOver = error instanceof ConflictError || (await epochOf(parts, wanted.uid)) !== epoch;
      if (!isOver || attempt === TRIES) throw error;
    }
  }
}

/** What creations and deletions of this name have raised; 0 for one that was never used. */
const epochOf = async ({ records }: CreationParts, uid: string): Promise<number> =>
  (await records.table(uid))?.epoch ?? 0;

/**
 * One that was of this name is deleted first: what its nodes are told later would take along what is made here. Nodes that
 * failed are not waited for: they own nothing, and a move brings them what they need.
 */
async function untilDeleted({ records, clock }: CreationParts, { uid, signal }: NewIndex): Promise<void> {
  const deadlineMs = clock.monotonic() + TASK_MS;
  for (;;) {
    const deletion = await records.deletion(uid);
    if (deletion === null) return;
    const topology = await records.topology();
    const waited = deletion.nodes.filter((id) => isWaitedFor(findNode(topology, id)));
    // Not told by whoever deletes any more, and only nodes are left that failed.
    if (waited.length === 0 && deletion.untilMs === 0) return;
    if (clock.monotonic() > deadlineMs) {
      const names = waited.join(', ');
      throw new TimeoutError(`index ${uid} is still being deleted: not told yet: ${names || 'no node'}`, {
        field: 'index_uid',
        remedy: 'see that these nodes answer, or send NodeFailed for them, and that a reconciler runs',
        details: { index: uid, nodes: names },
      });
    }
    await clock.sleep(LOOK_MS, signal);
  }
}

/** A field of the document itself: parts of a path (`address.id`) are not looked into when documents are split. */
export const isPlainKey = (primaryKey: string): boolean => /^[A-Za-z0-9_-]{1,511}$/.test(primaryKey);

export function assertIndex({ uid, shards, replicationFactor }: Omit<NewIndex, 'primaryKey'>): void {
  const refuse = (field: string, remedy: string): never => {
    throw new InvalidInputError(`the index has a missing or wrong ${field}`, { field, remedy });
  };
  const parsed = indexUidSchema.safeParse(uid);
  if (!parsed.success) refuse('index_uid', parsed.error.issues[0]?.message ?? '');
  if (!Number.isSafeInteger(shards) || shards < 1 || shards > SHARDS_MAX) refuse('shards', `give 1 to ${SHARDS_MAX}`);
  if (!Number.isSafeInteger(replicationFactor) || replicationFactor < 1) refuse('replication_factor', 'give 1 or more');
}

export function entryOf(wanted: NewIndex, topology: Topology): IndexEntry {
  const known = groupsOf(topology).filter((group) => mayHoldShards(topology, group));
  const { uid, primaryKey, shards, replicationFactor, groups = known } = wanted;
  if (known.length === 0) {
    throw new InvalidInputError('there are no nodes yet', {
      field: 'nodes',
      remedy: 'add nodes first: `miroir node add`',
    });
  }
  for (const group of groups) {
    if (!known.includes(group)) {
      throw new GroupUnknownError(`there is no replica group ${group}`, {
        field: 'replica_group',
        remedy: `give some of ${known.join(', ')}`,
      });
    }
    const nodes = ownersOfGroup(topology, group).length;
    if (nodes >= replicationFactor) continue;
    throw new InvalidInputError(`replica group ${group} has ${nodes} nodes for ${replicationFactor} copies`, {
      field: 'replication_factor',
      remedy: 'lower it, or add nodes to the group first',
    });
  }
  const serving = servingGroups(topology);
  if (!groups.some((group) => serving.includes(group))) {
    throw new GroupNotReadyError(`of replica groups ${groups.join(', ')} none is active: nobody could read the index`, {
      field: 'replica_group',
      remedy: `give one of ${serving.join(', ')} as well`,
    });
  }
  return { uid, primaryKey, shards, replicationFactor, groups: [...new Set(groups)].sort((a, b) => a - b) };
}

async function createOnOwners(
  parts: CreationParts,
  wanted: NewIndex,
  topology: Topology,
  routes: readonly ShardRoute[],
): Promise<void> {
  const owners = new Set(routes.flatMap((route) => route.owners));
  const limit = pLimit(NODES_AT_A_TIME);
  await Promise.all(
    topology.nodes
      .filter(({ id }) => owners.has(id))
      .map((node) => limit(() => createOnNode(parts.clock, parts.clientOf(node), wanted))),
  );
}

async function createOnNode(clock: Clock, client: NodeClient, wanted: NewIndex): Promise<void> {
  const { uid, primaryKey, searchableAttributes, signal } = wanted;
  const wait: TaskWait = { clock, withinMs: TASK_MS, again: 'create the index again', signal };
  // A deletion that waits there would take along what is made here.
  await idle(client, uid, wait);
  const found = await client.index(uid);
  if (found === null) {
    await applied(client, await client.createIndex(uid, primaryKey), wait);
  } else {
    await assertEmpty(client, wanted, found.primaryKey);
  }
  const options = searchableAttributes === undefined ? {} : { searchableAttributes };
  const settings = withMiroirSettings(await client.settings(uid), options);
  const changed = {
    filterableAttributes: settings['filterableAttributes'],
    ...(searchableAttributes === undefined ? {} : { searchableAttributes: settings['searchableAttributes'] }),
  };
  await applied(client, await client.updateSettings(uid, changed), wait);
}

async function assertEmpty(client: NodeClient, { uid, primaryKey }: NewIndex, theirs: string | null): Promise<void> {
  const { documents } = await client.indexStats(uid);
  const { id } = client.node;
  if (documents > 0) {
    throw new IndexConflictError(`node ${id} has an index ${uid} with ${documents} documents already`, {
      field: 'index_uid',
      remedy: 'take it over with `miroir index adopt`, take another uid, or delete that index on the node',
      details: { node: id, documents },
    });
  }
  if (theirs !== null && theirs !== primaryKey) {
    throw new IndexConflictError(`node ${id} has an index ${uid} with primary key ${theirs}`, {
      field: 'primary_key',
      remedy: 'give the same primary key, or delete that index on the node',
      details: { node: id },
    });
  }
}

/** Every index with its table. */
export async function allIndexes({ records }: Pick<ControlParts, 'records'>): Promise<PlannerIndex[]> {
  const indexes = await Promise.all(
    (await records.indexes()).map(async (entry): Promise<PlannerIndex | null> => {
      const table = await records.table(entry.uid);
      // One that is just being deleted has none.
      return table === null ? null : { entry, table };
    }),
  );
  return indexes.filter((index) => index !== null);
}

export interface IndexView extends IndexEntry {
  readonly epoch: number;
  /** Shards in a move, the grace after it included. */
  readonly moving: number;
  /** Copies of shards by owner. */
  readonly copies: Readonly<Record<string, number>>;
}

export async function listIndexes({ records }: ControlParts): Promise<IndexView[]> {
  const views = await Promise.all((await records.indexes()).map((entry) => viewOf(records, entry)));
  return views.sort((a, b) => (a.uid < b.uid ? -1 : 1));
}

/** The index with the route of each shard. Throws `IndexUnknownError`. */
export async function showIndex(
  { records }: ControlParts,
  uid: string,
): Promise<IndexView & { readonly routes: readonly ShardRoute[] }> {
  const entry = await records.index(uid);
  if (entry === null) throw unknownIndex(uid);
  const table = await records.table(uid);
  return { ...(await viewOf(records, entry)), routes: table?.shards ?? [] };
}

export const unknownIndex = (uid: string): IndexUnknownError =>
  new IndexUnknownError(`no index ${uid} is registered`, { field: 'index_uid', remedy: 'see `miroir index list`' });

async function viewOf(records: ControlParts['records'], entry: IndexEntry): Promise<IndexView> {
  const table = await records.table(entry.uid);
  const copies: Record<string, number> = {};
  for (const { owners } of table?.shards ?? []) for (const id of owners) copies[id] = (copies[id] ?? 0) + 1;
  const { uid, primaryKey, shards, replicationFactor, groups } = entry;
  const moving = (table?.shards ?? []).filter(({ state }) => state !== 'stable').length;
  return { uid, primaryKey, shards, replicationFactor, groups, epoch: table?.epoch ?? 0, moving, copies };
}
