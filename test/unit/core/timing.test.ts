import { expect, it } from 'vitest';
import { SHARD_STATES } from '../../../src/core/routing.ts';
import { leaseTimings } from '../../../src/core/timing.ts';

it('the original’s 10 s give 6 s self-stop, 4 s requests, 11 s takeover, 12 s after a change of run id', () => {
  expect(leaseTimings(10_000, 2000)).toMatchObject({
    renewMs: 2000,
    selfStopMs: 6000,
    requestMs: 4000,
    takeoverMs: 11_000,
    runChangeMs: 12_000,
  });
});

it('a shard’s states are those of the protocol, in the order of a move', () => {
  expect(SHARD_STATES).toEqual(['stable', 'tracking', 'held', 'settling', 'settled']);
});
