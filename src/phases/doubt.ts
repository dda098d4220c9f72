/** A node that comes back is believed as far as somebody had looked at it before, and it still has what was seen then. */
import { lossSince, type Sighting } from '../core/sightings.ts';
import type { NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';

async function seenOf({ records, entry }: PhaseContext, node: NodeClient): Promise<Sighting | null> {
  return (await records.sightings(entry.uid)).get(node.node.id)?.sighting ?? null;
}

/** Why what the node holds is not to be built on; null when nothing speaks against it. */
export async function doubtOf(context: PhaseContext, node: NodeClient): Promise<string | null> {
  const seen = await seenOf(context, node);
  return seen === null ? 'nobody had looked at it before it failed' : lossSince(node, context.entry.uid, seen);
}

/** What the node is known to have lost; null also where nobody had looked at it. */
export async function knownLoss(context: PhaseContext, node: NodeClient): Promise<string | null> {
  const seen = await seenOf(context, node);
  return seen === null ? null : lossSince(node, context.entry.uid, seen);
}
