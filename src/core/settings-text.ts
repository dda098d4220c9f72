/** Settings of an index as one text, whatever order their fields are in, and the fingerprint of that text. */
export type Settings = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const points = (text: string): number[] => Array.from(text, (letter) => letter.codePointAt(0) ?? 0);

/** The order of UTF-8 bytes, which is that of code points; that of JavaScript's own texts differs beyond U+FFFF. */
export function byBytes(a: string, b: string): number {
  const [left, right] = [points(a), points(b)];
  const at = left.findIndex((point, position) => point !== right[position]);
  return at < 0 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1);
}

/** Compact JSON with the keys of objects sorted at every level; arrays as they are, since their order matters. */
export function settingsText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(settingsText).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).sort(([a], [b]) => byBytes(a, b));
  return `{${entries.map(([name, inner]) => `${JSON.stringify(name)}:${settingsText(inner)}`).join(',')}}`;
}

/** Lower-case hex SHA-256 of the text; that of `{}` is 44136fa3…, as in the original. */
export async function fingerprintOf(settings: Settings): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(settingsText(settings)));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Names of the settings in which two nodes differ. */
export const differingSettings = (a: Settings, b: Settings): string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((name) => settingsText(a[name] ?? null) !== settingsText(b[name] ?? null))
    .sort(byBytes);
