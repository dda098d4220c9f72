// What clients do: everything to everything, and beside it three groups of clients whose habits are hard on a move. Each
// group has documents of its own.
import { Keyspace } from '../../history/keyspace.ts';
import type { Recorder } from '../../history/record.ts';
import type { Target } from '../../history/targets.ts';
import { runWorkload } from '../../history/workload.ts';
import type { WorkloadOptions, WorkloadSummary } from '../../history/workload.ts';

type Habit = Pick<WorkloadOptions, 'clients' | 'mix' | 'hotShare' | 'batchMax'> & {
  readonly name: string;
  readonly keyspace: Keyspace;
  /** Of all calls; the rest is for the others. */
  readonly share: number;
};

const HABITS: readonly Habit[] = [
  // Batches as applications send them: what a call costs is the same, and more documents are looked at.
  {
    name: 'mixed',
    share: 0.5,
    clients: 8,
    batchMax: 24,
    keyspace: new Keyspace({ hot: 4, cold: 800, groups: 40, prefix: 'mix-' }),
  },
  {
    // One document, as fast as it is answered, through every switch of its shard.
    name: 'one document',
    share: 0.2,
    clients: 1,
    hotShare: 1,
    batchMax: 1,
    mix: { put: 5, update: 90, get: 5 },
    keyspace: new Keyspace({ hot: 1, cold: 0, groups: 1, prefix: 'one-' }),
  },
  {
    // Deletes of documents in the window that is being copied.
    name: 'deletes',
    share: 0.15,
    clients: 3,
    hotShare: 0,
    batchMax: 16,
    mix: { put: 40, delete: 45, deleteByFilter: 3, get: 8, list: 4 },
    keyspace: new Keyspace({ hot: 0, cold: 300, groups: 15, prefix: 'del-' }),
  },
  {
    name: 'partial updates',
    share: 0.15,
    clients: 3,
    hotShare: 0.3,
    batchMax: 16,
    mix: { put: 8, update: 80, delete: 2, get: 8, list: 2 },
    keyspace: new Keyspace({ hot: 4, cold: 200, groups: 12, prefix: 'upd-' }),
  },
];

export interface ClientsOptions {
  readonly targets: readonly Target[];
  readonly recorder: Recorder;
  readonly seed: number;
  readonly callsPerS: number;
  readonly signal: AbortSignal;
}

/** Resolves when all calls are over and what was accepted has been waited for. */
export async function runClients({ callsPerS, seed, ...options }: ClientsOptions): Promise<WorkloadSummary> {
  const summaries = await Promise.all(
    HABITS.map(({ share, ...habit }, at) =>
      runWorkload({ ...options, ...habit, seed: seed * HABITS.length + at, callsPerS: callsPerS * share }),
    ),
  );
  const sum = (pick: (one: WorkloadSummary) => number): number => summaries.reduce((all, one) => all + pick(one), 0);
  return {
    calls: sum(({ calls }) => calls),
    unfinishedTasks: sum(({ unfinishedTasks }) => unfinishedTasks),
    vanishedTasks: sum(({ vanishedTasks }) => vanishedTasks),
    wasFull: summaries.some(({ wasFull }) => wasFull),
  };
}
