/**
 * Write requests under way by node, bounded, so that a node that hangs costs a bounded number of requests. Places are
 * taken at all nodes of a round or at none, and are waited for outside of any choice: what is in flight never waits here.
 * Large writes have places of their own: they need them again and again, many at once, and would never find them all free
 * beside hundreds of small ones; and small ones would wait behind bodies of megabytes.
 */
import type { Bell } from './bell.ts';

export type WriteSize = 'small' | 'large';

export const placeBell = (node: string, size: WriteSize): string => `place:${size}:${node}`;

/** Woken by one free place: one of them may need places at other nodes too. The others look again by themselves. */
const WOKEN = 4;

export class Places {
  readonly #most: Readonly<Record<WriteSize, number>>;
  readonly #bell: Bell;
  readonly #taken: Readonly<Record<WriteSize, Map<string, number>>> = { small: new Map(), large: new Map() };

  constructor(most: Readonly<Record<WriteSize, number>>, bell: Bell) {
    this.#most = most;
    this.#bell = bell;
  }

  take(nodes: readonly string[], size: WriteSize): boolean {
    const taken = this.#taken[size];
    if (nodes.some((node) => (taken.get(node) ?? 0) >= this.#most[size])) return false;
    for (const node of nodes) taken.set(node, (taken.get(node) ?? 0) + 1);
    return true;
  }

  give(node: string, size: WriteSize): void {
    const taken = this.#taken[size];
    const left = (taken.get(node) ?? 1) - 1;
    if (left === 0) taken.delete(node);
    else taken.set(node, left);
    this.#bell.ring(placeBell(node, size), WOKEN);
  }
}
