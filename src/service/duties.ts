/** The duties of a reconciler, each wired to what it needs. */
import type { Duty } from '../ports.ts';
import { createStrayJobs } from '../queue/strays.ts';
import { deletionsDuty } from '../reconcile/deletions.ts';
import { orphansDuty } from '../reconcile/orphans.ts';
import { repairListsDuty } from '../reconcile/repair-lists.ts';
import { createFleetWriter } from '../redis/plan-writer.ts';
import type { Router, TurnTaker } from '../routing/api.ts';
import type { Base } from './base.ts';

export interface DutyParts extends Base {
  /** Of the duties' queue. */
  readonly connection: Base['redis'];
  /** What a duty changes in documents goes through a router, by the rules for routers. */
  readonly router: Router & TurnTaker;
}

/** In the order in which their rounds are scheduled. */
export const openDuties = (parts: DutyParts): readonly Duty[] => [
  orphansDuty({
    ...parts,
    everyMs: parts.config.orphansIntervalMs,
    isOn: parts.config.orphansEnabled,
    strays: createStrayJobs(parts.connection),
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
];
