/**
 * What the engine needs from outside, as interfaces. Phases speak to these; adapters in redis/, queue/ and nodes/
 * implement them; service.ts wires. Units stand at the end of names; tokens (fences) are decimal strings, because
 * Redis scripts would round them as numbers.
 */
export type * from './ports/adoptions.ts';
export type * from './ports/audit.ts';
export type * from './ports/client-tasks.ts';
export type * from './ports/clock.ts';
export type * from './ports/duties.ts';
export type * from './ports/failpoint.ts';
export type * from './ports/fleet-writer.ts';
export type * from './ports/group-checks.ts';
export type * from './ports/journal.ts';
export type * from './ports/lease.ts';
export type * from './ports/nodes.ts';
export type * from './ports/observations.ts';
export type * from './ports/passes.ts';
export type * from './ports/proposals.ts';
export type * from './ports/plan-holds.ts';
export type * from './ports/progress.ts';
export type * from './ports/records.ts';
export type * from './ports/queue.ts';
export type * from './ports/redis-health.ts';
export type * from './ports/replica-checks.ts';
export type * from './ports/registry.ts';
export type * from './ports/runs.ts';
export type * from './ports/settings.ts';
export type * from './ports/surroundings.ts';
export type * from './ports/task-marks.ts';
export type * from './ports/telemetry.ts';
export type * from './ports/throttles.ts';
export type * from './ports/tombstones.ts';
export type * from './ports/traffic.ts';
export type * from './ports/turns.ts';
