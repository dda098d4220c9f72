/** Nodes that join or are restored: one that waits for no shard any more is a full member. */
import { arrived, type Topology } from '../core/topology.ts';
import { EVERY_INDEX, type PlanningParts } from './parts.ts';
import { forgetBefore } from './sightings.ts';
import { brings } from './sweep.ts';

export class Arrivals {
  readonly #parts: PlanningParts;
  /** By arriving node: a move that brings it a shard. */
  readonly #bringing = new Map<string, string>();

  constructor(parts: PlanningParts) {
    this.#parts = parts;
  }

  /**
   * Makes nodes active that have arrived, and lets those go on that were to leave. Returns why every index is to be planned
   * now; null when none has to be.
   */
  async activate(topology: Topology): Promise<string | null> {
    const { writer, logger } = this.#parts;
    const arriving = topology.nodes.filter(({ state }) => state === 'joining' || state === 'restoring');
    if (arriving.length === 0 || (await writer.unplanned()).length > 0) return null;
    const awaiting = await Promise.all(arriving.map(({ id }) => this.#isAwaited(id)));
    const there = arriving.filter((_, at) => awaiting[at] === false);
    if (there.length === 0) return null;
    const changes = there.map((node) => ({ id: node.id, node: arrived(node) }));
    const arrivedIds = there.map((node) => node.id);
    // While they were on their way nobody looked; what was seen before that is no measure any more.
    await forgetBefore(this.#parts, arrivedIds);
    const mayUnblock = there.some(({ state }) => state === 'restoring');
    const ids = arrivedIds.join(', ');
    const why = `${ids} arrived`;
    await writer.commitTopology(topology.version, changes, { why, ...(mayUnblock ? { plan: EVERY_INDEX } : {}) });
    const leaving = changes.filter(({ node }) => node.state === 'draining').map(({ id }) => id);
    logger.info(
      { nodes: ids, leaving },
      'nodes have arrived: those that were drained before they failed go on with that',
    );
    return mayUnblock ? why : null;
  }

  /** Asked every second: as long as the move found last is under way, the hundreds of others need not be read. */
  async #isAwaited(nodeId: string): Promise<boolean> {
    const { records } = this.#parts;
    if (await this.#isOwnerInVain(nodeId)) return true;
    const known = await records.move(this.#bringing.get(nodeId) ?? '');
    if (known !== null && brings(known, nodeId)) return true;
    const next = (await records.unfinishedMoves()).find((move) => brings(move, nodeId));
    if (next === undefined) this.#bringing.delete(nodeId);
    else this.#bringing.set(nodeId, next.id);
    return next !== undefined;
  }

  /** Whether a shard changes owners that has the node among the old ones, though it is known to have lost what it had. */
  async #isOwnerInVain(nodeId: string): Promise<boolean> {
    const { records } = this.#parts;
    for (const { uid } of await records.indexes()) {
      if ((await records.sightings(uid)).get(nodeId)?.sighting.lost === undefined) continue;
      const routes = ((await records.table(uid))?.shards ?? []).filter(
        ({ state, owners }) => (state === 'held' || state === 'settling') && owners.includes(nodeId),
      );
      const moves = await records.moves(routes.flatMap(({ moveId }) => moveId ?? []));
      if (moves.some(({ target }) => target !== nodeId)) return true;
    }
    return false;
  }
}
