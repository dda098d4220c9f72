/** What the engine tells about itself. */
import type { Phase } from '../core/move.ts';

/** Structured logging; pino's logger fits. Fields never hold secrets. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: Record<string, unknown>): Logger;
}

/** What the engine tells about itself; counted by telemetry/, never read back. */
export interface Observer {
  lease(scope: string, what: 'acquired' | 'renewed' | 'lost' | 'released'): void;
  /** A phase was reached; `seconds` since the one before. */
  phase(phase: Phase, seconds: number): void;
  /** A window's checkpoint was accepted. */
  migrated(documents: number, bytes: number): void;
  window(result: 'copied' | 'repeated' | 'verified' | 'repaired'): void;
  differences(count: number): void;
  /** A shard is settled on its new owners, `seconds` after its move started. */
  settled(seconds: number): void;
  hold(seconds: number): void;
  /** A write of ours was refused, by the fence, the lease's own clock or the job's token. */
  refused(reason: string): void;
  target(node: string, load: { tasks: number; bytes: number; paceDocs: number }): void;
  event(type: string, result: 'planned' | 'repeated' | 'failed'): void;
  /** Documents on a node that neither owns nor is being given their shard. */
  leftovers(index: string, node: string, documents: number): void;
  /** Documents that owners had missed were written there, and entries taken off repair lists. */
  repaired(documents: number, cleared: number): void;
  /** Anti-entropy has compared the replicas of so many shards. */
  compared(found: { shards: number; mismatches: number; repaired: number; left: number }): void;
  /** Writes that came to a node past all routers, since it was looked at before. */
  untagged(index: string, node: string, tasks: number): void;
  /** Documents on a node that lack our fields. */
  unsplit(index: string, node: string, documents: number): void;
  /** A task of a duty ended. */
  duty(duty: string, result: 'done' | 'failed', seconds: number): void;
}

/** What a router tells about itself; counted by telemetry, never read back. */
export interface RouterObserver {
  registration(what: 'registered' | 'ended'): void;
  /** What must not happen, e.g. `epoch_regressed`. */
  fault(what: string): void;
  /** `unanswered`: told with an error of ours, to be sent again. */
  write(result: 'accepted' | 'degraded' | 'refused' | 'unanswered'): void;
  /** A part of a write waited, for this reason. */
  waited(why: string, seconds: number): void;
  /** Ids of a shard were put on the repair lists of this many owners. */
  missed(owners: number): void;
}

/** What changes of settings, and the care for them, tell about themselves; counted by telemetry, never read back. */
export interface SettingsObserver {
  /** So many nodes show other settings than they were sent. */
  mismatch(nodes: number): void;
  /** A node whose settings had drifted has those that are desired again. */
  driftRepaired(index: string, node: string): void;
}
