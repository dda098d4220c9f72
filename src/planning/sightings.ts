/**
 * Looking at what nodes have: a node that was restarted without its data, or with an older disk, answers like any other,
 * and only what was noted of it before tells. Such a node is handled as failed and recovered: it leaves the shards that
 * have another copy, and moves restore them.
 */
import pLimit from 'p-limit';
import { lookAt, lossOf, sightingOf, type Present } from '../core/sightings.ts';
import { findNode, type NodeState, type TopologyNode } from '../core/topology.ts';
import { isMiroirError } from '../errors.ts';
import type { Permit, SightingRead } from '../ports.ts';
import { readFleet, type PlanningParts } from './parts.ts';

/** Nodes asked at a time. */
const AT_A_TIME = 8;
/** A node that takes longer is looked at the next time. */
const LOOK_MS = 2_000;
/** States in which what a node has is what clients are served: those on their way in are not compared. */
const SERVING = new Set<NodeState>(['active', 'healthy', 'degraded', 'draining']);

interface Look {
  readonly node: string;
  readonly seen: SightingRead | null;
  readonly now: Present;
  readonly loss: string | null;
}

/** Null when the node gives no answer: nothing is known of it then. */
async function lookOnce(
  { nodes, permit, logger }: PlanningParts,
  node: TopologyNode,
  index: string,
  seen: SightingRead | null,
): Promise<Look | null> {
  const brief: Permit = { signal: permit.signal, budgetMs: () => Math.min(LOOK_MS, permit.budgetMs()) };
  try {
    const now = await lookAt(nodes.client(node, brief), index, seen?.sighting ?? null);
    return { node: node.id, seen, now, loss: seen === null ? null : lossOf(seen.sighting, now) };
  } catch (error) {
    if (!isMiroirError(error) || permit.signal.aborted) throw error;
    logger.debug({ node: node.id, index, problem: error.message }, 'a node was not looked at');
    return null;
  }
}

/** Notes what each node of the index has, or has lost. Where most have, somebody made the index itself anew. */
async function noteIndex(parts: PlanningParts, index: string, looks: readonly Look[]): Promise<void> {
  const { writer, logger } = parts;
  const lost = looks.filter(({ loss }) => loss !== null);
  const isAnew = lost.length * 2 > looks.length;
  if (isAnew) {
    const told = lost.map(({ node, loss }) => `${node}: ${loss}`);
    const remedy = 'where nobody did that, bring the data back, or load the documents of the index again';
    logger.error(
      { index, told, remedy },
      'most nodes of an index have other data than before; it is taken as made anew',
    );
  }
  const changes = looks.flatMap(({ node, seen, now, loss }) => {
    const expected = seen?.text ?? null;
    if (loss === null || seen === null) {
      const sighting = sightingOf(seen?.sighting ?? null, now);
      return sighting === null ? [] : [{ node, expected, sighting }];
    }
    if (isAnew) return [{ node, expected, sighting: sightingOf(null, now) }];
    return seen.sighting.lost === undefined ? [{ node, expected, sighting: { ...seen.sighting, lost: loss } }] : [];
  });
  if (changes.length > 0) await writer.noteSightings(index, changes);
}

/** Looks at every node that serves shards. Returns those that have lost data, each with what. */
export async function sightNodes(parts: PlanningParts): Promise<ReadonlyMap<string, string>> {
  const { records, observations } = parts;
  const { topology, indexes } = await readFleet(parts);
  const { reports } = await observations.read();
  const silent = new Set(reports.flatMap(({ nodes }) => [...nodes.keys()]));
  const limit = pLimit(AT_A_TIME);
  const losses = new Map<string, string>();
  await forgetSightings(parts, []);
  for (const { entry, table } of indexes) {
    const seen = await records.sightings(entry.uid);
    const owners = [...new Set(table.shards.flatMap((route) => route.owners))].flatMap((id) => {
      const node = findNode(topology, id);
      return node !== undefined && SERVING.has(node.state) && !silent.has(id) ? [node] : [];
    });
    const looks = await Promise.all(
      owners.map((node) => limit(() => lookOnce(parts, node, entry.uid, seen.get(node.id) ?? null))),
    );
    await noteIndex(
      parts,
      entry.uid,
      looks.flatMap((look) => look ?? []),
    );
    for (const [id, { sighting }] of await records.sightings(entry.uid)) {
      if (sighting.lost !== undefined && owners.some((node) => node.id === id))
        losses.set(id, `index ${entry.uid}: ${sighting.lost}`);
    }
  }
  return losses;
}

/** A node that says it is back: what it has lost is noted, so that nothing is built on the rest. */
export async function sightReturned(parts: PlanningParts, node: TopologyNode): Promise<void> {
  const { records, writer, logger } = parts;
  for (const { uid } of await records.indexes()) {
    const seen = (await records.sightings(uid)).get(node.id);
    if (seen === undefined || seen.sighting.lost !== undefined) continue;
    const loss = (await lookOnce(parts, node, uid, seen))?.loss ?? null;
    if (loss === null) continue;
    logger.warn(
      { node: node.id, index: uid, loss },
      'a node is back with less than it had; its shards are copied anew',
    );
    await writer.noteSightings(uid, [
      { node: node.id, expected: seen.text, sighting: { ...seen.sighting, lost: loss } },
    ]);
  }
}

/** What was seen of nodes that are full members now was theirs before; also what is left of nodes that are gone. */
export async function forgetSightings({ records, writer }: PlanningParts, arrived: readonly string[]): Promise<void> {
  const { nodes } = await records.topology();
  const stays = (id: string): boolean =>
    !arrived.includes(id) && nodes.some((node) => node.id === id && node.state !== 'removed');
  for (const { uid } of await records.indexes()) {
    const gone = [...(await records.sightings(uid))].filter(([id]) => !stays(id));
    if (gone.length === 0) continue;
    await writer.noteSightings(
      uid,
      gone.map(([node, { text }]) => ({ node, expected: text, sighting: null })),
    );
  }
}
