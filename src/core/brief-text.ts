/** What a task shows of what a client sent, such as a filter of some megabytes; as many as are kept would fill memory. */
const CHARS_MAX = 10_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The text, or its beginning: as a copy, since a slice keeps the whole text alive. */
export function briefText(text: string): string {
  if (text.length <= CHARS_MAX) return text;
  return decoder.decode(encoder.encode(`${text.slice(0, CHARS_MAX)}…`));
}
