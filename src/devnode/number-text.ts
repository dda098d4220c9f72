/** A number that does not fit a double; the real node accepts the payload and fails the batch. */
export class NumberRangeError extends Error {}

const MAX_U64 = 18446744073709551615n;
const MIN_I64 = -9223372036854775808n;
const POWERS = Array.from({ length: 309 }, (_, i) => Number(`1e${i}`));

/**
 * The text under which a real node gives out a JSON number: integers from -2^63 to 2^64-1 as they are, everything
 * else as a double in its shortest form (`1e2` → `100.0`, `2.50` → `2.5`).
 */
export function numberText(text: string): string {
  if (/^-?\d+$/.test(text)) {
    if (text === '-0') return '-0.0';
    if (text.length <= 18) return text;
    const value = BigInt(text);
    if (value <= MAX_U64 && value >= MIN_I64) return text;
  }
  return doubleText(readDouble(text));
}

/**
 * Reads a number as the real node does: the digits as one 64-bit integer, then one multiplication or division.
 * Why not Number(text): that rounds once and correctly; the node rounds twice, so about one long double in ten
 * differs by one unit in the last place, and tests of digests need to meet that.
 */
function readDouble(text: string): number {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!parts) throw new NumberRangeError(`not a number: ${text}`);
  const [, sign, whole = '', fraction = '', power = '0'] = parts;
  let exponent = 0;
  let significand: number;
  if (whole.length + fraction.length <= 15) {
    significand = Number(whole + fraction);
    exponent = -fraction.length;
  } else {
    let digits = 0n;
    let isFull = false;
    for (const digit of whole) {
      const next = digits * 10n + BigInt(digit);
      if (isFull || next > MAX_U64) {
        isFull = true;
        exponent += 1;
      } else digits = next;
    }
    for (const digit of fraction) {
      const next = digits * 10n + BigInt(digit);
      if (next > MAX_U64) break;
      digits = next;
      exponent -= 1;
    }
    significand = Number(digits);
  }
  exponent += Math.max(-1e9, Math.min(1e9, Number(power)));
  const value = scale(significand, exponent);
  return sign === '-' ? -value : value;
}

function scale(significand: number, power: number): number {
  let value = significand;
  let exponent = power;
  for (;;) {
    const factor = POWERS[Math.abs(exponent)];
    if (factor !== undefined) {
      value = exponent >= 0 ? value * factor : value / factor;
      if (!Number.isFinite(value)) throw new NumberRangeError('number out of range');
      return value;
    }
    if (value === 0) return value;
    if (exponent >= 0) throw new NumberRangeError('number out of range');
    value /= 1e308;
    exponent += 308;
  }
}

/** Shortest text of a double: at most 16 digits before the point, down to 0.00001, else `1.5e+20`. */
export function doubleText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const sign = value < 0 ? '-' : '';
  const [mantissa = '', power = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const point = Number(power) + 1;
  if (point > 0 && point <= 16) {
    if (digits.length <= point) return `${sign}${digits.padEnd(point, '0')}.0`;
    return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  }
  if (point > -5 && point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${mantissa}e${Number(power) < 0 ? '-' : '+'}${Math.abs(Number(power))}`;
}
