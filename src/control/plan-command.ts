/** Nodes that a plan brings in, and the command that asks for one plan of several nodes, as next steps and remedies name it. */
import type { TopologyEvent } from '../core/events.ts';

/** A node that the plan adds; null is what it has already, or the only replica group there is. */
export interface AddedNode {
  readonly id: string;
  /** Where documents will go. */
  readonly url: string | null;
  readonly group: number | null;
  readonly apiKeyRef: string | null;
}

export const addedOf = (events: readonly TopologyEvent[]): AddedNode[] =>
  events
    .filter(({ type }) => type === 'NodeAdded')
    .map(({ nodeId: id, url = null, group = null, apiKeyRef = null }) => ({ id, url, group, apiKeyRef }));

/** `miroir plan --add n4=http://…,group=1,key=fleet --drain n1 n2`. */
export function planCommand(added: readonly AddedNode[], drained: readonly string[]): string {
  const adds = added.map(({ id, url, group, apiKeyRef }) => {
    const inGroup = group === null ? '' : `,group=${group}`;
    return `--add ${id}=${url ?? ''}${inGroup}${apiKeyRef === null ? '' : `,key=${apiKeyRef}`}`;
  });
  return ['miroir plan', ...adds, ...(drained.length === 0 ? [] : [`--drain ${drained.join(' ')}`])].join(' ');
}
