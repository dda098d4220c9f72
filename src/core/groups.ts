/**
 * Replica groups: how far one is, and who of a shard's owners is read because of it. A group that has no record is
 * `active`: those that a fleet began with, and all that older versions stored.
 */
import type { IndexEntry } from './routing.ts';
import { findNode, groupsOf, type Topology } from './topology.ts';

export const GROUP_STATES = [
  'initializing',
  'syncing',
  'sync_complete',
  'active',
  'draining',
  'removed',
  'failed',
] as const;
export type GroupState = (typeof GROUP_STATES)[number];

export interface TopologyGroup {
  readonly id: number;
  readonly state: GroupState;
  /** When it reached the state (ms). */
  readonly sinceMs: number;
  /** When it was added (ms). */
  readonly startedAtMs: number;
  /** Only `failed`: what went wrong. */
  readonly why?: string;
  /** Only `draining`: since when no shard is read there (Redis time, ms). */
  readonly unreadSinceMs?: number;
}

/**
 * What may follow what. The original's way in, and ours back: a copy that is lost before the group serves is brought
 * again, a drained group may be added again, and one that failed as well.
 */
const LEGAL: Readonly<Record<GroupState, readonly GroupState[]>> = {
  initializing: ['syncing', 'draining'],
  syncing: ['sync_complete', 'failed', 'draining'],
  sync_complete: ['active', 'syncing', 'draining'],
  active: ['draining'],
  draining: ['removed', 'initializing'],
  removed: ['initializing'],
  failed: ['initializing', 'draining'],
};

export const isLegalGroupTransition = (from: GroupState, to: GroupState): boolean => LEGAL[from].includes(to);

export const groupRecord = ({ groups }: Topology, id: number): TopologyGroup | undefined =>
  groups?.find((group) => group.id === id);

export const groupStateOf = (topology: Topology, id: number): GroupState =>
  groupRecord(topology, id)?.state ?? 'active';

/** The groups that are read. */
export const servingGroups = (topology: Topology): number[] =>
  groupsOf(topology).filter((id) => groupStateOf(topology, id) === 'active');

/** Whether shards are brought to the group's nodes, or stay there. */
export const mayHoldShards = (topology: Topology, id: number): boolean => {
  const state = groupStateOf(topology, id);
  return state !== 'draining' && state !== 'removed';
};

/** Of the owners those that are in the group. */
export const ownersIn = (topology: Topology, owners: readonly string[], group: number): string[] =>
  owners.filter((id) => findNode(topology, id)?.group === group);

/**
 * Who of a shard's owners is read: those of groups that serve. Where none of them does, whoever was read stays: an owner
 * of a group that does not serve may not have been compared. One that this topology does not know stays as it is.
 */
export function readersAmong(
  topology: Topology,
  owners: readonly string[],
  readers: readonly string[],
): readonly string[] {
  if ((topology.groups ?? []).length === 0) return owners;
  const serving = owners.filter((id) => {
    const node = findNode(topology, id);
    return node === undefined ? readers.includes(id) : groupStateOf(topology, node.group) === 'active';
  });
  return serving.length === 0 ? readers : serving;
}

/** What a comparison of a shard's owners is noted as: another state of the group, or another owner, makes it none. */
export const comparedText = ({ sinceMs }: TopologyGroup, owners: readonly string[]): string =>
  [sinceMs, ...[...owners].sort()].join(' ');

/** Indexes that the group holds shards of. */
export const indexesIn = <T extends { readonly entry: IndexEntry }>(indexes: readonly T[], group: number): T[] =>
  indexes.filter(({ entry }) => entry.groups.includes(group));
