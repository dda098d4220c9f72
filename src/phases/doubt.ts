/** A node that comes back is believed as far as somebody had looked at it before, and it still has what was seen then. */
import { lookAt, lossOf, newestTask } from '../core/sightings.ts';
import type { NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';

/** Why what the node holds is not to be built on; null when nothing speaks against it. */
export async function doubtOf({ records, entry }: PhaseContext, node: NodeClient): Promise<string | null> {
  const seen = (await records.sightings(entry.uid)).get(node.node.id)?.sighting ?? null;
  if (seen === null) return 'nobody had looked at it before it failed';
  return lossOf(seen, await lookAt(node, entry.uid, seen, await newestTask(node)));
}
