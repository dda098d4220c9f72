/** Settings of the index on both nodes of a move: compared, and given to a target that serves nothing of the index yet. */
import { PreflightError } from '../errors.ts';
import type { NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { sendWrite } from './late-writes.ts';

/** Canonical text of settings: object keys sorted at every level, arrays as they are (their order matters). */
function settingsText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(settingsText).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${settingsText(inner)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

const differing = (a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (name) => settingsText(a[name]) !== settingsText(b[name]),
  );

/** Whether clients are served some shard of the index from there, so that its settings are theirs to change. */
async function serves({ records, entry }: PhaseContext, { node }: NodeClient): Promise<boolean> {
  const table = await records.table(entry.uid);
  return table?.shards.some(({ owners, readers }) => [...owners, ...readers].includes(node.id)) ?? false;
}

/** Returns when both nodes have the same settings. Throws `PreflightError` where the target's are not ours to change. */
export async function equalizeSettings(context: PhaseContext, source: NodeClient, target: NodeClient): Promise<void> {
  const { uid } = context.entry;
  const [wanted, found] = await Promise.all([source.settings(uid), target.settings(uid)]);
  const names = differing(wanted, found);
  if (names.length === 0) return;
  // What it holds and serves nobody is left over from a time when it owned shards: settings have passed it by since.
  if ((await target.count(uid)) > 0 && (await serves(context, target))) {
    throw new PreflightError(
      `settings of ${uid} differ between ${source.node.id} and ${target.node.id}: ${names.join(', ')}`,
      { remedy: 'make the settings equal on both nodes' },
    );
  }
  const sent = await sendWrite(context, target, () => target.updateSettings(uid, wanted));
  const task = await context.tasks(target).ended(sent);
  const left = differing(wanted, await target.settings(uid));
  if (left.length === 0) return;
  throw new PreflightError(
    `${target.node.id} did not take the settings ${left.join(', ')} of ${uid}: ${task.error?.message ?? task.status}`,
    { remedy: 'set them by hand: a node shows no secrets of embedders, so those cannot be copied' },
  );
}
