import { describe, expect, it } from 'vitest';
import { applyEvent } from '../../../src/core/events.ts';
import { backLater, degradedBySight, failedBySight, FLAP_WINDOW_MS, withoutTrouble } from '../../../src/core/seen.ts';
import { topologyOf } from './world.ts';

const node = topologyOf({ n1: 'active' }).nodes[0]!;
const failedAt = (...times: readonly number[]) =>
  times.reduce((before, atMs) => failedBySight({ ...before, state: 'failed' }, 'no answer', atMs), node);

describe('what observers made of a node', () => {
  it('is kept with it: why, that they failed it, and when', () => {
    expect(failedAt(1_000).seen).toEqual({ why: 'no answer', failed: true, failuresAtMs: [1_000] });
    expect(degradedBySight(node, 'its key is refused')).toEqual({
      ...node,
      state: 'degraded',
      seen: { why: 'its key is refused' },
    });
    expect(withoutTrouble(degradedBySight(node, 'no answer'))).toEqual({ ...node, state: 'degraded' });
    expect(degradedBySight(failedAt(5), 'no answer').seen).toEqual({ why: 'no answer', failuresAtMs: [5] });
  });

  it('is flapping at the fourth failure in ten minutes, and not when they are further apart', () => {
    expect(failedAt(1, 2, 3).seen?.flapping).toBeUndefined();
    expect(failedAt(1, 2, 3, 4).seen).toMatchObject({ flapping: true, failuresAtMs: [1, 2, 3, 4] });
    expect(failedAt(1, 2, 3, 4, 5).seen?.failuresAtMs).toEqual([2, 3, 4, 5]);
    expect(failedAt(1, 2, 3, FLAP_WINDOW_MS + 1).seen).toEqual({
      why: 'no answer',
      failed: true,
      failuresAtMs: [2, 3, FLAP_WINDOW_MS + 1],
    });
  });

  it('is over with its return, but for the times', () => {
    const topology = { version: 1, nodes: [{ ...failedAt(7), state: 'failed' as const }] };
    const back = applyEvent(topology, { type: 'NodeRecovered', nodeId: 'n1' });
    expect(back.topology.nodes[0]).toEqual({ ...node, state: 'restoring', seen: { failuresAtMs: [7] } });
  });

  it('brings a node back later that an event has said is back, as if they had failed it', () => {
    const topology = { version: 1, nodes: [{ ...failedAt(7), state: 'failed' as const }] };
    const [told] = applyEvent(topology, { type: 'NodeFailed', nodeId: 'n1' }).topology.nodes;
    expect(backLater(told!, 'its shard settles').seen).toEqual({
      why: 'its shard settles',
      failed: true,
      failuresAtMs: [7],
    });
  });

  it('is not what an event says: a node that is failed by one as well is not theirs to bring back', () => {
    const topology = { version: 1, nodes: [{ ...failedAt(7), state: 'failed' as const }] };
    const told = applyEvent(topology, { type: 'NodeFailed', nodeId: 'n1' });
    expect(told.change).toBe('changed');
    expect(told.topology.nodes[0]).toEqual({ ...node, state: 'failed', seen: { failuresAtMs: [7] } });
    expect(applyEvent(told.topology, { type: 'NodeFailed', nodeId: 'n1' }).change).toBe('repeated');
  });
});
