/**
 * Nodes that have failed: taking them out of the shards that have another copy.
 * The topology says `failed` first, then the tables follow shard by shard; whoever plans goes on with that for as long as
 * a table names a failed node that it need not name, so a planner that dies half-way has only made it later.
 */
import { leave, namedInVain } from '../core/leaving.ts';
import type { PlanningParts } from './parts.ts';

type FailureParts = Omit<PlanningParts, 'runs'>;

export class Failures {
  readonly #parts: FailureParts;
  /** Indexes that need no look before the next sweep, as long as the topology has this version. */
  #done = new Set<string>();
  #version = -1;

  constructor(parts: FailureParts) {
    this.#parts = parts;
  }

  /**
   * Takes failed nodes out of the tables. Shards that are held, and most that settle, are left for the next time. Returns
   * the indexes that changed. `everything`: also the indexes where nothing was left to do.
   */
  async leave(everything: boolean): Promise<readonly string[]> {
    const { records, logger } = this.#parts;
    const { version, nodes } = await records.topology();
    const gone = new Set(nodes.filter(({ state }) => state === 'failed').map(({ id }) => id));
    if (gone.size === 0) return [];
    if (everything || version !== this.#version) this.#done = new Set();
    this.#version = version;
    const changed: string[] = [];
    for (const { uid } of await records.indexes()) {
      if (this.#done.has(uid)) continue;
      const { shards, isDone } = await this.#leaveIndex(uid, gone);
      if (isDone) this.#done.add(uid);
      if (shards === 0) continue;
      changed.push(uid);
      logger.warn({ index: uid, shards, failed: [...gone] }, 'failed nodes left the shards that have another copy');
    }
    return changed;
  }

  async #leaveIndex(uid: string, gone: ReadonlySet<string>): Promise<{ shards: number; isDone: boolean }> {
    const { records, writer } = this.#parts;
    const table = await records.table(uid);
    if (table === null) return { shards: 0, isDone: true };
    const named = table.shards.filter((route) => namedInVain(route, gone).length > 0);
    // A move that is under way may still bring its shard to a node that has just failed.
    const isQuiet = table.shards.every(({ state }) => state === 'stable');
    if (named.length === 0) return { shards: 0, isDone: isQuiet };
    const reads = await Promise.all(named.map(({ shard }) => records.route(uid, shard)));
    const moves = await records.moves(reads.flatMap(({ route }) => route.moveId ?? []));
    const targets = new Map(moves.map(({ id, target }) => [id, target]));
    const changes = reads.flatMap((expected) => {
      const route = leave(expected.route, gone, targets.get(expected.route.moveId ?? '') ?? null);
      if (route === null) return [];
      const nodes = expected.route.owners.filter((id) => !route.owners.includes(id));
      return [{ change: { expected, route }, nodes }];
    });
    return { shards: changes.length === 0 ? 0 : await writer.leave(uid, changes), isDone: false };
  }
}
