/** What jobs hold: ids and progress, never documents, never keys of nodes. Public, for services that look at queues. */
import { z } from 'zod';
import { JOB_PHASES, type JobPhase, type Move } from '../core/move.ts';
import { RECORD_VERSION } from '../core/version.ts';
import { taskIdOf } from './names.ts';

export const phaseJobSchema = z.object({
  v: z.number().int().positive(),
  move: z.string().min(1),
  index: z.string().min(1),
  phase: z.enum(JOB_PHASES as readonly [JobPhase, ...JobPhase[]]),
  /** Documents whose window's task has succeeded on the target. */
  docs_migrated: z.number().int().nonnegative(),
  /** The next slot below which everything is copied. */
  last_offset: z.number().int().min(0).max(65_536),
});
export type PhaseJob = z.infer<typeof phaseJobSchema>;

export const claimJobSchema = z.object({
  v: z.number().int().positive(),
  index: z.string().min(1),
  /** `rebalance:<index>`, the original's id of an index's job. */
  miroir_task_id: z.string().optional(),
});
export type ClaimJob = z.infer<typeof claimJobSchema>;

export const claimJob = (index: string): ClaimJob => ({ v: RECORD_VERSION, index, miroir_task_id: taskIdOf(index) });

/** What a person reads in Bull Board: `cities/17 n1→n4 MigrationInProgress`. */
export const phaseJobName = (move: Pick<Move, 'index' | 'shard' | 'source' | 'target'>, phase: JobPhase): string =>
  `${move.index}/${move.shard} ${move.source}→${move.target} ${phase}`;
