/** Takes our own fields out of what clients read: documents, parts of answers, and words of a node. */
import { splitObject } from '../../core/json-text.ts';
import type { Span } from '../../core/json-text.ts';
import { MIROIR_FIELDS } from '../fields.ts';

const OURS: ReadonlySet<string> = new Set(MIROIR_FIELDS);
/** Nodes escape nothing in it. */
const MARK = '"_miroir_';

export const isOurs = (name: string): boolean => OURS.has(name);

/** The text of the object in the span without our fields, and without those that `drops` says. */
export function withoutOurs(text: string, { start, end }: Span, drops?: (name: string) => boolean): string {
  const whole = text.slice(start, end);
  if (drops === undefined && !whole.includes(MARK)) return whole;
  const members = splitObject(text, start, end);
  const kept = members.filter(({ name }) => !isOurs(name) && drops?.(name) !== true);
  if (kept.length === members.length) return whole;
  return `{${kept.map(({ key, value }) => text.slice(key.start, value.end)).join(',')}}`;
}

const LIST = / are: (.*)$/;
const QUOTED = /`_miroir_[a-z_]+`(?:, )?/g;
const BARE = /_miroir_[a-z_]+(?:, )?/g;
const LAST_COMMA = /, (`?)\.$/;
const EMPTY_LIST = /Available (\w+) attributes?(?: patterns?)? are: (?:``)?\.$/;
/** A node tells of the rule of `filterableAttributes` that fits a field by its place, and ours is the first one. */
const RULE = /^( {2}- (?:Note: field .* matched|Hint: enable .* in|Hint: prepend .* before) rule #)([1-9]\d*)/;

/**
 * A node's message as it would be without our attributes in its lists, and without our rule. Else the lines below the
 * first quote what the client sent.
 */
export function messageWithoutOurs(message: string): string {
  const [head = '', ...quoted] = message.split('\n');
  const cleaned = head
    .replace(LIST, (list) => list.replaceAll(QUOTED, '').replaceAll(BARE, '').replace(LAST_COMMA, '$1.'))
    .replace(EMPTY_LIST, 'This index does not have configured $1 attributes.');
  const below = quoted.map((line) =>
    line.replace(RULE, (_, words: string, place) => words + String(Number(place) - 1)),
  );
  return [cleaned, ...below].join('\n');
}
