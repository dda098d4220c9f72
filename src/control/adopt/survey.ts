/** What nodes hold of an index that is to be taken over, and whether it may be. Reads only. */
import pLimit from 'p-limit';
import { locateKey } from '../../core/hashing.ts';
import { fieldSpan, scalarText, splitKeyed } from '../../core/json-text.ts';
import { groupStateOf } from '../../core/groups.ts';
import type { IndexEntry } from '../../core/routing.ts';
import type { Topology, TopologyNode } from '../../core/topology.ts';
import {
  ConflictError,
  IndexConflictError,
  IndexUnknownError,
  InvalidInputError,
  NodeUnreachableError,
} from '../../errors.ts';
import type { Adoption, NodeClient } from '../../ports.ts';
import {
  MIROIR_FIELDS,
  SHARD_FIELD,
  SLOT_FIELD,
  UPDATED_AT_FIELD,
  type Settings,
  withoutMiroirSettings,
} from '../../routing/fields.ts';
import { assertIndex, entryOf, isPlainKey } from '../indexes.ts';
import { differingSettings } from '../../core/settings-text.ts';
import { pagesOf } from './pages.ts';
import type { AdoptParts, AdoptWish } from './parts.ts';

const NODES_AT_A_TIME = 8;
const SHARDS = 64;
/** From 1.31 on a node can be told to change only documents that exist. */
const MINOR_MIN = 31;
/** Nodes that a plan may read from and bring shards to. */
const HOME_STATES: readonly TopologyNode['state'][] = ['active', 'healthy', 'degraded', 'joining'];

export interface Holder {
  readonly node: TopologyNode;
  readonly client: NodeClient;
  readonly primaryKey: string | null;
  readonly createdAt: string;
  readonly documents: number;
  readonly embeddings: number;
  /** Documents without our fields, by the node's own count of fields. */
  readonly unsplit: number;
  readonly hasOurFields: boolean;
  readonly settings: Settings;
}

export interface Survey {
  readonly topology: Topology;
  /** That the name had before any document was read: one of this name that is deleted since has taken them along. */
  readonly epoch: number;
  readonly entry: IndexEntry;
  readonly adoption: Adoption;
  /** Of a run that was cut off. */
  readonly before: Adoption | null;
  readonly home: Holder;
  /** The others that hold documents. */
  readonly others: readonly Holder[];
}

/** Throws what stands against it, with field and remedy. */
export async function survey(parts: AdoptParts, wish: AdoptWish): Promise<Survey> {
  const { records } = parts;
  const { uid, keep, signal } = wish;
  const epoch = (await records.table(uid))?.epoch ?? 0;
  const before = await parts.adoptions.read(uid);
  assertSame(wish, before);
  const { shards = before?.shards ?? SHARDS, replicationFactor = before?.replicationFactor ?? 1 } = wish;
  assertIndex({ uid, shards, replicationFactor });
  await assertFree(parts, uid, before);
  const topology = await records.topology();
  const groups = wish.groups ?? before?.groups;
  const about = { uid, primaryKey: '', shards, replicationFactor, ...(groups === undefined ? {} : { groups }) };
  const unkeyed = entryOf(about, topology);
  const holders = await lookAround(parts, uid, topology, signal);
  const primaryKey = primaryKeyOf(uid, holders);
  const filled = holders.filter(({ documents }) => documents > 0);
  const candidates = filled.length > 0 ? filled : holders;
  const home = homeOf(candidates, wish.home ?? before?.home, uid);
  const entry = { ...unkeyed, primaryKey };
  assertHome(home.node, entry, topology);
  const others = candidates.filter((holder) => holder !== home);
  assertKeep([home, ...others], keep);
  assertSettings(home, others);
  if (before === null) for (const holder of candidates) await assertOwnFields(holder, entry);
  const { groups: chosen } = entry;
  const state = before?.state ?? 'begun';
  const adoption = { state, primaryKey, shards, replicationFactor, groups: chosen, home: home.node.id };
  return {
    topology,
    epoch,
    entry,
    before,
    home,
    others,
    adoption: { ...adoption, keep: keep ?? before?.keep ?? null },
  };
}

/** Documents carry what the first run gave them, so a later one goes on with it. */
function assertSame(wish: AdoptWish, before: Adoption | null): void {
  if (before === null) return;
  const changed = (['shards', 'replicationFactor', 'home', 'keep'] as const).find(
    (name) => wish[name] !== undefined && before[name] !== null && wish[name] !== before[name],
  );
  const groups = wish.groups?.join(',');
  if (changed === undefined && (groups === undefined || groups === before.groups.join(','))) return;
  const { shards, replicationFactor, home, keep } = before;
  const options = `--shards ${shards} --replication-factor ${replicationFactor} --groups ${before.groups.join(',')} --home ${home}`;
  throw new IndexConflictError(`index ${wish.uid} is being taken over with ${options}`, {
    field: changed ?? 'groups',
    remedy: `go on with these${keep === null ? '' : ` and --keep ${keep}`}, or leave them out`,
    details: { shards, home },
  });
}

async function assertFree({ records }: AdoptParts, uid: string, before: Adoption | null): Promise<void> {
  if (before === null && (await records.index(uid)) !== null) {
    throw new IndexConflictError(`index ${uid} is registered already`, {
      field: 'index_uid',
      remedy: 'nothing is left to take over but what came past the routers: `miroir index adopt` without other options',
    });
  }
  const move = (await records.unfinishedMoves()).find(({ index }) => index === uid);
  if (move === undefined) return;
  throw new ConflictError(`index ${uid} has moves, such as ${move.id}`, {
    field: 'index_uid',
    remedy: 'wait until they have ended: `miroir status`',
    details: { move: move.id },
  });
}

/** Every node is asked, since one that is left out may hold documents. */
async function lookAround(
  parts: AdoptParts,
  uid: string,
  { nodes }: Topology,
  signal: AbortSignal,
): Promise<readonly Holder[]> {
  const limit = pLimit(NODES_AT_A_TIME);
  const known = nodes.filter(({ state }) => state !== 'removed').sort((a, b) => (a.id < b.id ? -1 : 1));
  const looked = await Promise.all(known.map((node) => limit(() => look(parts, uid, node, signal))));
  const holders = looked.filter((holder) => holder !== null);
  if (holders.length > 0) return holders;
  throw new IndexUnknownError(`no node has an index ${uid}`, {
    field: 'index_uid',
    remedy: 'correct the name, add the node that has it (`miroir node add`), or create it: `miroir index create`',
  });
}

async function look(parts: AdoptParts, uid: string, node: TopologyNode, signal: AbortSignal): Promise<Holder | null> {
  const client = parts.clientUnder(node, signal);
  try {
    const version = await client.version();
    const index = await client.index(uid);
    if (index === null) return null;
    assertVersion(node, version);
    const { documents, embeddings, fields } = await client.indexStats(uid);
    return {
      node,
      client,
      primaryKey: index.primaryKey,
      createdAt: index.createdAt,
      documents,
      embeddings,
      unsplit: documents - Math.min(fields[SHARD_FIELD] ?? 0, fields[SLOT_FIELD] ?? 0),
      hasOurFields: MIROIR_FIELDS.some((name) => (fields[name] ?? 0) > 0),
      settings: await client.settings(uid),
    };
  } catch (error) {
    if (!(error instanceof NodeUnreachableError)) throw error;
    throw new NodeUnreachableError(error.message, {
      field: 'nodes',
      remedy: `start node ${node.id}, or take it out of the topology: it may hold documents of ${uid}`,
      details: error.details,
      cause: error,
    });
  }
}

function assertVersion({ id }: TopologyNode, version: string | null): void {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  if (version === null || major > 1 || minor >= MINOR_MIN) return;
  throw new IndexConflictError(`node ${id} runs version ${version}, which cannot leave deleted documents deleted`, {
    field: 'nodes',
    remedy: `upgrade it to 1.${MINOR_MIN} or newer first`,
    details: { node: id, version },
  });
}

function primaryKeyOf(uid: string, holders: readonly Holder[]): string {
  const refuse = (what: string, remedy: string): never => {
    throw new IndexConflictError(`index ${uid} ${what}`, { field: 'primary_key', remedy });
  };
  const [first, ...more] = new Set(holders.flatMap(({ primaryKey }) => primaryKey ?? []));
  if (first === undefined) {
    return refuse('has no primary key', `set it on the node: PATCH /indexes/${uid} {"primaryKey": "…"}`);
  }
  if (more.length > 0) {
    const named = holders.map(({ node, primaryKey }) => `${primaryKey ?? 'none'} on ${node.id}`).join(', ');
    return refuse(
      `has different primary keys: ${named}`,
      'delete the index where it is wrong, or take its node out of the topology',
    );
  }
  if (isPlainKey(first)) return first;
  return refuse(
    `has the primary key ${first}, which is no plain field`,
    'load its documents into a new index with a field of A-Z a-z 0-9 - _ as primary key',
  );
}

function homeOf(holders: readonly Holder[], wanted: string | undefined, uid: string): Holder {
  const most = holders.reduce((best, holder) => (holder.documents > best.documents ? holder : best));
  if (wanted === undefined) return most;
  const found = holders.find(({ node }) => node.id === wanted);
  if (found !== undefined) return found;
  throw new InvalidInputError(`node ${wanted} holds no documents of index ${uid}`, {
    field: 'home',
    remedy: `give one of ${holders.map(({ node }) => node.id).join(', ')}`,
  });
}

function assertHome({ id, state, group }: TopologyNode, { groups }: IndexEntry, topology: Topology): void {
  if (!HOME_STATES.includes(state)) {
    throw new InvalidInputError(`node ${id} is ${state}`, {
      field: 'home',
      remedy: 'bring it back to work first, or give another node with --home',
    });
  }
  const groupState = groupStateOf(topology, group);
  if (groupState !== 'active') {
    // Home is read until moves have brought its shards elsewhere.
    throw new InvalidInputError(`node ${id} is in replica group ${group}, which is ${groupState}`, {
      field: 'home',
      remedy: 'wait until the group is active, or give a node of an active group with --home',
    });
  }
  if (groups.includes(group)) return;
  throw new InvalidInputError(`node ${id} is in replica group ${group}, which is none of ${groups.join(', ')}`, {
    field: 'groups',
    remedy: `add ${group}, or give a node of these groups with --home`,
  });
}

function assertKeep(holders: readonly Holder[], keep: string | undefined): void {
  if (keep === undefined || holders.some(({ node }) => node.id === keep)) return;
  throw new InvalidInputError(`node ${keep} holds no documents of the index`, {
    field: 'keep',
    remedy: `give one of ${holders.map(({ node }) => node.id).join(', ')}`,
  });
}

/** Later every node has the settings of home; what differs now would be lost without a word. */
function assertSettings(home: Holder, others: readonly Holder[]): void {
  for (const { node, settings } of others) {
    const names = differingSettings(withoutMiroirSettings(home.settings), withoutMiroirSettings(settings));
    if (names.length === 0) continue;
    throw new IndexConflictError(`${node.id} has other settings than ${home.node.id}: ${names.join(', ')}`, {
      field: 'settings',
      remedy: 'make them equal on both nodes first',
      details: { node: node.id, settings: names },
    });
  }
}

/** A field of ours with a value that we would not give it is the user's own: nothing of it may be written over. */
async function assertOwnFields({ client, hasOurFields, node }: Holder, entry: IndexEntry): Promise<void> {
  if (!hasOurFields) return;
  const { uid, primaryKey, shards } = entry;
  for await (const text of pagesOf(client, uid, [primaryKey, ...MIROIR_FIELDS])) {
    for (const { span, field } of splitKeyed(text, primaryKey)) {
      const values = MIROIR_FIELDS.map((name) => fieldSpan(text, span.start, span.end, name));
      if (field === undefined || values.every((value) => value === undefined)) continue;
      const id = scalarText(text, field.start, field.end);
      const { shard, slot } = locateKey(id, shards);
      const [foundShard, foundSlot] = values.map((value) => value && text.slice(value.start, value.end));
      if (foundShard === String(shard) && foundSlot === String(slot)) continue;
      const isStampAlone = foundShard === undefined && foundSlot === undefined;
      throw new IndexConflictError(`document ${id} on node ${node.id} has fields of ours with other values`, {
        field: isStampAlone ? UPDATED_AT_FIELD : foundShard === String(shard) ? SLOT_FIELD : SHARD_FIELD,
        remedy: `rename the fields ${MIROIR_FIELDS.join(', ')} of your documents, or give the shard count they were split for`,
        details: { node: node.id, document: id },
      });
    }
  }
}
