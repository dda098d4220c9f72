/** The duties of a reconciler, each wired to what it needs. */
import type { Duty, Leases } from '../ports.ts';
import { settingsDuties } from '../reconcile/settings.ts';
import type { Router } from '../routing/api.ts';
import type { Base } from './base.ts';
import { openSettings } from './settings.ts';

export interface DutyParts extends Base {
  /** What a duty changes in documents goes through a router, by the rules for routers. */
  readonly router: Router;
  /** For what has a lease of its own besides that of the task. */
  readonly leases: Leases;
}

/** In the order in which their rounds are scheduled. */
export const openDuties = (parts: DutyParts): readonly Duty[] => [...settings(parts)];

const settings = (parts: DutyParts): readonly Duty[] =>
  settingsDuties({
    ...parts,
    ...openSettings(parts, parts.leases),
    settings: parts.settings,
    records: parts.records,
    driftIntervalMs: parts.config.settingsDriftIntervalS * 1_000,
    autoRepair: parts.config.settingsDriftAutoRepair,
  });
