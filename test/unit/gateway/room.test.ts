// Room for bodies: who gets it, who waits, who is refused, and that it is always given back.
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/gateway/answers.ts';
import { Room, Rooms } from '../../../src/gateway/room.ts';

const LONG_MS = 60_000;
const open = (): AbortSignal => new AbortController().signal;

describe('room', () => {
  it('is taken before the body and given back after it', async () => {
    const room = new Room(100);
    const first = await room.enter(60, LONG_MS, open());
    const second = await room.enter(40, LONG_MS, open());
    expect(room.heldBytes).toBe(100);
    first.release();
    expect(room.heldBytes).toBe(40);
    first.release();
    second.release();
    expect(room.heldBytes).toBe(0);
  });

  it('is waited for in order: what is small does not pass what is large', async () => {
    const room = new Room(100);
    const first = await room.enter(60, LONG_MS, open());
    const order: string[] = [];
    const large = room.enter(90, LONG_MS, open()).then((share) => (order.push('large'), share));
    const small = room.enter(10, LONG_MS, open()).then((share) => (order.push('small'), share));
    first.release();
    (await large).release();
    await small;
    expect(order).toEqual(['large', 'small']);
    expect(room.heldBytes).toBe(10);
  });

  it('is refused with 503 after the wait, and the line goes on', async () => {
    const room = new Room(100);
    await room.enter(60, LONG_MS, open());
    const refused = room.enter(90, 5, open());
    const behind = room.enter(40, LONG_MS, open());
    await expect(refused).rejects.toBeInstanceOf(Refusal);
    await expect(refused).rejects.toMatchObject({ answer: { status: 503, headers: { 'retry-after': '1' } } });
    await behind;
    expect(room.heldBytes).toBe(100);
  });

  it('is left by a client that goes away', async () => {
    const room = new Room(100);
    const first = await room.enter(100, LONG_MS, open());
    const controller = new AbortController();
    const waiting = room.enter(50, LONG_MS, controller.signal);
    controller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(room.enter(50, LONG_MS, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
    first.release();
    expect(room.heldBytes).toBe(0);
  });

  it('grows with a body of unknown length, at once or not at all', async () => {
    const room = new Room(100);
    const growing = await room.enter(0, LONG_MS, open());
    growing.grow(50);
    growing.grow(30);
    expect(room.heldBytes).toBe(50);
    const other = await room.enter(40, LONG_MS, open());
    expect(() => growing.grow(61)).toThrow(Refusal);
    expect(room.heldBytes).toBe(90);
    other.release();
    growing.grow(100);
    growing.release();
    expect(room.heldBytes).toBe(0);
  });
});

describe('rooms', () => {
  it('let small bodies in where large ones hold all they may, and bound them, too', async () => {
    const rooms = new Rooms(800_000);
    await rooms.enter(800_000, LONG_MS, open());
    const small = await rooms.enter(60_000, LONG_MS, open());
    expect(rooms.heldBytes).toBe(860_000);
    await expect(rooms.enter(60_000, 5, open())).rejects.toBeInstanceOf(Refusal);
    await expect(rooms.enter(70_000, 5, open())).rejects.toBeInstanceOf(Refusal);
    small.release();
    expect(rooms.heldBytes).toBe(800_000);
  });

  it('take a body of unknown length for a large one', async () => {
    const rooms = new Rooms(800_000);
    const share = await rooms.enter(null, LONG_MS, open());
    share.grow(800_000);
    expect(() => share.grow(800_001)).toThrow(Refusal);
  });
});
