/** What observers made of a node, as its entry in the topology keeps it: why it is degraded, who failed it, how often. */
import type { TopologyNode } from './topology.ts';

export interface NodeSeen {
  /** Why it is degraded or failed. */
  readonly why?: string;
  /** Observers failed it, so their word brings it back. Absent where an event said so: that is nobody else's to undo. */
  readonly failed?: true;
  /** When observers failed it (Redis time), oldest first: those of the flap window, and no more than decide. */
  readonly failuresAtMs?: readonly number[];
  /** It fails too often: it comes back only after it has answered for long. */
  readonly flapping?: true;
}

/** Failures within the window after which the next one is flapping. */
const FAILURES_MAX = 3;
export const FLAP_WINDOW_MS = 600_000;

/** The entry with this as all that was seen; with nothing seen it has no such field. */
function withSeen({ seen: _seen, ...node }: TopologyNode, seen: NodeSeen): TopologyNode {
  return Object.keys(seen).length === 0 ? node : { ...node, seen };
}

const history = ({ seen }: TopologyNode): NodeSeen =>
  seen?.failuresAtMs === undefined ? {} : { failuresAtMs: seen.failuresAtMs };

/** A node that observers have failed. */
export function failedBySight(node: TopologyNode, why: string, nowMs: number): TopologyNode {
  const before = (node.seen?.failuresAtMs ?? []).filter((atMs) => atMs > nowMs - FLAP_WINDOW_MS);
  const flapping = before.length >= FAILURES_MAX;
  return withSeen(node, {
    why,
    failed: true,
    failuresAtMs: [...before, nowMs].slice(-FAILURES_MAX - 1),
    ...(flapping ? { flapping } : {}),
  });
}

/** A failed node that is back, and is taken back by us later on: an event for it has been, so none is waited for. */
export const backLater = (node: TopologyNode, why: string): TopologyNode =>
  withSeen(node, { ...history(node), why, failed: true });

export const degradedBySight = (node: TopologyNode, why: string): TopologyNode => ({
  ...withSeen(node, { ...history(node), why }),
  state: 'degraded',
});

/** Of an older trouble only the times of failures are left. */
export const withoutTrouble = (node: TopologyNode): TopologyNode => withSeen(node, history(node));
