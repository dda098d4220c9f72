import { describe, expect, it } from 'vitest';
import type { RoutingTable, ShardRoute, ShardState } from '../../../src/core/routing.ts';
import { InFlight } from '../../../src/routing/router/in-flight.ts';

const route = (shard: number, epoch: number, state: ShardState = 'tracking'): ShardRoute => ({
  shard,
  state,
  owners: ['n1'],
  readers: ['n1'],
  epoch,
});
const table = (epoch: number, ...shards: ShardRoute[]): RoutingTable => ({ index: 'docs', epoch, shards });

function counts() {
  const over: string[] = [];
  return { over, inFlight: new InFlight((index) => over.push(index)) };
}

describe('requests in flight (R2)', () => {
  it('acknowledge the table where nothing was sent by an older route', () => {
    const { inFlight } = counts();
    inFlight.begin('docs', 'write', [{ shard: 0, epoch: 4 }]);
    inFlight.begin('other', 'write', [{ shard: 1, epoch: 1 }]);
    expect(inFlight.acknowledged(table(9, route(0, 4), route(1, 9)))).toEqual({ epoch: 9 });
  });

  it('make only their own shard late, with the oldest epoch that something was sent by', () => {
    const { inFlight, over } = counts();
    const older = inFlight.begin('docs', 'write', [{ shard: 0, epoch: 3 }]);
    const newer = inFlight.begin('docs', 'write', [
      { shard: 0, epoch: 5 },
      { shard: 1, epoch: 2 },
    ]);
    const now = table(8, route(0, 8, 'held'), route(1, 2));
    expect(inFlight.acknowledged(now)).toEqual({ epoch: 8, late: { 0: 3 } });
    older();
    older();
    expect(inFlight.acknowledged(now)).toEqual({ epoch: 8, late: { 0: 5 } });
    expect(over).toEqual(['docs']);
    newer();
    expect(inFlight.acknowledged(now)).toEqual({ epoch: 8 });
    expect(inFlight.size).toBe(0);
  });

  it('count each request of several at one epoch', () => {
    const { inFlight, over } = counts();
    const ends = [1, 2].map(() => inFlight.begin('docs', 'write', [{ shard: 0, epoch: 3 }]));
    ends[0]?.();
    expect(over).toEqual([]);
    expect(inFlight.acknowledged(table(4, route(0, 4)))).toEqual({ epoch: 4, late: { 0: 3 } });
    ends[1]?.();
    expect(over).toEqual(['docs']);
  });

  it.each([
    ['tracking', undefined],
    ['held', undefined],
    ['settling', undefined],
    ['settled', { 0: 3 }],
    ['stable', { 0: 3 }],
  ] as const)('hold back reads where old owners lose their copy next: %s', (state, late) => {
    const { inFlight } = counts();
    inFlight.begin('docs', 'read', [{ shard: 0, epoch: 3 }]);
    expect(inFlight.acknowledged(table(6, route(0, 6, state))).late).toEqual(late);
  });

  it('of an index whose table is gone are told of until its writes are over', () => {
    const { inFlight, over } = counts();
    const ends = [
      inFlight.begin('gone', 'write', [{ shard: 0, epoch: 3 }]),
      inFlight.begin('gone', 'write', [{ shard: 1, epoch: 5 }]),
    ];
    inFlight.begin('gone', 'read', [{ shard: 2, epoch: 1 }]);
    const docs = table(9, route(0, 9));
    expect(inFlight.acknowledgedAll([docs])).toEqual({ docs: { epoch: 9 }, gone: { epoch: 3, late: { 0: 3, 1: 5 } } });
    ends[0]?.();
    expect(inFlight.acknowledgedAll([docs])).toEqual({ docs: { epoch: 9 }, gone: { epoch: 5, late: { 1: 5 } } });
    ends[1]?.();
    expect(inFlight.acknowledgedAll([docs])).toEqual({ docs: { epoch: 9 } });
    expect(over).toEqual(['gone', 'gone']);
  });

  it('of an index that is gone are told whatever its name', () => {
    const { inFlight } = counts();
    inFlight.begin('constructor', 'write', [{ shard: 0, epoch: 3 }]);
    expect(Object.keys(inFlight.acknowledgedAll([]))).toEqual(['constructor']);
  });

  it('are drained when the last one ends', async () => {
    const { inFlight } = counts();
    await inFlight.drained();
    const end = inFlight.begin('docs', 'read', []);
    let isDrained = false;
    const drained = inFlight.drained().then(() => (isDrained = true));
    await Promise.resolve();
    expect(isDrained).toBe(false);
    end();
    await drained;
  });
});
