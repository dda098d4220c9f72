/** The first half minute of the demo: an index on three nodes, with its documents; and what nodes hold. */
import { addIndex } from '../../control/indexes.ts';
import { initFleet } from '../../control/nodes.ts';
import type { TopologyNode } from '../../core/topology.ts';
import { IndexConflictError, InvariantError } from '../../errors.ts';
import { loadDocuments } from '../../routing/load.ts';
import type { Control } from '../../service.ts';
import { type City, piecesOf } from './cities.ts';
import type { DemoNode } from './fleet.ts';
import type { Screen } from './screen.ts';
import { type Holdings, seconds } from './table.ts';
import { count } from './watch.ts';

export const INDEX = 'cities';
export const SHARDS = 64;

/** An index is deleted on a busy node within a batch or two. */
const DELETE_MS = 60_000;

export const asTopologyNode = (node: DemoNode): TopologyNode => ({ ...node, group: 0, state: 'active' });

/** An index of that name that is not ours must be neither moved nor deleted. Also finds nodes that do not answer. */
export async function assertUnused(control: Control, nodes: readonly DemoNode[]): Promise<void> {
  for (const node of nodes) {
    if ((await control.clientOf(asTopologyNode(node)).index(INDEX)) === null) continue;
    throw new IndexConflictError(`node ${node.id} (${node.url}) has an index ${INDEX} already`, {
      field: '--nodes',
      remedy: `delete the index ${INDEX} there, or give nodes that may be used for a demo`,
    });
  }
}

/** Asks each node to delete the demo's index; the nodes are somebody's, and left as they were found. */
export async function removeIndexes(nodes: readonly DemoNode[], apiKey: string | undefined): Promise<void> {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const removals = nodes.map(async ({ id, url }) => {
    const response = await fetch(`${url}/indexes/${INDEX}`, {
      method: 'DELETE',
      headers,
      signal: AbortSignal.timeout(DELETE_MS),
    });
    await response.body?.cancel();
    if (!response.ok && response.status !== 404) {
      throw new Error(`node ${id} did not take the deletion of index ${INDEX}: HTTP ${response.status}`);
    }
  });
  await Promise.all(removals);
}

export interface LoadInput {
  readonly control: Control;
  readonly screen: Screen;
  readonly cities: readonly City[];
  readonly nodes: readonly DemoNode[];
  readonly signal: AbortSignal;
}

export async function loadCities({ control, screen, cities, nodes, signal }: LoadInput): Promise<void> {
  const startedMs = performance.now();
  await initFleet(control, nodes);
  const entry = await addIndex(control, {
    uid: INDEX,
    primaryKey: 'cityId',
    shards: SHARDS,
    replicationFactor: 1,
    searchableAttributes: ['name', 'altName'],
    signal,
  });
  const table = await control.records.table(INDEX);
  if (table === null) throw new InvariantError(`index ${INDEX} was created and has no routing table`);
  const clients = new Map(nodes.map((node) => [node.id, control.clientOf(asTopologyNode(node))]));
  const show = (applied: number): void => {
    const text = `${count(applied)}/${count(cities.length)} documents`;
    screen.bars([{ label: 'loading', share: applied / cities.length, text }], `loading, ${text}`);
  };
  const { copiesApplied } = await loadDocuments({
    clientOf(id) {
      const client = clients.get(id);
      if (client === undefined) throw new InvariantError(`the routing table names node ${id}, which was not started`);
      return client;
    },
    entry,
    table,
    documents: piecesOf(cities),
    clock: control.clock,
    tag: 'demo',
    signal,
    onProgress: (progress) => show(progress.copiesApplied),
  });
  screen.clear();
  const took = seconds(performance.now() - startedMs);
  screen.say(`  ${count(copiesApplied)} documents loaded into index ${INDEX} in ${took}`);
}

/** What each node holds, by its own count. */
export async function holdingsOf(control: Control, nodes: readonly DemoNode[]): Promise<Holdings> {
  const table = await control.records.table(INDEX);
  const held = await Promise.all(
    nodes.map(async (node) => {
      const { documents, bytes } = await control.clientOf(asTopologyNode(node)).indexStats(INDEX);
      const shards = table?.shards.filter(({ owners }) => owners.includes(node.id)).length ?? 0;
      return [node.id, { shards, documents, bytes }] as const;
    }),
  );
  return new Map(held);
}
