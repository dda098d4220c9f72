/**
 * Write requests under way by node, bounded, so that a node that hangs costs a bounded number of requests. Places are
 * taken at all nodes of a round or at none, and are waited for outside of any choice: what is in flight never waits here.
 */
import type { Bell } from './bell.ts';

export const placeBell = (node: string): string => `place:${node}`;

/** Woken by one free place: one of them may need places at other nodes too. The others look again by themselves. */
const WOKEN = 4;

export class Places {
  readonly #most: number;
  readonly #bell: Bell;
  readonly #taken = new Map<string, number>();

  constructor(most: number, bell: Bell) {
    this.#most = most;
    this.#bell = bell;
  }

  take(nodes: readonly string[]): boolean {
    if (nodes.some((node) => (this.#taken.get(node) ?? 0) >= this.#most)) return false;
    for (const node of nodes) this.#taken.set(node, (this.#taken.get(node) ?? 0) + 1);
    return true;
  }

  give(node: string): void {
    const left = (this.#taken.get(node) ?? 1) - 1;
    if (left === 0) this.#taken.delete(node);
    else this.#taken.set(node, left);
    this.#bell.ring(placeBell(node), WOKEN);
  }
}
