/**
 * The most moves this process runs at a time, over all its indexes. A move keeps its slot from its first phase until it
 * is settled, waits or ends; a move in its grace holds none.
 */
export class MoveSlots {
  readonly #max: number;
  readonly #holders = new Map<string, string>();
  /** Called when a slot is given back. */
  onFree: () => void = () => undefined;

  constructor(max: number) {
    this.#max = max;
  }

  get used(): number {
    return this.#holders.size;
  }

  /** True when the move has a slot now. */
  tryEnter(moveId: string, index: string): boolean {
    if (this.#holders.has(moveId)) return true;
    if (this.#holders.size >= this.#max) return false;
    this.#holders.set(moveId, index);
    return true;
  }

  leave(moveId: string): void {
    if (this.#holders.delete(moveId)) this.onFree();
  }

  /** The process stops serving the index: its moves go on elsewhere. */
  leaveIndex(index: string): void {
    for (const [moveId, of] of this.#holders) if (of === index) this.leave(moveId);
  }
}
