import { availableParallelism } from 'node:os';

import { ApiError } from './errors.ts';

/**
 * Bounds how many reads and searches run at once.
 * A request that finds the queue full takes the place of a random one that waits, which is then turned away.
 */
export class SearchQueue {
  private readonly slots: number;
  private readonly capacity: number;
  private running = 0;
  private readonly waiting: { start: () => void; refuse: (error: ApiError) => void }[] = [];

  constructor(capacity: number, perCore: number) {
    this.capacity = capacity;
    this.slots = Math.max(1, perCore * availableParallelism());
  }

  /** Resolves when there is a place; the caller must call {@link leave} when its answer is out. */
  enter(): Promise<void> {
    if (this.running < this.slots) {
      this.running += 1;
      return Promise.resolve();
    }
    return new Promise((start, refuse) => {
      if (this.waiting.length >= this.capacity) {
        const unlucky = this.waiting.splice(Math.floor(Math.random() * this.waiting.length), 1)[0];
        (unlucky?.refuse ?? refuse)(this.refusal());
        if (!unlucky) return;
      }
      this.waiting.push({ start, refuse });
    });
  }

  leave(): void {
    const next = this.waiting.shift();
    if (next) next.start();
    else this.running -= 1;
  }

  private refusal(): ApiError {
    return new ApiError(
      'too_many_search_requests',
      `Too many search requests running at the same time: ${this.capacity}. Retry after 10s.`,
    );
  }
}
