/**
 * Deleting an index: it is out of the registry at once, so that no router writes or reads it any more; reconcilers delete it
 * on the nodes once no router can know it, and the name is free after that.
 */
import { SettingsInFlightError } from '../errors.ts';
import { assertNotMoving } from '../routing/router/moves.ts';
import { audited } from './audited.ts';
import { unknownIndex } from './indexes.ts';
import type { ChangeParts, ControlParts } from './parts.ts';

export interface DeletionParts extends ControlParts {
  /** How long (ms) a router's entry lasts that is not renewed. */
  readonly routerEntryMs: number;
}

export interface DeletionView {
  readonly index: string;
  /** `deleting`: out of the registry, and not off every node yet. */
  readonly state: 'registered' | 'deleting';
  /** Null once it is out of the registry. */
  readonly shards: number | null;
  /** Nodes that own shards of it; of one that is being deleted those that may have it still. */
  readonly nodes: readonly string[];
}

/** What goes, or is still to go. Throws `IndexUnknownError`, also when nothing is left. */
export async function showDeletion({ records }: Pick<ControlParts, 'records'>, uid: string): Promise<DeletionView> {
  const entry = await records.index(uid);
  if (entry !== null) {
    const table = await records.table(uid);
    const owners = new Set((table?.shards ?? []).flatMap((route) => route.owners));
    return { index: uid, state: 'registered', shards: entry.shards, nodes: [...owners].sort() };
  }
  const deletion = await records.deletion(uid);
  if (deletion === null) throw unknownIndex(uid);
  return { index: uid, state: 'deleting', shards: null, nodes: [...deletion.nodes].sort() };
}

/**
 * With all documents. Throws `IndexUnknownError`, `IndexMovingError` while it has moves, and `SettingsInFlightError` while
 * its settings are being changed. Deleted again while it is being deleted, it says what is left.
 */
export const deleteIndex = (parts: DeletionParts & ChangeParts, uid: string): Promise<DeletionView> =>
  audited(parts, 'index delete', { index: uid }, async () => {
    const { records, settings, fleet, routerEntryMs } = parts;
    const seen = await showDeletion(parts, uid);
    if (seen.state === 'deleting') return seen;
    await assertNotMoving(records, uid, 'the deletion');
    if ((await settings.read(uid)).broadcast !== null) {
      throw new SettingsInFlightError(`the deletion of index ${uid} has to wait: its settings are being changed`, {
        remedy: `send it again when the change has ended: \`miroir settings show ${uid}\``,
        details: { index: uid },
      });
    }
    // Until then a router may write to it, and bring back what a node was told to delete.
    const deletion = await fleet.deleteIndex(uid, routerEntryMs);
    if (deletion === null) throw unknownIndex(uid);
    return { index: uid, state: 'deleting', shards: null, nodes: [...deletion.nodes].sort() };
  });
