// What the doctor says of moves that wait: each reason once, and nothing of those whose time just has to pass.
import { describe, expect, it } from 'vitest';
import { waitFindings } from '../../../src/control/doctor/work-checks.ts';
import type { WaitReason } from '../../../src/errors.ts';
import type { MoveState } from '../../../src/ports.ts';

const waits = (shard: number, code: WaitReason): MoveState =>
  ({
    id: `p1-${shard}`,
    index: 'cities',
    shard,
    source: 'n1',
    target: 'n2',
    waiting: { code, reason: `${code}: why`, sinceMs: 1 },
  }) as Partial<MoveState> as MoveState;

describe('moves that wait', () => {
  it('are told once for each reason, with what unblocks it, however many are in their grace', () => {
    const graces = Array.from({ length: 9 }, (_, shard) => waits(shard, 'grace'));
    const full = [10, 11, 12].map((shard) => waits(shard, 'target_full'));
    const findings = waitFindings([...graces, ...full, waits(13, 'source_full')]);
    expect(findings.map(({ subject, found }) => `${subject}: ${found}`)).toEqual([
      'move p1-10: cities/10 waits: target_full: why (and 2 more wait for such)',
      'move p1-13: cities/13 waits: source_full: why',
    ]);
    expect(findings[0]).toMatchObject({ level: 'warn', remedy: expect.stringContaining('place at n2') as unknown });
  });

  it('are no trouble where all are in their grace', () => {
    expect(waitFindings([waits(1, 'grace'), { ...waits(2, 'grace'), waiting: null }])).toEqual([]);
  });
});
