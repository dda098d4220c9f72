/** Settings of the index on both nodes of a move: compared, and given to a target that serves nothing yet, or was away. */
import { settingsLacking } from '../core/settings-change.ts';
import { withKeys, withoutSecrets, withReferences } from '../core/settings-secrets.ts';
import type { Settings } from '../core/settings-text.ts';
import { findNode } from '../core/topology.ts';
import { MoveWaitingError, PreflightError } from '../errors.ts';
import type { NodeClient, SettingsRecord } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { sendWrite } from './late-writes.ts';

export const settingsChange = (index: string): MoveWaitingError =>
  new MoveWaitingError(`settings: those of ${index} are being changed`, 250);

/** While settings are being changed nodes are not equal yet, and nothing is sent to the target. */
async function recordOf({ desired, entry }: PhaseContext): Promise<SettingsRecord> {
  const record = await desired.read(entry.uid);
  if (record.broadcast !== null) throw settingsChange(entry.uid);
  return record;
}

/**
 * Before a move begins. A change may still come until its shard is tracked, which is refused while there is one; none comes
 * after that until the shard has settled (move-start.lua, settings-propose.lua), and the settings are compared once more.
 */
export async function assertNoBroadcast(context: PhaseContext): Promise<void> {
  await recordOf(context);
}

/** Whether clients are served some shard of the index from there, so that its settings are theirs to change. */
async function serves({ records, entry }: PhaseContext, { node }: NodeClient): Promise<boolean> {
  const table = await records.table(entry.uid);
  return table?.shards.some(({ owners, readers }) => [...owners, ...readers].includes(node.id)) ?? false;
}

/**
 * Whether the target may be given the settings. What it holds and serves nobody is left over from a time when it owned
 * shards: settings have passed it by since. So they have while it was away, where it is the last owner of some shard: what
 * is desired by then is brought to it here, before its first document, and not by the next look for drift.
 */
async function isOurs(context: PhaseContext, { desired }: SettingsRecord, target: NodeClient): Promise<boolean> {
  const state = findNode(context.topology, target.node.id)?.state;
  if (desired !== null && (state === 'restoring' || state === 'joining')) return true;
  return (await target.count(context.entry.uid)) === 0 || !(await serves(context, target));
}

/** Names of settings in which either has what the other has not. */
const differing = (wanted: Settings, found: Settings): string[] => {
  const [a, b] = [withoutSecrets(wanted), withoutSecrets(found)];
  return Object.keys(settingsLacking(a, b));
};

/** Reads that ask for the present settings are answered by the node from now on. */
async function noteReached(
  context: PhaseContext,
  { version, nodeVersions }: SettingsRecord,
  id: string,
): Promise<void> {
  if ((nodeVersions[id] ?? version) !== version) await context.settingsReached(id, version);
}

/** Returns when the target has the settings. Throws `PreflightError` where the target's are not ours to change. */
export async function equalizeSettings(context: PhaseContext, source: NodeClient, target: NodeClient): Promise<void> {
  const { uid } = context.entry;
  const record = await recordOf(context);
  const { desired } = record;
  // What a node shows of a secret is no secret.
  const [wanted, found] = await Promise.all([
    desired?.settings ?? source.settings(uid).then(withReferences),
    target.settings(uid),
  ]);
  const names = differing(wanted, found);
  if (names.length === 0) return noteReached(context, record, target.node.id);
  if (!(await isOurs(context, record, target))) {
    throw new PreflightError(
      `settings of ${uid} differ between ${source.node.id} and ${target.node.id}: ${names.join(', ')}`,
      { remedy: 'make the settings equal on both nodes' },
    );
  }
  const lacking = withKeys(settingsLacking(wanted, found), context.keyOf);
  const sent = await sendWrite(context, target, () => target.updateSettings(uid, lacking));
  const task = await context.tasks(target).ended(sent);
  const left = differing(wanted, await target.settings(uid));
  if (left.length === 0) return noteReached(context, record, target.node.id);
  throw new PreflightError(
    `${target.node.id} did not take the settings ${left.join(', ')} of ${uid}: ${task.error?.message ?? task.status}`,
    { remedy: 'set them by hand: a node shows no secrets of embedders, so those cannot be copied' },
  );
}
