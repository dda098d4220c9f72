// What every benchmark prints: human lines, and as its last line one JSON object.
export const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

export const round = (value: number, digits = 3): number => Number(value.toFixed(digits));

/** Result of one benchmark; `valid` false makes the run exit with 1. */
export interface BenchResult {
  readonly figures: Readonly<Record<string, number | string | boolean | null>>;
  readonly valid: boolean;
}
