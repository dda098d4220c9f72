/**
 * Looking at what nodes have: a node that was restarted without its data, or with an older disk, answers like any other,
 * and only what was noted of it before tells. Such a node is handled as failed and recovered: it leaves the shards that
 * have another copy, and moves restore them.
 */
import pLimit from 'p-limit';
import { answers } from '../core/answers.ts';
import { countsOn } from '../core/leaving.ts';
import { isUnchanged, lookAt, lossOf, newestTask, sightingOf, type Newest, type Present } from '../core/sightings.ts';
import type { IndexEntry } from '../core/routing.ts';
import type { NodeState, TopologyNode } from '../core/topology.ts';
import { isMiroirError } from '../errors.ts';
import type { NodeClient, SightingRead } from '../ports.ts';
import type { PlanningParts } from './parts.ts';

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
async function answer<T>(
  { logger, permit }: PlanningParts,
  node: TopologyNode,
  ask: () => Promise<T>,
): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (!isMiroirError(error) || permit.signal.aborted) throw error;
    logger.debug({ node: node.id, problem: error.message }, 'a node was not looked at');
    return null;
  }
}

/**
 * Looks at nodes, but at none again that gave no answer: one that hangs must not cost its time-out once for each index.
 * Null for what was not looked at.
 */
function looksOf(parts: PlanningParts): <T>(node: TopologyNode, ask: () => Promise<T>) => Promise<T | null> {
  const limit = pLimit(AT_A_TIME);
  const silent = new Set<string>();
  return (node, ask) =>
    limit(async () => {
      if (silent.has(node.id)) return null;
      const answered = await answer(parts, node, ask);
      if (answered === null) silent.add(node.id);
      return answered;
    });
}

/** A client that gives up soon. */
const brief = ({ nodes, permit }: PlanningParts, node: TopologyNode): NodeClient =>
  nodes.client(node, { signal: permit.signal, budgetMs: () => Math.min(LOOK_MS, permit.budgetMs()) });

async function lookOnce(
  parts: PlanningParts,
  node: TopologyNode,
  index: string,
  { seen, newest }: { readonly seen: SightingRead | null; readonly newest: Newest },
): Promise<Look> {
  const sighting = seen?.sighting ?? null;
  if (sighting !== null && isUnchanged(sighting, newest)) {
    return { node: node.id, seen, now: { ...sighting, seenAt: newest.enqueuedAt }, loss: null };
  }
  const now = await lookAt(brief(parts, node), index, sighting, newest);
  return { node: node.id, seen, now, loss: sighting === null ? null : lossOf(sighting, now) };
}

/**
 * Notes what each node of the index has, or has lost. Where most of all its owners have, also of those that do not answer,
 * somebody made the index itself anew.
 */
async function noteIndex(parts: PlanningParts, index: string, owners: number, looks: readonly Look[]): Promise<void> {
  const { writer, logger } = parts;
  const lost = looks.filter(({ loss }) => loss !== null);
  const isAnew = lost.length * 2 > owners;
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
    if (loss !== null && seen !== null && !isAnew) {
      return seen.sighting.lost === undefined ? [{ node, expected, sighting: { ...seen.sighting, lost: loss } }] : [];
    }
    const sighting = sightingOf(now);
    const isKnown = seen === null ? sighting === null : loss === null && isUnchanged(seen.sighting, now);
    return isKnown ? [] : [{ node, expected, sighting }];
  });
  if (changes.length > 0) await writer.noteSightings(index, changes);
}

/** The newest tasks of nodes that serve and answer; one request each. */
async function newestOf(parts: PlanningParts): Promise<ReadonlyMap<TopologyNode, Newest>> {
  const { nodes } = await parts.records.topology();
  const limit = pLimit(AT_A_TIME);
  const serving = nodes.filter(({ state }) => SERVING.has(state));
  const found = await Promise.all(
    serving.map((node) =>
      limit(async () => [node, await answer(parts, node, () => newestTask(brief(parts, node)))] as const),
    ),
  );
  return new Map(found.flatMap(([node, newest]) => (newest === null ? [] : [[node, newest] as const])));
}

/**
 * Looks at every node that serves shards. Returns those that have lost data, each with what. A node that had no task since
 * costs one small request, another one two more for each index.
 */
export async function sightNodes(parts: PlanningParts): Promise<ReadonlyMap<string, string>> {
  const { records } = parts;
  const look = looksOf(parts);
  const losses = new Map<string, string>();
  await forgetSightings(parts, []);
  const newest = await newestOf(parts);
  for (const { uid } of await records.indexes()) {
    const owners = new Set((await records.table(uid))?.shards.flatMap((route) => route.owners));
    const seen = await records.sightings(uid);
    const asked = [...newest].filter(([{ id }]) => owners.has(id));
    const looks = await Promise.all(
      asked.map(([node, task]) =>
        look(node, () => lookOnce(parts, node, uid, { seen: seen.get(node.id) ?? null, newest: task })),
      ),
    );
    await noteIndex(
      parts,
      uid,
      owners.size,
      looks.flatMap((one) => one ?? []),
    );
    const noted = await records.sightings(uid);
    for (const [{ id }] of asked) {
      const lost = noted.get(id)?.sighting.lost;
      if (lost !== undefined) losses.set(id, `index ${uid}: ${lost}`);
    }
  }
  return losses;
}

/**
 * A shard that still counts on a copy which the node is known to have lost, `<index>/<shard>`: a failed node does not leave
 * one that is held or settles (`core/leaving.ts`), and taken back meanwhile it would stay its owner. Null where there is none.
 */
export async function shardOnLost({ records }: Pick<PlanningParts, 'records'>, id: string): Promise<string | null> {
  for (const { uid } of await records.indexes()) {
    if ((await records.sightings(uid)).get(id)?.sighting.lost === undefined) continue;
    const route = (await records.table(uid))?.shards.find((one) => countsOn(one, id));
    if (route !== undefined) return `${uid}/${route.shard}`;
  }
  return null;
}

/** Nodes that were failed by sight because they lost data, and may be taken back: nothing counts on that any more. */
export async function lostAndFree(parts: PlanningParts): Promise<readonly TopologyNode[]> {
  const { records } = parts;
  const lost = new Set<string>();
  for (const { uid } of await records.indexes())
    for (const [id, { sighting }] of await records.sightings(uid)) if (sighting.lost !== undefined) lost.add(id);
  const free: TopologyNode[] = [];
  for (const node of (await records.topology()).nodes) {
    const isOurs = node.state === 'failed' && node.seen?.failed === true && lost.has(node.id);
    if (isOurs && (await shardOnLost(parts, node.id)) === null) free.push(node);
  }
  return free;
}

/** Those of the nodes that answer. */
export async function answering(parts: PlanningParts, nodes: readonly TopologyNode[]): Promise<ReadonlySet<string>> {
  const limit = pLimit(AT_A_TIME);
  const asked = await Promise.all(nodes.map((node) => limit(() => answers(brief(parts, node)))));
  return new Set(nodes.filter((_, at) => asked[at]).map(({ id }) => id));
}

/** A node that says it is back: what it has lost is noted, so that nothing is built on the rest. */
export async function sightReturned(parts: PlanningParts, node: TopologyNode): Promise<void> {
  const { records, writer, logger } = parts;
  const newest = await answer(parts, node, () => newestTask(brief(parts, node)));
  if (newest === null) return;
  const look = looksOf(parts);
  const lookAtIndex = async ({ uid }: IndexEntry): Promise<void> => {
    const seen = (await records.sightings(uid)).get(node.id);
    if (seen === undefined || seen.sighting.lost !== undefined) return;
    const loss = (await look(node, () => lookOnce(parts, node, uid, { seen, newest })))?.loss ?? null;
    if (loss === null) return;
    logger.warn(
      { node: node.id, index: uid, loss },
      'a node is back with less than it had; its shards are copied anew',
    );
    await writer.noteSightings(uid, [
      { node: node.id, expected: seen.text, sighting: { ...seen.sighting, lost: loss } },
    ]);
  };
  await Promise.all((await records.indexes()).map(lookAtIndex));
}

/**
 * Of nodes that have lost data nobody asks any more what they had when they left a shard: that they lack a document of it
 * would look like a delete. To be called before their sightings go, which say so until then.
 */
async function forgetFormer({ records, repairs }: PlanningParts, arrived: readonly string[]): Promise<void> {
  for (const { uid } of await records.indexes()) {
    const seen = await records.sightings(uid);
    const lost = arrived.filter((id) => seen.get(id)?.sighting.lost !== undefined);
    if (lost.length === 0) continue;
    const shards = (await records.table(uid))?.shards ?? [];
    for (const { shard, owner } of await repairs.sizes(uid)) {
      if (!lost.includes(owner) || shards[shard]?.owners.includes(owner) === true) continue;
      const whole = (await repairs.scores(uid, shard, [owner], [])).get(owner)?.whole ?? null;
      if (whole !== null) await repairs.clear(uid, shard, owner, new Map([['*', whole]]));
    }
  }
}

/** What they had before says nothing of nodes that are members from now on. */
export async function forgetBefore(parts: PlanningParts, ids: readonly string[]): Promise<void> {
  await forgetFormer(parts, ids);
  await forgetSightings(parts, ids);
}

/** What was seen of nodes that are full members now was theirs before; also what is left of nodes that are gone. */
async function forgetSightings({ records, writer }: PlanningParts, arrived: readonly string[]): Promise<void> {
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
