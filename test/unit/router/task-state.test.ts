import { describe, expect, it } from 'vitest';
import type { ShardState } from '../../../src/core/routing.ts';
import type { ClientTaskPart, ClientTaskRecord, NodeTask, TaskStatus } from '../../../src/ports.ts';
import { taskState } from '../../../src/routing/router/task-state.ts';
import type { SeenShard } from '../../../src/routing/router/task-state.ts';

const record = (parts: readonly ClientTaskPart[], details: Record<string, unknown> = {}): ClientTaskRecord => ({
  v: 1,
  uid: 1,
  indexUid: 'docs',
  type: 'documentAdditionOrUpdate',
  details,
  enqueuedAt: '2026-01-01T00:00:00Z',
  customMetadata: null,
  parts,
  degradedGroups: [],
  outcome: null,
});

const task = (status: TaskStatus, details: Record<string, unknown> = {}): NodeTask => ({
  uid: 1,
  indexUid: 'docs',
  status,
  type: 'documentAdditionOrUpdate',
  error: status === 'failed' ? { code: 'internal', message: 'broken' } : null,
  details,
  enqueuedAt: '2026-01-01T00:00:00Z',
  startedAt: status === 'enqueued' ? null : '2026-01-01T00:00:01Z',
  finishedAt: status === 'succeeded' || status === 'failed' ? '2026-01-01T00:00:03Z' : null,
  customMetadata: null,
});

interface Case {
  /** Node → status of its task, for one shard. */
  readonly on: Readonly<Record<string, TaskStatus | 'silent' | 'out' | 'lost'>>;
  readonly state?: ShardState;
  readonly owners?: readonly string[];
  readonly readers?: readonly string[];
  readonly left?: readonly string[];
  readonly isAcknowledged?: boolean;
}

function seen({ on, state = 'stable', owners, readers, left, isAcknowledged = true }: Case) {
  const nodes = Object.keys(on);
  const parts = nodes.map((node, at) => ({ node, taskUid: at, shards: [0] }));
  const now = { owners: owners ?? nodes, readers: readers ?? nodes, ...(left === undefined ? {} : { left }) };
  const shard: SeenShard = { state, ...now, isAcknowledged };
  const looked = parts.map((part) => {
    const status = on[part.node] ?? 'lost';
    return { part, task: status === 'lost' ? null : status === 'silent' || status === 'out' ? status : task(status) };
  });
  return taskState(record(parts), looked, () => shard);
}

describe('a client’s task', () => {
  it.each([
    [{ n1: 'enqueued', n2: 'enqueued' }, 'enqueued'],
    [{ n1: 'succeeded', n2: 'enqueued' }, 'processing'],
    [{ n1: 'succeeded', n2: 'processing' }, 'processing'],
    [{ n1: 'succeeded', n2: 'silent' }, 'processing'],
    [{ n1: 'succeeded', n2: 'succeeded' }, 'succeeded'],
    [{ n1: 'failed', n2: 'succeeded' }, 'succeeded'],
    [{ n1: 'failed', n2: 'failed' }, 'failed'],
    [{ n1: 'failed', n2: 'lost' }, 'failed'],
    [{ n1: 'failed', n2: 'processing' }, 'processing'],
  ] as const)('with its copies %j is %s', (on, status) => {
    const state = seen({ on });
    expect(state.status).toBe(status);
    expect(state.outcome !== null).toBe(status === 'succeeded' || status === 'failed');
  });

  it('names the copies that failed beside others (R10), and no copy when all failed', () => {
    expect(seen({ on: { n1: 'failed', n2: 'succeeded', n3: 'lost' } }).missed).toEqual([
      { node: 'n1', taskUid: 0, shard: 0 },
      { node: 'n3', taskUid: 2, shard: 0 },
    ]);
    expect(seen({ on: { n1: 'failed', n2: 'failed' } }).missed).toEqual([]);
    expect(seen({ on: { n1: 'failed', n2: 'failed' } }).outcome?.error).toMatchObject({ message: 'broken' });
  });

  it('fails where only a copy that nobody reads has it, and that copy is made like the others', () => {
    const on = { n1: 'failed', n4: 'succeeded' } as const;
    const unread = seen({ on, readers: ['n1'] });
    expect([unread.status, unread.missed]).toEqual(['failed', [{ node: 'n4', taskUid: 1, shard: 0 }]]);
    expect(seen({ on: { n1: 'succeeded', n4: 'failed' }, readers: ['n1'] })).toMatchObject({
      status: 'succeeded',
      missed: [{ node: 'n4' }],
    });
    // The owner that was read has left the shard since: the other one is what is left of it.
    expect(seen({ on, owners: ['n4'], readers: ['n1'] }).status).toBe('succeeded');
    expect(seen({ on, state: 'settling', readers: ['n4'] }).status).toBe('succeeded');
  });

  it('is not done while somebody may read a node that does not have it (I11)', () => {
    const on = { n2: 'succeeded' } as const;
    expect(seen({ on, state: 'settling', readers: ['n1'] }).status).toBe('processing');
    expect(seen({ on, state: 'settling', readers: ['n2'] }).status).toBe('succeeded');
    expect(seen({ on, state: 'settled', isAcknowledged: false }).status).toBe('processing');
    expect(seen({ on, state: 'settled', isAcknowledged: true }).status).toBe('succeeded');
    for (const state of ['stable', 'tracking'] as const) {
      expect(seen({ on, state, left: ['n1'], isAcknowledged: false }).status).toBe('processing');
      expect(seen({ on, state, left: ['n1'], isAcknowledged: true }).status).toBe('succeeded');
      expect(seen({ on, state, isAcknowledged: false }).status).toBe('succeeded');
    }
    // Sent to the old owner while tracking, carried over by the mover.
    expect(seen({ on: { n1: 'succeeded' }, state: 'settled', owners: ['n2'], readers: ['n2'] }).status).toBe(
      'succeeded',
    );
  });

  it('does not wait for a node that is neither written nor read any more', () => {
    expect(seen({ on: { n1: 'silent', n2: 'succeeded' }, owners: ['n2'], readers: ['n2'] }).status).toBe('succeeded');
    expect(seen({ on: { n1: 'silent', n2: 'succeeded' }, owners: ['n2'], readers: ['n1', 'n2'] }).status).toBe(
      'processing',
    );
  });

  it('never succeeds when nobody has applied it: what its nodes did cannot be known any more', () => {
    const state = seen({ on: { n1: 'silent', n2: 'silent' }, owners: ['n3'], readers: ['n3'] });
    expect([state.status, state.outcome?.error?.['code']]).toEqual(['failed', 'internal']);
    const parts = [{ node: 'n1', taskUid: 1, shards: [] }];
    expect(taskState(record(parts), [{ part: parts[0]!, task: 'out' }], () => undefined).status).toBe('failed');
  });

  it('counts each document once', () => {
    const parts = [
      { node: 'n1', taskUid: 1, shards: [0, 1] },
      { node: 'n2', taskUid: 2, shards: [0, 1] },
    ];
    const looked = parts.map((part) => ({ part, task: task('succeeded', { deletedDocuments: 5 }) }));
    const shard: SeenShard = { state: 'stable', owners: ['n1', 'n2'], readers: ['n1', 'n2'], isAcknowledged: true };
    const state = taskState(record(parts, { deletedDocuments: null }), looked, () => shard);
    expect(state.outcome).toMatchObject({
      details: { deletedDocuments: 5 },
      startedAt: '2026-01-01T00:00:01Z',
      finishedAt: '2026-01-01T00:00:03Z',
    });
  });

  it('counts what pieces of one write deleted from one shard', () => {
    const parts = [1, 2, 3].map((taskUid) => ({ node: 'n1', taskUid, shards: [0] }));
    const looked = parts.map((part) => ({ part, task: task('succeeded', { deletedDocuments: 5 }) }));
    const shard: SeenShard = { state: 'stable', owners: ['n1'], readers: ['n1'], isAcknowledged: true };
    const state = taskState(record(parts, { deletedDocuments: null }), looked, () => shard);
    expect(state.outcome).toMatchObject({ details: { deletedDocuments: 15 } });
  });

  it('of an index that is gone does not wait for a node that is gone, too', () => {
    const parts = [
      { node: 'n1', taskUid: 1, shards: [0] },
      { node: 'n2', taskUid: 2, shards: [0] },
    ];
    const status = (second: 'silent' | 'out'): TaskStatus =>
      taskState(
        record(parts),
        parts.map((part, at) => ({ part, task: at === 0 ? task('succeeded') : second })),
        () => undefined,
      ).status;
    expect([status('silent'), status('out')]).toEqual(['processing', 'succeeded']);
  });

  it('of a deletion is open while a node is still to be told, and done where the index is gone already', () => {
    const parts = [{ node: 'n1', taskUid: 1, shards: [] }];
    const deletion = { ...record(parts), type: 'indexDeletion' };
    const gone = { ...task('failed'), error: { code: 'index_not_found', message: 'Index `docs` not found.' } };
    const looked = [{ part: parts[0]!, task: gone }];
    expect(taskState(deletion, looked, () => undefined, true)).toMatchObject({ status: 'processing', outcome: null });
    expect(taskState(deletion, looked, () => undefined).status).toBe('succeeded');
    expect(taskState({ ...deletion, type: 'settingsUpdate' }, looked, () => undefined).status).toBe('failed');
    expect(taskState({ ...deletion, parts: [] }, [], () => undefined, true).status).toBe('processing');
    expect(taskState({ ...deletion, parts: [] }, [], () => undefined).status).toBe('succeeded');
  });

  it('without shards is done when every node is', () => {
    const parts = [
      { node: 'n1', taskUid: 1, shards: [] },
      { node: 'n2', taskUid: 2, shards: [] },
    ];
    const status = (...of: (TaskStatus | 'silent' | 'out')[]): TaskStatus =>
      taskState(
        record(parts),
        parts.map((part, at) => {
          const one = of[at] ?? 'failed';
          return { part, task: one === 'silent' || one === 'out' ? one : task(one) };
        }),
        () => undefined,
      ).status;
    expect(status('succeeded', 'enqueued')).toBe('processing');
    expect(status('succeeded', 'succeeded')).toBe('succeeded');
    expect(status('succeeded', 'failed')).toBe('failed');
    expect(status('succeeded', 'silent')).toBe('processing');
    expect(status('succeeded', 'out')).toBe('succeeded');
  });
});
