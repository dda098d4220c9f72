/** The duties of a reconciler, each wired to what it needs. */
import type { Duty, Leases } from '../ports.ts';
import { createStrayJobs } from '../queue/strays.ts';
import { deletionsDuty } from '../reconcile/deletions.ts';
import { deleteLeftovers } from '../reconcile/leftovers.ts';
import { orphansDuty } from '../reconcile/orphans.ts';
import { repairListsDuty } from '../reconcile/repair-lists.ts';
import { settingsDuties } from '../reconcile/settings.ts';
import { untaggedDuty } from '../reconcile/untagged.ts';
import { rebalanceScope } from '../redis/keys.ts';
import { createTaskMarks } from '../redis/task-marks.ts';
import { createFleetWriter } from '../redis/plan-writer.ts';
import type { Router, TurnTaker } from '../routing/api.ts';
import { openAntiEntropy, openGroupChecks } from './anti-entropy.ts';
import type { Base } from './base.ts';
import { openSettings } from './settings.ts';

export interface DutyParts extends Base {
  /** Of the duties' queue. */
  readonly connection: Base['redis'];
  /** What a duty changes in documents goes through a router, by the rules for routers. */
  readonly router: Router & TurnTaker;
  /** For what has a lease of its own besides that of the task. */
  readonly leases: Leases;
}

/** In the order in which their rounds are scheduled. */
export const openDuties = (parts: DutyParts): readonly Duty[] => [
  orphansDuty({
    ...parts,
    everyMs: parts.config.orphansIntervalMs,
    isOn: parts.config.orphansEnabled,
    strays: createStrayJobs(parts.connection, parts.records),
    deleteLeftovers: parts.config.orphansDeleteLeftovers
      ? (index, run) => deleteLeftovers({ ...parts, moversScope: rebalanceScope }, index, run)
      : undefined,
    clientOf: (node, { lease }) => parts.nodes.client(node, lease),
  }),
  untaggedDuty({
    ...parts,
    everyMs: parts.config.untaggedIntervalMs,
    isOn: parts.config.untaggedEnabled,
    marks: createTaskMarks(parts),
    clientOf: (node, { lease }) => parts.nodes.client(node, lease),
  }),
  deletionsDuty({
    ...parts,
    everyMs: parts.config.deletionsIntervalMs,
    isOn: parts.config.deletionsEnabled,
    fleet: createFleetWriter(parts.scripts, parts.config.auditMaxEntries),
    clientOf: (node, { lease }) => parts.nodes.client(node, lease),
  }),
  repairListsDuty({
    ...parts,
    limits: parts.config,
    isOn: parts.config.repairLists,
    everyMs: parts.config.repairListsIntervalMs,
  }),
  openAntiEntropy(parts),
  openGroupChecks(parts),
  ...settings(parts),
];

const settings = (parts: DutyParts): readonly Duty[] =>
  settingsDuties({
    ...parts,
    ...openSettings(parts, parts.leases),
    settings: parts.settings,
    records: parts.records,
    resumes: parts.config.settingsBroadcastEnabled,
    driftIntervalMs: parts.config.settingsDriftIntervalS * 1_000,
    autoRepair: parts.config.settingsDriftAutoRepair,
  });
