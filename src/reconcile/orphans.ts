/**
 * The duty `orphans`: what no record stands behind any more. Jobs of moves that are over are taken out (a job is a nudge,
 * so nothing is lost with it). Documents on a node that neither owns their shard nor is being given it are counted and
 * told: they are never read, a move clears them before it brings the shard there, and the copy of a node that failed may be
 * the only one that has some write. Those of which that is sure not to be so are deleted where an operator has switched it
 * on (`leftovers.ts`).
 */
import { leftoverFilter, shardsAt } from '../core/belonging.ts';
import { isWaitedFor, type TopologyNode } from '../core/topology.ts';
import { isMiroirError } from '../errors.ts';
import type { Duty, DutyRun, Logger, NodeClient, Observer, Records, StrayJobs } from '../ports.ts';

export interface OrphansOptions {
  readonly everyMs: number;
  readonly isOn: boolean;
  readonly records: Pick<Records, 'topology' | 'indexes' | 'table' | 'unfinishedMoves'>;
  readonly strays: StrayJobs;
  readonly clientOf: (node: TopologyNode, run: DutyRun) => NodeClient;
  /** Deletes those that nothing is lost with, and says how many; absent: they are told only. */
  readonly deleteLeftovers?: ((index: string, run: DutyRun) => Promise<number>) | undefined;
  readonly observer: Pick<Observer, 'leftovers'>;
  readonly logger: Logger;
}

export function orphansDuty(options: OrphansOptions): Duty {
  const { everyMs, isOn, records, strays, clientOf, deleteLeftovers, observer, logger } = options;

  /** Null where the node does not answer, or does not know our fields. */
  const leftoversOn = async (node: TopologyNode, index: string, run: DutyRun): Promise<number | null> => {
    try {
      const client = clientOf(node, run);
      if ((await client.index(index)) === null) return 0;
      // Read anew: a move that has begun since brings documents that belong there.
      const table = await records.table(index);
      if (table === null) return null;
      const shards = shardsAt(node.id, table, await records.unfinishedMoves());
      return await client.count(index, leftoverFilter(shards));
    } catch (error) {
      run.signal.throwIfAborted();
      if (!isMiroirError(error)) throw error;
      logger.debug({ node: node.id, index, problem: error.message }, 'leftovers not counted on a node');
      return null;
    }
  };

  return {
    name: 'orphans',
    everyMs,
    isSlow: true,
    isOn,
    async tasks() {
      return (await records.indexes()).map(({ uid }) => uid);
    },
    async run(index, run) {
      const jobsRemoved = await strays.remove(index);
      if (jobsRemoved > 0) logger.warn({ index, jobs: jobsRemoved }, 'jobs that belong to no move were taken out');
      const { nodes } = await records.topology();
      let leftovers = 0;
      for (const node of nodes.filter(isWaitedFor)) {
        const count = await leftoversOn(node, index, run);
        if (count === null) continue;
        observer.leftovers(index, node.id, count);
        leftovers += count;
        if (count === 0) continue;
        logger.warn(
          { index, node: node.id, documents: count },
          'documents of shards that the node neither owns nor is being given; nobody reads them',
        );
      }
      const deleted = leftovers === 0 ? 0 : ((await deleteLeftovers?.(index, run)) ?? 0);
      if (deleted > 0)
        logger.info({ index, documents: deleted }, 'left over documents that all owners have were deleted');
      return { jobsRemoved, leftovers, deleted };
    },
  };
}
