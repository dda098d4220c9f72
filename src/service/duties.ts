/** The duties of a reconciler, each wired to what it needs. */
import type { Duty } from '../ports.ts';
import { createStrayJobs } from '../queue/strays.ts';
import { orphansDuty } from '../reconcile/orphans.ts';
import { untaggedDuty } from '../reconcile/untagged.ts';
import { createTaskMarks } from '../redis/task-marks.ts';
import type { Router } from '../routing/api.ts';
import type { Base } from './base.ts';

export interface DutyParts extends Base {
  /** Of the duties' queue. */
  readonly connection: Base['redis'];
  /** What a duty changes in documents goes through a router, by the rules for routers. */
  readonly router: Router;
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
  untaggedDuty({
    ...parts,
    everyMs: parts.config.untaggedIntervalMs,
    isOn: parts.config.untaggedEnabled,
    marks: createTaskMarks(parts),
    clientOf: (node, { lease }) => parts.nodes.client(node, lease),
  }),
];
