/**
 * Who is read follows from which replica groups are active. The topology says so first, then the tables follow shard by
 * shard; whoever plans goes on with that for as long as a table differs, so a planner that dies half-way has only made it
 * later. A shard that is held or settles is left: the end of its move looks at the groups itself.
 */
import { readersAmong } from '../core/groups.ts';
import type { ShardRoute } from '../core/routing.ts';
import type { Topology } from '../core/topology.ts';
import type { RouteChange } from '../ports.ts';
import type { PlanningParts } from './parts.ts';

type ReaderParts = Pick<PlanningParts, 'records' | 'writer' | 'logger'>;

const inMotion = ({ state }: ShardRoute): boolean => state === 'held' || state === 'settling';

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((id) => b.includes(id));

export class Readers {
  readonly #parts: ReaderParts;
  /** Indexes that need no look before the next sweep, as long as the topology has this version. */
  #done = new Set<string>();
  #version = -1;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** `everything`: also the indexes where nothing was left to do. */
  async follow(everything: boolean): Promise<void> {
    const { records, logger } = this.#parts;
    const topology = await records.topology();
    if (topology.groups === undefined) return;
    if (everything || topology.version !== this.#version) this.#done = new Set();
    this.#version = topology.version;
    for (const { uid } of await records.indexes()) {
      if (this.#done.has(uid)) continue;
      const { shards, isDone } = await this.#followIndex(uid, topology);
      if (isDone) this.#done.add(uid);
      if (shards > 0) logger.info({ index: uid, shards }, 'readers follow the states of replica groups');
    }
  }

  async #followIndex(uid: string, topology: Topology): Promise<{ shards: number; isDone: boolean }> {
    const { records, writer } = this.#parts;
    const table = await records.table(uid);
    if (table === null) return { shards: 0, isDone: true };
    const wanted = ({ owners, readers }: ShardRoute): readonly string[] => readersAmong(topology, owners, readers);
    const differs = (route: ShardRoute): boolean => !inMotion(route) && !isSame(wanted(route), route.readers);
    const reads = await Promise.all(table.shards.filter(differs).map(({ shard }) => records.route(uid, shard)));
    const changes: RouteChange[] = reads
      .filter(({ route }) => differs(route))
      .map((expected) => ({ expected, route: { ...expected.route, readers: wanted(expected.route) } }));
    const shards = changes.length === 0 ? 0 : await writer.setReaders(uid, changes);
    return { shards, isDone: changes.length === 0 && !table.shards.some(inMotion) };
  }
}
