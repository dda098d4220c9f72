/**
 * The set of top-level fields of a document, in the order in which the index gives them out.
 * Invariant: field numbers are given at first sight and never change, so a stored document never has to be reordered.
 */
export interface Shape {
  readonly names: readonly string[];
  /** Documents that have this shape now; the field distribution is the sum over the shapes. */
  count: number;
}

/** Field numbers and shapes of one index. */
export class ShapeTable {
  readonly fieldNumbers = new Map<string, number>();
  private readonly shapes = new Map<string, Shape>();

  fieldNumber(name: string): number {
    let number = this.fieldNumbers.get(name);
    if (number === undefined) {
      number = this.fieldNumbers.size;
      this.fieldNumbers.set(name, number);
    }
    return number;
  }

  /** `names` must be sorted by field number. */
  shapeOf(names: readonly string[]): Shape {
    const key = names.map((name) => this.fieldNumber(name)).join();
    let shape = this.shapes.get(key);
    if (!shape) {
      shape = { names: [...names], count: 0 };
      this.shapes.set(key, shape);
    }
    return shape;
  }

  all(): IterableIterator<Shape> {
    return this.shapes.values();
  }

  /** How many documents have each field, by name in alphabetical order. */
  distribution(): Record<string, number> {
    const counts = new Map<string, number>();
    for (const shape of this.shapes.values()) {
      if (shape.count === 0) continue;
      for (const name of shape.names) counts.set(name, (counts.get(name) ?? 0) + shape.count);
    }
    return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
