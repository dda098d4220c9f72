/** Numbers and times for people. */

const COUNT = new Intl.NumberFormat('en');
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** 18912 → 18,912 */
export const countText = (value: number): string => COUNT.format(value);
/** 18912 → 18.9k */
export const shortText = (value: number): string => SHORT.format(value).toLowerCase();

export const moveCount = (count: number): string => `${countText(count)} ${count === 1 ? 'move' : 'moves'}`;

/** Two units at most: 850 ms, 12 s, 2m10s, 3h05m, 4d. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${pad(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h${pad(minutes % 60)}m` : `${Math.floor(hours / 24)}d`;
}

const pad = (value: number): string => String(value).padStart(2, '0');

/** As two people would say it: 2–3 min, 40–55 s, about 1 min. */
export function rangeText(lowSeconds: number, highSeconds: number): string {
  const [size, unit] = highSeconds < 100 ? [1, 's'] : highSeconds < 6_000 ? [60, 'min'] : [3_600, 'h'];
  const low = Math.max(1, Math.round(lowSeconds / size));
  const high = Math.max(low, Math.round(highSeconds / size));
  return low === high ? `about ${high} ${unit}` : `${low}–${high} ${unit}`;
}

/** 14:07:41 of the browser's own zone. */
export function clockText(atMs: number): string {
  const date = new Date(atMs);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(':');
}

/** Whole percent; 100 only when all is there. */
export function percentOf(part: number, whole: number): number {
  if (whole <= 0) return 0;
  return part >= whole ? 100 : Math.min(99, Math.floor((100 * part) / whole));
}

export const rateText = (perSecond: number): string =>
  perSecond >= 10_000 ? `${shortText(perSecond)}/s` : `${countText(Math.round(perSecond))}/s`;

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB'];
export function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(BYTES.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${BYTES[power]}`;
}
