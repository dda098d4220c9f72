/**
 * The duty `deletions`: finishes deletions of indexes that whoever began them could not: nodes were silent, or a gateway
 * died. A node is taken off the record once it has nothing of the index any more.
 *
 * Safe to repeat because: nobody creates the index while the record names a node that has not failed, and nodes that failed
 * are not told; so what is deleted is never what somebody created since. Its record is left to us later than any router's
 * entry can last that knew the index (R1), so nobody writes it any more.
 */
import pLimit from 'p-limit';
import { findNode, isWaitedFor, type TopologyNode } from '../core/topology.ts';
import { isMiroirError } from '../errors.ts';
import type { Deletion, Duty, DutyRun, FleetWriter, Logger, NodeClient, Records } from '../ports.ts';
import { deleteOnNode } from '../routing/delete-on-node.ts';

const NODES_AT_A_TIME = 32;

export interface DeletionsOptions {
  readonly everyMs: number;
  readonly isOn: boolean;
  readonly records: Pick<Records, 'topology' | 'index' | 'deletion' | 'deletionsLeft' | 'runAccepted'>;
  readonly fleet: Pick<FleetWriter, 'toldDeletion'>;
  readonly clientOf: (node: TopologyNode, run: DutyRun) => NodeClient;
  readonly logger: Logger;
}

export function deletionsDuty(options: DeletionsOptions): Duty {
  const { everyMs, isOn, records, fleet, clientOf, logger } = options;

  /** Whether the node has nothing of the index; false when it does not answer, too. */
  const isGoneFrom = async (node: TopologyNode, { index }: Deletion, run: DutyRun): Promise<boolean> => {
    try {
      return (await deleteOnNode(clientOf(node, run), index)) === null;
    } catch (error) {
      run.signal.throwIfAborted();
      if (!isMiroirError(error)) throw error;
      logger.warn({ node: node.id, index, problem: error.message }, 'a node is not told yet of a deletion');
      return false;
    }
  };

  return {
    name: 'deletions',
    everyMs,
    isOn,
    async tasks() {
      return records.deletionsLeft();
    },
    async run(index, run) {
      const deletion = await records.deletion(index);
      if (deletion === null) return { left: 0 };
      // A Redis that lost writes may show a deletion that is over, or an index beside its deletion.
      if (!(await records.runAccepted()) || (await records.index(index)) !== null) return { skipped: 'registered' };
      const topology = await records.topology();
      const limit = pLimit(NODES_AT_A_TIME);
      const told = await Promise.all(
        deletion.nodes.map(async (id) => {
          const node = findNode(topology, id);
          if (node === undefined || node.state === 'removed') return [id];
          const isGone = isWaitedFor(node) && (await limit(() => isGoneFrom(node, deletion, run)));
          return isGone ? [id] : [];
        }),
      );
      const gone = told.flat();
      run.signal.throwIfAborted();
      await fleet.toldDeletion(deletion, gone);
      return { left: deletion.nodes.length - gone.length };
    },
  };
}
