/**
 * The duty `untagged`: writes that went past routers, straight to a node. They reach neither other owners nor a move's
 * journal, so nobody can carry them over; all that can be done is to say whose they are. Told by the tags in the nodes'
 * task lists, above the newest task that was looked at before; and by documents that lack our fields.
 */
import { isWaitedFor, type TopologyNode } from '../core/topology.ts';
import { isOwnTag } from '../core/write-tag.ts';
import { isMiroirError } from '../errors.ts';
import type { Duty, DutyRun, Logger, NodeClient, NodeTask, Observer, Records, TaskMark, TaskMarks } from '../ports.ts';
import { UNSPLIT_FILTER } from '../routing/fields.ts';

export interface UntaggedOptions {
  readonly everyMs: number;
  readonly isOn: boolean;
  readonly records: Pick<Records, 'topology' | 'indexes'>;
  readonly marks: TaskMarks;
  readonly clientOf: (node: TopologyNode, run: DutyRun) => NodeClient;
  readonly observer: Pick<Observer, 'untagged' | 'unsplit'>;
  readonly logger: Logger;
}

/** The only tasks that a node keeps a tag of. */
const WRITES = ['documentAdditionOrUpdate', 'documentEdition', 'documentDeletion'] as const;
const PAGE_TASKS = 500;
/** In one round; the next one goes on. */
const PAGES = 20;
/** Tasks that are named, for each node in a round; the rest is counted. */
const NAMED = 10;

interface Looked {
  readonly untagged: number;
  readonly unsplit: number;
}

export function untaggedDuty(options: UntaggedOptions): Duty {
  const { everyMs, isOn, records, marks, clientOf, observer, logger } = options;

  const tell = (node: string, index: string, { uid: task, type, enqueuedAt }: NodeTask): void =>
    logger.warn({ node, index, task, type, enqueuedAt }, 'a write that came to a node past all routers');

  /** Null where the node does not answer, or has no such index. */
  const lookAt = async (
    node: TopologyNode,
    index: string,
    mark: TaskMark | undefined,
    run: DutyRun,
  ): Promise<Looked | null> => {
    try {
      const client = clientOf(node, run);
      const found = await client.index(index);
      if (found === null) return null;
      const seen = await untaggedAbove(client, index, found.createdAt, mark);
      seen.untagged.slice(0, NAMED).forEach((task) => tell(node.id, index, task));
      await marks.write(run.lease, index, node.id, { created: found.createdAt, uid: seen.uid });
      return { untagged: seen.untagged.length, unsplit: await client.count(index, UNSPLIT_FILTER) };
    } catch (error) {
      run.signal.throwIfAborted();
      if (!isMiroirError(error)) throw error;
      logger.debug({ node: node.id, index, problem: error.message }, 'task list of a node not looked at');
      return null;
    }
  };

  return {
    name: 'untagged',
    everyMs,
    isSlow: true,
    isOn,
    async tasks() {
      return (await records.indexes()).map(({ uid }) => uid);
    },
    async run(index, run) {
      const { nodes } = await records.topology();
      const known = await marks.read(index);
      let [untagged, unsplit] = [0, 0];
      for (const node of nodes.filter(isWaitedFor)) {
        const looked = await lookAt(node, index, known.get(node.id), run);
        if (looked === null) continue;
        observer.untagged(index, node.id, looked.untagged);
        observer.unsplit(index, node.id, looked.unsplit);
        untagged += looked.untagged;
        unsplit += looked.unsplit;
        if (looked.unsplit === 0) continue;
        logger.warn(
          { index, node: node.id, documents: looked.unsplit },
          'documents without our fields, written past all routers: nobody reads them, and no move carries them',
        );
      }
      return { untagged, unsplit };
    },
  };
}

/** Without a mark that fits, only from now on: what came before the index was ours is nobody's fault. */
async function untaggedAbove(
  client: NodeClient,
  index: string,
  created: string,
  mark: TaskMark | undefined,
): Promise<{ readonly untagged: readonly NodeTask[]; readonly uid: number }> {
  const [last] = await client.tasks({ index, limit: 1 });
  const newest = last?.uid ?? -1;
  if (mark === undefined || mark.created !== created || newest < mark.uid) return { untagged: [], uid: newest };
  const untagged: NodeTask[] = [];
  let { uid } = mark;
  for (let page = 0; page < PAGES && uid < newest; page += 1) {
    const asked = { index, types: WRITES, from: uid + 1, reverse: true, limit: PAGE_TASKS };
    const tasks = await client.tasks(asked);
    untagged.push(...tasks.filter(({ customMetadata }) => !isOwnTag(customMetadata)));
    const seen = tasks.at(-1)?.uid ?? uid;
    uid = tasks.length < PAGE_TASKS ? Math.max(seen, newest) : seen;
  }
  return { untagged, uid };
}
