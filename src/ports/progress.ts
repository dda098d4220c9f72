/** What plans have brought about, and how fast the fleet is: kept by the scripts that bring moves on. */
import type { PlanHistory } from '../core/eta.ts';
import type { Prediction } from '../core/plan-report.ts';
import type { PlanRecord } from './records.ts';

export interface ThroughputBucket {
  /** When it begins (Redis time, ms). */
  readonly atMs: number;
  readonly documents: number;
  /** The longest that clients' writes of a shard were held for its switch (ms). */
  readonly longestWriteWaitMs: number;
}

export interface ProgressHistory {
  /** Of a plan; moves at work are found by their places at nodes, so that a large plan is not read as a whole. */
  of(plan: PlanRecord): Promise<PlanHistory>;
  /** What was predicted of the plan first; null: nothing, or not yet. */
  predicted(planId: string): Promise<Prediction | null>;
  /** Buckets with something in them, of the last fifteen minutes, oldest first. */
  throughput(): Promise<{ readonly bucketMs: number; readonly results: readonly ThroughputBucket[] }>;
}
