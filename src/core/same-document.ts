/** Equal documents where digests differ: a node's reading moves doubles by a unit in the last place. */
import { canonicalDocument } from './canonical.ts';

/**
 * Largest relative difference of two doubles that count as one. A unit in the last place is 2e-16, and small numbers
 * move again with every copy; a client's change of a value is far above this.
 */
const TOLERANCE = 1e-12;

/** The end of the token at `at` of a canonical text: a string, a double, or else one character. */
function tokenEnd(text: string, at: number): number {
  const first = text[at];
  if (first === 'd') {
    let end = at + 1;
    while (end < text.length && !',]}'.includes(text[end]!)) end += 1;
    return end;
  }
  if (first !== '"') return at + 1;
  let end = at + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end + 1;
}

function isSameToken(a: string, b: string): boolean {
  if (a === b) return true;
  if (!a.startsWith('d') || !b.startsWith('d')) return false;
  const [x, y] = [Number(a.slice(1)), Number(b.slice(1))];
  return Math.abs(x - y) <= TOLERANCE * Math.max(Math.abs(x), Math.abs(y));
}

/**
 * Whether two documents (JSON texts) are equal but for a relative difference of 1e-12 in numbers that are not integers.
 * Integers, strings, structure and the difference between 1 and 1.0 count exactly.
 */
export function sameDocument(a: string, b: string): boolean {
  const [left, right] = [canonicalDocument(a), canonicalDocument(b)];
  if (left === right) return true;
  // Fields are in one order on both sides, so equal documents have equal tokens one after the other.
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    const [leftEnd, rightEnd] = [tokenEnd(left, i), tokenEnd(right, j)];
    if (!isSameToken(left.slice(i, leftEnd), right.slice(j, rightEnd))) return false;
    [i, j] = [leftEnd, rightEnd];
  }
  return i === left.length && j === right.length;
}
