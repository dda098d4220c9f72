/** The settings of an index: what nodes show against what is desired, a change that is under way, writes that are refused. */
import { settingsLacking } from '../../core/settings-change.ts';
import { differingSettings, type Settings } from '../../core/settings-text.ts';
import type { SettingsRecord } from '../../ports.ts';
import { fail, warn, type Finding } from './finding.ts';

/** What an owner of shards shows. */
export interface ShownSettings {
  readonly node: string;
  /** Null: it has no such index. */
  readonly settings: Settings | null;
}

export function settingsChecks(record: SettingsRecord, shown: readonly ShownSettings[], subject: string): Finding[] {
  const missing = shown
    .filter(({ settings }) => settings === null)
    .map(({ node }) => fail(subject, `${node} owns shards and has no such index`, `send NodeFailed for ${node}`));
  return [...frozenBy(record, subject), ...missing, ...differences(record, shown, subject)];
}

function frozenBy({ index, frozen }: SettingsRecord, subject: string): Finding[] {
  if (frozen === null) return [];
  const remedy = `mend what its nodes differ by and change the settings again, or \`miroir settings thaw ${index}\``;
  return [fail(subject, `its writes are refused since settings diverged: ${frozen}`, remedy)];
}

function differences(record: SettingsRecord, shown: readonly ShownSettings[], subject: string): Finding[] {
  const { index, desired, broadcast } = record;
  if (broadcast !== null) {
    const remedy = `nothing while nodes index; when it stays, see \`miroir settings show ${index}\` and that a reconciler runs`;
    return [warn(subject, `its settings are being changed (${broadcast.status.phase})`, remedy)];
  }
  // Nobody has said what they shall be: then all that can be asked is that they are equal.
  const first = shown.find(({ settings }) => settings !== null);
  const wanted = desired?.settings ?? first?.settings ?? {};
  const whose = desired === null ? `than ${first?.node}` : 'than are desired';
  const remedy =
    desired === null
      ? 'send the settings again through the gateway'
      : 'see that a reconciler runs: it repairs them (settings_drift_interval_s), unless settings_drift_auto_repair is off';
  return shown.flatMap(({ node, settings }) => {
    if (settings === null) return [];
    const names =
      desired === null ? differingSettings(wanted, settings) : Object.keys(settingsLacking(wanted, settings));
    return names.length === 0
      ? []
      : [fail(subject, `${node} has other settings ${whose}: ${names.sort().join(', ')}`, remedy)];
  });
}
