/**
 * Internal ids that share one facet value, given out in ascending order.
 * Cost: adding and removing is constant; the list is put in order when it is next read.
 */
export class Posting {
  private ids: number[] = [];
  private readonly removed = new Set<number>();
  private isSorted = true;

  get size(): number {
    return this.ids.length - this.removed.size;
  }

  add(id: number): void {
    if (this.removed.delete(id)) return;
    const last = this.ids[this.ids.length - 1];
    if (last !== undefined && id < last) this.isSorted = false;
    this.ids.push(id);
  }

  remove(id: number): void {
    this.removed.add(id);
  }

  list(): readonly number[] {
    if (this.removed.size > 0) {
      this.ids = this.ids.filter((id) => !this.removed.has(id));
      this.removed.clear();
    }
    if (!this.isSorted) {
      this.ids.sort((a, b) => a - b);
      this.isSorted = true;
    }
    return this.ids;
  }
}

/** Postings by value. Most values of an id-like attribute have one document, which is then kept without a list. */
export class PostingMap<K extends string | number> {
  private readonly map = new Map<K, number | Posting>();
  private sorted: K[] = [];
  private added: K[] = [];

  add(key: K, id: number): void {
    const entry = this.map.get(key);
    if (entry === undefined) {
      this.map.set(key, id);
      this.added.push(key);
    } else if (typeof entry === 'number') {
      const posting = new Posting();
      if (entry >= 0) posting.add(entry);
      posting.add(id);
      this.map.set(key, posting);
    } else entry.add(id);
  }

  /** Keys stay when their last document goes: values come back, and the sorted keys stay valid. */
  remove(key: K, id: number): void {
    const entry = this.map.get(key);
    if (entry instanceof Posting) entry.remove(id);
    else if (entry === id) this.map.set(key, -1);
  }

  sizeOf(key: K): number {
    const entry = this.map.get(key);
    if (entry instanceof Posting) return entry.size;
    return entry === undefined || entry < 0 ? 0 : 1;
  }

  listOf(key: K): readonly number[] {
    const entry = this.map.get(key);
    if (entry instanceof Posting) return entry.list();
    return entry === undefined || entry < 0 ? [] : [entry];
  }

  get isSettled(): boolean {
    return this.added.length === 0;
  }

  /** All keys in ascending order. Cost: one merge after new values came in, else nothing. */
  keys(): readonly K[] {
    if (this.added.length > 0) {
      this.added.sort(compare);
      if (this.sorted.length === 0 || compare(this.sorted[this.sorted.length - 1] as K, this.added[0] as K) < 0) {
        for (const key of this.added) this.sorted.push(key);
      } else this.sorted = merge(this.sorted, this.added);
      this.added = [];
    }
    return this.sorted;
  }
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function merge<K extends string | number>(left: readonly K[], right: readonly K[]): K[] {
  const merged: K[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    const a = left[i];
    const b = right[j];
    if (b === undefined || (a !== undefined && a < b)) {
      merged.push(a as K);
      i += 1;
    } else {
      merged.push(b);
      j += 1;
    }
  }
  return merged;
}

/** Index of the first key that is not below `value`. */
export function lowerBound<K extends string | number>(keys: readonly K[], value: K): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as K) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
