/** Server-sent events from text as it comes, cut anywhere. */
import type { AuditEvent } from './answers.ts';

export interface Parsed {
  readonly events: readonly AuditEvent[];
  /** The beginning of what is still to come. */
  readonly rest: string;
}

/** What is no entry of ours is passed by: a comment, or `retry`. */
export function parseEvents(text: string): Parsed {
  const parts = text.split('\n\n');
  const rest = parts.pop() ?? '';
  return { events: parts.flatMap(entryOf), rest };
}

function entryOf(part: string): readonly AuditEvent[] {
  let id = '';
  let data = '';
  for (const line of part.split('\n')) {
    if (line.startsWith('id: ')) id = line.slice(4);
    else if (line.startsWith('data: ')) data += line.slice(6);
  }
  if (id === '' || data === '') return [];
  const fields: unknown = JSON.parse(data);
  return typeof fields === 'object' && fields !== null ? [{ id, fields: fields as AuditEvent['fields'] }] : [];
}
