/** The original's grammar for what is done again and again: `every 6h`. A wrong text is an error, never a default. */
const EVERY = /^every +(\d{1,9})(s|sec|seconds?|m|min|minutes?|h|hours?)$/i;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };
/** A year: what comes less often is rather switched off. */
const SECONDS_MAX = 31_536_000;

/** How many seconds lie between two starts; null for a text that says no such thing. */
export function intervalSecsOf(schedule: string): number | null {
  const [, count = '', unit = ''] = EVERY.exec(schedule.trim()) ?? [];
  const secs = Number(count) * (SECONDS[unit.charAt(0).toLowerCase()] ?? 0);
  return secs >= 1 && secs <= SECONDS_MAX ? secs : null;
}
