/** The throttle of copies, for operators: in all, and into single nodes. */
import { changedThrottle, NO_THROTTLE, parseThrottle, type CopyLimits, type Throttle } from '../core/throttle.ts';
import { findNode } from '../core/topology.ts';
import { NodeUnknownError } from '../errors.ts';
import type { ThrottleRecord, Throttles } from '../ports.ts';
import { type Asker, audited } from './audited.ts';
import type { ControlParts } from './parts.ts';

export type ThrottleParts = Pick<ControlParts, 'records'> & { readonly throttles: Pick<Throttles, 'read' | 'set'> };

export const showThrottle = ({ throttles }: ThrottleParts): Promise<ThrottleRecord> => throttles.read();

/** The whole of it: a node that is not named has no limit of its own. Throws `InvalidInputError`, `NodeUnknownError`. */
export const setThrottle = (parts: ThrottleParts & Asker, wanted: unknown): Promise<ThrottleRecord> =>
  store(parts, parseThrottle(wanted));

/** One part of it; what is not named stays. Throws `ConflictError` when somebody else changes it just now. */
export async function changeThrottle(
  parts: ThrottleParts & Asker,
  node: string | null,
  change: Partial<CopyLimits>,
): Promise<ThrottleRecord> {
  const before = await parts.throttles.read();
  return store(parts, parseThrottle(changedThrottle(before.throttle, node, change)), before);
}

export const clearThrottle = (parts: ThrottleParts & Asker): Promise<ThrottleRecord> => store(parts, NO_THROTTLE);

function store(parts: ThrottleParts & Asker, throttle: Throttle, expected?: ThrottleRecord): Promise<ThrottleRecord> {
  return audited(parts, 'throttle set', { throttle: JSON.stringify(throttle) }, async () => {
    const topology = await parts.records.topology();
    const unknown = Object.keys(throttle.nodes).find((id) => findNode(topology, id) === undefined);
    if (unknown !== undefined) {
      throw new NodeUnknownError(`node ${unknown} is not known`, { field: 'node', remedy: 'see `miroir node list`' });
    }
    return parts.throttles.set(throttle, parts.actor, expected);
  });
}
