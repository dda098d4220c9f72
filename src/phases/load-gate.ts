/** Room that is shared: tasks, documents and bytes in a target, pages in memory. */

/** A counting gate: `enter` waits until there is room. One caller that is larger than all room enters alone. */
export class LoadGate {
  #used = 0;
  #waiting: { size: number; enter: () => void }[] = [];
  readonly #room: () => number;

  constructor(room: () => number) {
    this.#room = room;
  }

  get used(): number {
    return this.#used;
  }

  async enter(size: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiting.length === 0 && this.#fits(size)) {
      this.#used += size;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiter = {
        size,
        enter: (): void => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      const abort = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        reject(signal.reason as Error);
        this.wake();
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  leave(size: number): void {
    this.#used -= size;
    this.wake();
  }

  wake(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.size); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.size;
      next.enter();
    }
  }

  #fits(size: number): boolean {
    return this.#used === 0 || this.#used + size <= this.#room();
  }
}
