/** Nodes that owned a shard and still have a copy of it, and which of them are believed. */
import type { IndexEntry, ShardRoute } from '../core/routing.ts';
import { lossSince } from '../core/sightings.ts';
import { findNode, type Topology } from '../core/topology.ts';
import { isMiroirError } from '../errors.ts';
import type { DutyRun, Logger, Nodes, Records, RepairLists } from '../ports.ts';

export interface FormerParts {
  readonly records: Pick<Records, 'move' | 'sightings'>;
  readonly repairs: Pick<RepairLists, 'sizes' | 'scores'>;
  readonly nodes: Pick<Nodes, 'client'>;
  readonly logger: Logger;
}

export const isThere = (topology: Topology, id: string): boolean =>
  (findNode(topology, id)?.state ?? 'removed') !== 'removed';

/**
 * Nodes that left the shard when they failed, and the one that a move took it from and that still keeps it: until when
 * each had what was written (Redis time, us).
 */
export async function formerOwners(
  { records, repairs }: FormerParts,
  index: string,
  { shard, owners, state, moveId }: ShardRoute,
): Promise<ReadonlyMap<string, number>> {
  const lists = (await repairs.sizes(index)).filter((list) => list.shard === shard && !owners.includes(list.owner));
  const missed = await repairs.scores(
    index,
    shard,
    lists.map(({ owner }) => owner),
    [],
  );
  const former = new Map<string, number>();
  for (const [node, { whole }] of missed) if (whole !== null) former.set(node, Number(whole));
  const move = state === 'settled' && moveId !== undefined ? await records.move(moveId) : null;
  const retires = move?.retires ?? null;
  if (move !== null && retires !== null && !owners.includes(retires) && !former.has(retires))
    former.set(retires, (move.switchedAtMs ?? 0) * 1_000);
  return former;
}

/** Without those that came back with less than they had: what such a node lacks says nothing of what was deleted. */
export async function trusted(
  { records, nodes, logger }: FormerParts,
  { uid }: IndexEntry,
  topology: Topology,
  formerUs: ReadonlyMap<string, number>,
  { lease, signal }: DutyRun,
): Promise<ReadonlyMap<string, number>> {
  if (formerUs.size === 0) return formerUs;
  const sightings = await records.sightings(uid);
  const kept = new Map<string, number>();
  for (const [id, untilUs] of formerUs) {
    const seen = sightings.get(id)?.sighting;
    const node = findNode(topology, id);
    try {
      const client = node && nodes.client(node, { signal, budgetMs: () => lease.budgetMs() });
      if (client && seen && (await lossSince(client, uid, seen)) !== null) continue;
    } catch (error) {
      signal.throwIfAborted();
      if (!isMiroirError(error)) throw error;
      // It may be the only one that has something, and is waited for.
      logger.debug({ node: id, problem: error.message }, 'a former owner cannot be looked at');
    }
    kept.set(id, untilUs);
  }
  return kept;
}
