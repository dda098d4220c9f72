/** Pages of a list, as Meilisearch's tasks have them: `from` is the first one's key, `next` the first of the next page. */
import { InvalidInputError } from '../errors.ts';
import type { IdPage, PageAsked } from '../ports.ts';

export interface Page<T> {
  readonly results: readonly T[];
  /** Of all pages. */
  readonly total: number;
  readonly limit: number;
  readonly from: string | null;
  readonly next: string | null;
}

export const pageWith = <T>(results: readonly T[], { keys, total }: IdPage, { limit }: PageAsked): Page<T> => ({
  results,
  total,
  limit,
  from: keys[0] ?? null,
  next: keys[limit] ?? null,
});

export const notInList = (from: string | null): InvalidInputError =>
  new InvalidInputError(`from: there is no ${from} in the list`, {
    field: 'from',
    remedy: 'give what `next` of the page before says, or begin without it',
  });

/** A page of keys that are all at hand. Throws `InvalidInputError` for a `from` that is not among them. */
function idPageOf(keys: readonly string[], { limit, from }: PageAsked): IdPage {
  const at = from === null ? 0 : keys.indexOf(from);
  if (at < 0) throw notInList(from);
  return { keys: keys.slice(at, at + limit + 1), total: keys.length };
}

/** A page of a list that is at hand as a whole. */
export function pageOf<T>(items: readonly T[], keyOf: (item: T) => string, wish: PageAsked): Page<T> {
  const byKey = new Map(items.map((item) => [keyOf(item), item]));
  const page = idPageOf([...byKey.keys()], wish);
  return pageWith(
    page.keys.slice(0, wish.limit).flatMap((key) => byKey.get(key) ?? []),
    page,
    wish,
  );
}
