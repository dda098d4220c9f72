/** What the doctor looks with, beyond what every verb has. */
import type { JudgeOptions } from '../../core/observations.ts';
import type {
  LiveWorkers,
  MoveQueue,
  Observations,
  RedisHealth,
  Registry,
  RepairLists,
  StrayJobs,
} from '../../ports.ts';
import type { ControlParts } from '../parts.ts';

export interface DoctorParts extends ControlParts {
  readonly redisHealth: RedisHealth;
  readonly registry: Pick<Registry, 'live'>;
  readonly observations: Pick<Observations, 'read'>;
  readonly judging: JudgeOptions;
  /** Whether nodes are looked at, and failed by that. */
  readonly healthEnabled: boolean;
  readonly repairs: Pick<RepairLists, 'sizes'>;
  readonly queue: Pick<MoveQueue, 'inspect'>;
  readonly strays: Pick<StrayJobs, 'count'>;
  readonly workers: LiveWorkers;
  /** Room on each node (bytes); 0 = not known. */
  readonly nodeMaxBytes: number;
  /** Who serves an index now; null when nobody does. */
  holderOf(this: void, index: string): Promise<string | null>;
  /** Who holds the lease of a scope now; null when nobody does. */
  scopeHolder(this: void, scope: string): Promise<string | null>;
}
