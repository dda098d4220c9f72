/**
 * The job that carries out a plan which somebody has looked at: nodes that come and go together, and the id of what was
 * shown. Ours, for `plan apply`: other services send topology events.
 */
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import { parseTopologyEvent, toWire, type TopologyEvent } from './events.ts';
import { EVENTS_MAX } from './proposal.ts';
import { RECORD_VERSION, assertReadable } from './version.ts';

export const PLAN_APPLIED = 'PlanApplied';

/** At the end of why such a plan was made, after its events. */
export const AS_SHOWN = ' (as shown)';

export interface PlanApplied {
  readonly plan: string;
  /** Of the topology that it was made from. */
  readonly version: number;
  readonly events: readonly TopologyEvent[];
}

const planAppliedSchema = z.strictObject({
  v: z.number().optional(),
  plan: z.string().regex(/^p[0-9a-f]{12}$/, 'give the id of a plan'),
  version: z.number().int().min(0),
  events: z.array(z.strictObject({ name: z.enum(['NodeAdded', 'NodeDraining']), data: z.unknown() })).max(EVENTS_MAX),
});

export const planAppliedToWire = ({ plan, version, events }: PlanApplied): { name: string; data: object } => ({
  name: PLAN_APPLIED,
  data: { v: RECORD_VERSION, plan, version, events: events.map(toWire) },
});

/** Throws `RecordTooNewError`, `InvalidInputError`, and what `parseTopologyEvent` throws. */
export function parsePlanApplied(data: unknown): PlanApplied {
  const v = (data as { readonly v?: unknown } | null)?.v;
  if (v !== undefined) assertReadable(v, PLAN_APPLIED);
  const parsed = planAppliedSchema.safeParse(data);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InvalidInputError(`${PLAN_APPLIED} has a missing or wrong ${String(issue?.path[0] ?? 'data')}`, {
      field: String(issue?.path[0] ?? 'data'),
      remedy: 'make the plan with `miroir plan`, and apply it by its id',
    });
  }
  const { plan, version, events } = parsed.data;
  return { plan, version, events: events.map(({ name, data: of }) => parseTopologyEvent(name, of)) };
}
