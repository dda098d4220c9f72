/** What the parts of the table of metrics are made of. */

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labels: Readonly<Record<string, readonly string[] | null>>;
  readonly buckets?: readonly number[];
}

export const NONE = {} as const;
/** A phase of a move or a task of a duty: from a look to the copy of a large shard. */
export const PHASE_BUCKETS = [0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800] as const;
