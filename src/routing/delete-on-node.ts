/** Telling one node that an index was deleted. */
import type { NodeClient } from '../ports.ts';

/**
 * The node's task that deletes the index; null when it has nothing of it. Safe to repeat: a deletion that waits on the
 * node already is not sent again.
 */
export async function deleteOnNode(client: NodeClient, uid: string): Promise<number | null> {
  const [newest] = await client.tasks({ index: uid, statuses: ['enqueued', 'processing'], limit: 1 });
  if (newest?.type === 'indexDeletion') return newest.uid;
  // A write that still waits would bring the index back.
  if (newest === undefined && (await client.index(uid)) === null) return null;
  return client.deleteIndex(uid);
}
