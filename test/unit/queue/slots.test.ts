import { describe, expect, it } from 'vitest';
import { MoveSlots } from '../../../src/queue/slots.ts';

describe('places of a process', () => {
  it('are as many as max_concurrent_migrations, over all its indexes', () => {
    const slots = new MoveSlots(3);
    expect(['a/1', 'a/2', 'b/1', 'b/2'].map((move) => slots.tryEnter(move, move.slice(0, 1)))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(slots.used).toBe(3);
  });

  it('a move that has one keeps it from phase to phase', () => {
    const slots = new MoveSlots(1);
    expect(slots.tryEnter('m1', 'a')).toBe(true);
    expect(slots.tryEnter('m1', 'a')).toBe(true);
    expect(slots.used).toBe(1);
    slots.leave('m1');
    expect(slots.tryEnter('m2', 'a')).toBe(true);
  });

  it('leaving twice gives back one place', () => {
    const slots = new MoveSlots(2);
    slots.tryEnter('m1', 'a');
    slots.tryEnter('m2', 'a');
    slots.leave('m1');
    slots.leave('m1');
    expect(slots.used).toBe(1);
  });

  it('an index that is not served any more gives all of its places back, and no other', () => {
    const slots = new MoveSlots(4);
    for (const [move, index] of [
      ['m1', 'a'],
      ['m2', 'b'],
      ['m3', 'a'],
    ] as const)
      slots.tryEnter(move, index);
    slots.leaveIndex('a');
    expect(slots.used).toBe(1);
    expect(slots.tryEnter('m2', 'b')).toBe(true);
    expect(slots.used).toBe(1);
  });
});
