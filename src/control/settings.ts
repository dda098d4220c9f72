/** What the settings of indexes shall be, how far a change of them is, and the end of a freeze. */
import type { BroadcastStatus } from '../core/settings-broadcast.ts';
import { audited } from './audited.ts';
import type { ChangeParts, ControlParts } from './parts.ts';
import { unknownIndex } from './indexes.ts';

export interface SettingsView {
  readonly index: string;
  readonly version: number;
  /** Null until a first change, or until the drift duty found all nodes equal. */
  readonly fingerprint: string | null;
  readonly settings: Readonly<Record<string, unknown>> | null;
  /** Nodes that were looked at, with the version that they are at; 0: another than any that was committed. */
  readonly nodeVersions: Readonly<Record<string, number>>;
  /** Why writes are refused; null while they are not. */
  readonly frozen: string | null;
  readonly broadcast: BroadcastStatus | null;
}

/** Throws `IndexUnknownError`. */
export async function showSettings({ records, settings }: ControlParts, index: string): Promise<SettingsView> {
  if ((await records.index(index)) === null) throw unknownIndex(index);
  const { version, desired, nodeVersions, frozen, broadcast } = await settings.read(index);
  return {
    index,
    version,
    fingerprint: desired?.fingerprint ?? null,
    settings: desired?.settings ?? null,
    nodeVersions,
    frozen,
    broadcast: broadcast?.status ?? null,
  };
}

/** Lets clients write again. False when they could. Throws `IndexUnknownError`. */
export function thawSettings(parts: ChangeParts, index: string): Promise<boolean> {
  const { records, settings } = parts;
  return audited(parts, 'settings thaw', { index }, async () => {
    if ((await records.index(index)) === null) throw unknownIndex(index);
    return settings.thaw(index);
  });
}
