/** Option values as people type them. */
import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `500ms`, `30s`, `10m`, `2h` as ms. */
export function duration(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (factor === undefined) throw new InvalidArgumentError('Give a number with a unit: 500ms, 30s, 10m, 2h.');
  return Math.round(Number(number) * factor);
}

export function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** `a, b` as ['a', 'b']. */
export function list(text: string): string[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length === 0) throw new InvalidArgumentError('Give one or more, with commas between.');
  return parts;
}

/** `3`, or `http://a:7700, http://b:7700`. */
export const countOrList = (text: string): number | string[] => (/^\d+$/.test(text) ? whole(text) : list(text));

export const wholes = (text: string): number[] => list(text).map(whole);

export function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's position helps nobody who typed this in a shell; the usual cause does.
    throw new InvalidArgumentError(`Give JSON, in single quotes for the shell: '{"node_id":"n4"}'.`);
  }
}
