import { describe, expect, it } from 'vitest';
import { Bell } from '../../../src/routing/router/bell.ts';
import { PartQueue } from '../../../src/routing/router/part-queue.ts';
import type { Pending } from '../../../src/routing/router/part-queue.ts';
import { PartWaits } from '../../../src/routing/router/part-waits.ts';
import { LIMITS } from '../../../src/routing/router/parts.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { createRouterObserver } from '../../../src/telemetry/observer.ts';
import { WaitingRoom } from '../../../src/routing/router/waits.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

function waiting() {
  const clock = new VirtualClock();
  const queue = new PartQueue([0, 1].map((shard) => ({ shard, ids: ['a'], texts: ['{}'], bytes: 2 })));
  const failures: string[] = [];
  const waits = new PartWaits({
    index: 'docs',
    queue,
    registration: { confirmed: () => Promise.resolve() },
    room: new WaitingRoom(LIMITS),
    bell: new Bell(clock),
    clock,
    observer: createRouterObserver(createMetrics({ withProcess: false })),
    limits: LIMITS,
    signal: new AbortController().signal,
    onDue: () => undefined,
    onFailure: ({ message }) => failures.push(message),
  });
  const parts = queue.take(1_000);
  const begin = (at: number, why: 'turn' | 'gate'): void => waits.begin(parts[at] as Pending, why, []);
  return { clock, begin, failures };
}

describe('a part that waits', () => {
  it('has its own time, however long its write has been under way', async () => {
    const { clock, begin, failures } = waiting();
    begin(0, 'turn');
    await clock.pass(61_000);
    begin(1, 'turn');
    expect(failures).toEqual([]);
    begin(0, 'gate');
    expect(failures).toEqual(['a write to shard 0 of index docs waited too long (gate)']);
  });

  it('waits twice its longest wait in all, whatever it waits for in turn', async () => {
    const { clock, begin, failures } = waiting();
    for (const why of ['turn', 'gate', 'turn'] as const) {
      begin(0, why);
      await clock.pass(25_000);
    }
    expect(failures).toEqual([]);
    begin(0, 'gate');
    expect(failures).toHaveLength(1);
  });
});
