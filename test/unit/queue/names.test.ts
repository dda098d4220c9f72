import { describe, expect, it } from 'vitest';
import { JOB_PHASES, PHASES } from '../../../src/core/move.ts';
import { claimJob, claimJobSchema, phaseJobName, phaseJobSchema } from '../../../src/queue/jobs.ts';
import { dueClaimId, indexOfTaskId, indexQueue, phaseJobId, taskIdOf } from '../../../src/queue/names.ts';
import { keys, rebalanceScope } from '../../../src/redis/keys.ts';

const INDEXES = ['cities', 'a-b', 'a_b', 'A', '0', 'x'.repeat(400)];

describe('job id ↔ index', () => {
  it('shows an index as the original names its job, and reads the index back', () => {
    expect(taskIdOf('test-index')).toBe('rebalance:test-index');
    expect(indexOfTaskId('rebalance:test-index')).toBe('test-index');
    expect(['rebalance:', 'reshard:test-index', 'test-index'].map(indexOfTaskId)).toEqual([null, null, null]);
    expect(claimJob('test-index').miroir_task_id).toBe('rebalance:test-index');
  });

  it('`rebalance:<index>` is the lease’s scope, and its key is that under our hash tag', () => {
    expect(rebalanceScope('test-index')).toBe('rebalance:test-index');
    expect(keys.lease(rebalanceScope('test-index'))).toBe('{miroir}:rebalance:test-index');
    expect(new Set(INDEXES.map(rebalanceScope)).size).toBe(INDEXES.length);
    for (const index of INDEXES) expect(rebalanceScope(index).slice('rebalance:'.length)).toBe(index);
  });

  it('queue names and job ids hold no colon and are never only digits, which BullMQ refuses', () => {
    for (const index of INDEXES) {
      const ids = [
        indexQueue(index),
        dueClaimId(index, 1_700_000_000_000),
        ...JOB_PHASES.map((phase) => phaseJobId('p1-0-0-ab', 3, phase)),
      ];
      for (const id of ids) expect(id).toMatch(/^(?!\d+$)[^:]+$/);
    }
  });

  it('a phase’s id is its move’s, its generation’s and its own', () => {
    const ids = [0, 1].flatMap((flow) => JOB_PHASES.map((phase) => phaseJobId('p1-0-0-ab', flow, phase)));
    expect(new Set(ids).size).toBe(2 * JOB_PHASES.length);
    expect(ids[0]).toBe('p1-0-0-ab-f0-1');
  });

  it('claims of one index due at one time are one; of two indexes, two', () => {
    expect(dueClaimId('a', 5)).toBe(dueClaimId('a', 5));
    expect(new Set([dueClaimId('a', 5), dueClaimId('b', 5), dueClaimId('a', 6)]).size).toBe(3);
  });

  it('a job’s name is what a person reads', () => {
    const move = { index: 'cities', shard: 17, source: 'n1', target: 'n4' };
    expect(phaseJobName(move, 'MigrationInProgress')).toBe('cities/17 n1→n4 MigrationInProgress');
  });
});

describe('what jobs hold', () => {
  const job = {
    v: 1,
    move: 'p1-0',
    index: 'cities',
    phase: 'MigrationInProgress',
    docs_migrated: 5_000,
    last_offset: 5_000,
  };

  it('phase jobs survive JSON, for every phase that has one', () => {
    for (const phase of JOB_PHASES) {
      expect(phaseJobSchema.parse(JSON.parse(JSON.stringify({ ...job, phase })))).toEqual({ ...job, phase });
    }
    expect(phaseJobSchema.safeParse({ ...job, phase: PHASES[0] }).success).toBe(false);
  });

  it('claims survive JSON', () => {
    expect(claimJobSchema.parse(JSON.parse(JSON.stringify(claimJob('cities'))))).toEqual({
      v: 1,
      index: 'cities',
      miroir_task_id: 'rebalance:cities',
    });
  });

  it.each([
    ['no move', { move: '' }],
    ['negative documents', { docs_migrated: -1 }],
    ['an offset beyond the last slot', { last_offset: 65_537 }],
    ['no version', { v: 0 }],
  ])('refuse %s', (_name, change) => {
    expect(phaseJobSchema.safeParse({ ...job, ...change }).success).toBe(false);
  });
});
