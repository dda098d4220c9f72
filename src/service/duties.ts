/** The duties of a reconciler, each wired to what it needs. */
import type { Duty } from '../ports.ts';
import type { Router } from '../routing/api.ts';
import type { Base } from './base.ts';

export interface DutyParts extends Base {
  /** What a duty changes in documents goes through a router, by the rules for routers. */
  readonly router: Router;
}

/** In the order in which their rounds are scheduled. */
export const openDuties = (_parts: DutyParts): readonly Duty[] => [];
