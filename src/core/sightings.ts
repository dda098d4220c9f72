/**
 * What a node's index was when somebody last looked, against what it is now: a node that comes back empty, or with an
 * older disk, answers as if nothing were wrong. Task numbers alone do not tell for long, since new writes pass the last one
 * seen within seconds; so the very task is looked up again.
 */
export interface Sighting {
  /** `createdAt` of the index, as the node told it. */
  readonly created: string;
  /** The node's newest task, of whatever index, and when that was enqueued by the node's own clock. */
  readonly uid: number;
  readonly enqueuedAt: string;
  /** What the node has lost since; what it has now is compared with the rest as long as this stands. */
  readonly lost?: string;
}

/** A node's newest task, of whatever index; uid -1 and '' where it never had one. */
export type Newest = Pick<Sighting, 'uid' | 'enqueuedAt'>;

/** What the node has now. */
export interface Present extends Newest {
  /** Null: no such index. */
  readonly created: string | null;
  /** When the task that was the newest as it was seen was enqueued; null when the node does not know that number. */
  readonly seenAt: string | null;
}

/** The part of a node's client that a look takes. */
export interface Asked {
  index(uid: string): Promise<{ readonly createdAt: string } | null>;
  tasks(query: { readonly uids?: readonly number[]; readonly limit: number }): Promise<readonly Newest[]>;
}

export async function newestTask(node: Asked): Promise<Newest> {
  const [newest] = await node.tasks({ limit: 1 });
  return newest === undefined ? { uid: -1, enqueuedAt: '' } : { uid: newest.uid, enqueuedAt: newest.enqueuedAt };
}

/** Whether the node has had no task since: then it has what it had, and no index of it needs a look. */
export const isUnchanged = ({ uid, enqueuedAt, lost }: Sighting, newest: Newest): boolean =>
  lost === undefined && uid === newest.uid && enqueuedAt === newest.enqueuedAt;

export async function lookAt(node: Asked, index: string, seen: Sighting | null, newest: Newest): Promise<Present> {
  const found = await node.index(index);
  const isNewest = seen === null || seen.uid < 0 || seen.uid === newest.uid;
  const [same] = isNewest ? [newest] : await node.tasks({ uids: [seen.uid], limit: 1 });
  return { ...newest, created: found?.createdAt ?? null, seenAt: same?.enqueuedAt ?? null };
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

/** What the node has lost since it was seen, by a look at it now. */
export const lossSince = async (node: Asked, index: string, seen: Sighting): Promise<string | null> =>
  lossOf(seen, await lookAt(node, index, seen, await newestTask(node)));

/** What is to be remembered of a look; null when the node has no such index. */
export const sightingOf = ({ created, uid, enqueuedAt }: Present): Sighting | null =>
  created === null ? null : { created, uid, enqueuedAt };
