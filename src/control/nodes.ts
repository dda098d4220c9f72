/** Nodes of a fleet: the first ones, what each holds, and taking one out. */
import { nodeIdSchema, nodeUrlSchema } from '../core/events.ts';
import { groupStateOf, type GroupState } from '../core/groups.ts';
import type { NodeState, TopologyNode } from '../core/topology.ts';
import { ConflictError, InvalidInputError, NodeConflictError } from '../errors.ts';
import { audited } from './audited.ts';
import { type FleetRead, readFleet } from './fleet-read.ts';
import { indexParts, sumOf } from './index-part.ts';
import type { ChangeParts, ControlParts } from './parts.ts';

export type FirstNode = Pick<TopologyNode, 'id' | 'url' | 'apiKeyRef'> & { readonly group?: number };

/**
 * The first topology of a fleet: these nodes are active at once, since there is nothing to move yet. Throws
 * `ConflictError` when there is a topology already.
 */
export async function initFleet(parts: ChangeParts, nodes: readonly FirstNode[]): Promise<void> {
  const checked = nodes.map(({ id, url, apiKeyRef, group = 0 }): TopologyNode => {
    const origin = nodeUrlSchema.safeParse(url);
    const isId = nodeIdSchema.safeParse(id).success;
    if (!isId || !origin.success) {
      throw new InvalidInputError(`node ${id} at ${url} cannot be a node`, {
        field: isId ? 'url' : 'node_id',
        remedy: 'give an id of letters, digits, dots and dashes, and http(s)://host:port',
      });
    }
    return { id, url: origin.data, group, state: 'active', ...(apiKeyRef === undefined ? {} : { apiKeyRef }) };
  });
  for (const field of ['id', 'url'] as const) {
    const seen = new Set(checked.map((node) => node[field]));
    if (seen.size === checked.length) continue;
    throw new NodeConflictError(`two nodes have the same ${field}`, {
      field: field === 'id' ? 'node_id' : 'url',
      remedy: 'give each node its own',
    });
  }
  if ((await parts.records.topology()).version > 0) {
    throw new ConflictError('there is a topology already', {
      field: 'nodes',
      remedy: 'add nodes one by one: `miroir node add`',
    });
  }
  await audited(parts, 'fleet init', { nodes: checked.map(({ id }) => id).join(',') }, async () => {
    for (const node of checked) await parts.clientOf(node).version();
    await parts.fleet.initTopology(checked);
  });
}

export interface NodeView {
  readonly id: string;
  readonly group: number;
  readonly groupState: GroupState;
  readonly state: NodeState;
  /** Since when (ms) it is failed; null in every other state. */
  readonly failedAtMs: number | null;
  /** Failed: until then (ms) its copies are not restored elsewhere, since it may come back; null otherwise. */
  readonly repairAtMs: number | null;
  /** It failed while it was drained, and goes on with that when it is back. */
  readonly drainWished: boolean;
  /** It is drained: nothing is left on it, and no move needs it. It may be removed. */
  readonly drained: boolean;
  /** What it had lost when it came back, until it is restored; null when nothing tells so. */
  readonly lost: string | null;
  readonly url: string;
  /** Copies of shards over all indexes. */
  readonly shards: number;
  /** Moves that bring a shard here or take one away, up to the switch. */
  readonly movesIn: number;
  readonly movesOut: number;
  /** Copies that are kept for their grace. */
  readonly inGrace: number;
  /** What observers hold against it. */
  readonly note: string | null;
}

/** How often, and that it does not come back at once, is for who reads it to act on. */
function noteOf({ seen }: TopologyNode): string | null {
  if (seen?.why === undefined) return null;
  const by = seen.failed === true ? `observers: ${seen.why}` : seen.why;
  const times = seen.failuresAtMs?.length ?? 0;
  return seen.flapping === true ? `${by}; flapping: at least ${times} failures, back after long good answers` : by;
}

export const listNodes = async (parts: Pick<ControlParts, 'records'>): Promise<NodeView[]> =>
  viewNodes(parts, await readFleet(parts));

export async function viewNodes({ records }: Pick<ControlParts, 'records'>, fleet: FleetRead): Promise<NodeView[]> {
  const { topology, indexes } = fleet;
  const seen = await records.sightingsOf(indexes.map(({ entry }) => entry.uid));
  const lost = new Map<string, string>();
  for (const [at, { entry }] of indexes.entries()) {
    for (const [id, { sighting }] of seen[at] ?? [])
      if (sighting.lost !== undefined) lost.set(id, `index ${entry.uid}: ${sighting.lost}`);
  }
  const parts = indexParts(fleet);
  return [...topology.nodes]
    .sort((a, b) => a.group - b.group || (a.id < b.id ? -1 : 1))
    .map((node) => ({ ...node, note: noteOf(node) }))
    .map(({ id, group, state, url, note, failedAtMs = null, repairAtMs = null, drainWished = false }) => {
      const shards = sumOf(parts, ({ copies }) => copies, id);
      const movesOut = sumOf(parts, ({ out }) => out, id);
      const inGrace = sumOf(parts, (part) => part.inGrace, id);
      return {
        id,
        group,
        groupState: groupStateOf(topology, group),
        state,
        failedAtMs,
        repairAtMs,
        drainWished,
        drained: state === 'draining' && shards + movesOut + inGrace === 0,
        lost: lost.get(id) ?? null,
        url,
        note,
        shards,
        movesIn: sumOf(parts, ({ into }) => into, id),
        movesOut,
        inGrace,
      };
    });
}
