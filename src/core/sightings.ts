/**
 * What a node's index was when somebody last looked, against what it is now: a node that comes back empty, or with an
 * older disk, answers as if nothing were wrong. Task numbers alone do not tell for long, since new writes pass the last one
 * seen within seconds; so the very task is looked up again.
 */
export interface Sighting {
  /** `createdAt` of the index, as the node told it. */
  readonly created: string;
  /** The node's newest task, of whatever index, and when that was enqueued by the node's own clock; -1 and '' without one. */
  readonly uid: number;
  readonly enqueuedAt: string;
  /** What the node has lost since; what it has now is compared with the rest as long as this stands. */
  readonly lost?: string;
}

/** What the node has now. */
export interface Present {
  /** Null: no such index. */
  readonly created: string | null;
  readonly uid: number;
  readonly enqueuedAt: string;
  /** When the task that was the newest then was enqueued; null when the node does not know that number. */
  readonly seenAt: string | null;
}

/** The part of a node's client that a look takes. */
export interface Asked {
  index(uid: string): Promise<{ readonly createdAt: string } | null>;
  tasks(query: {
    readonly uids?: readonly number[];
    readonly limit: number;
  }): Promise<readonly { readonly uid: number; readonly enqueuedAt: string }[]>;
}

/** Two small requests; a third where tasks have come since. */
export async function lookAt(node: Asked, index: string, seen: Sighting | null): Promise<Present> {
  const [found, [newest]] = await Promise.all([node.index(index), node.tasks({ limit: 1 })]);
  const { uid, enqueuedAt } = newest ?? { uid: -1, enqueuedAt: '' };
  const [same] =
    seen === null || seen.uid < 0 || seen.uid === uid ? [newest] : await node.tasks({ uids: [seen.uid], limit: 1 });
  return { created: found?.createdAt ?? null, uid, enqueuedAt, seenAt: same?.enqueuedAt ?? null };
}

/** What the node has lost since it was seen; null when nothing tells so. Tasks that somebody deleted are no loss. */
export function lossOf(seen: Sighting, now: Present): string | null {
  if (seen.lost !== undefined) return seen.lost;
  if (now.created === null) return 'the index is gone';
  if (now.created !== seen.created) return `the index was made anew at ${now.created}`;
  if (now.uid < seen.uid) return `its newest task was ${seen.uid} and is ${now.uid}`;
  if (seen.uid >= 0 && now.seenAt !== null && now.seenAt !== seen.enqueuedAt)
    return `task ${seen.uid} is not the one it was`;
  return null;
}

/** What is to be remembered of a look; null when there is nothing, or nothing new. */
export function sightingOf(seen: Sighting | null, { created, uid, enqueuedAt }: Present): Sighting | null {
  if (created === null) return null;
  const isKnown = seen?.created === created && seen.uid === uid && seen.enqueuedAt === enqueuedAt;
  return isKnown && seen.lost === undefined ? null : { created, uid, enqueuedAt };
}
