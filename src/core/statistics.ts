/** Sums, means and ranks of a few numbers. */

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** 0 of none. */
export const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : sum(values) / values.length);

/** Where a value stands in the sorted list at that share of it, between its two neighbours; 0 of none. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const [low = 0, high = low] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}
