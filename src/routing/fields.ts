/**
 * The fields that splitting adds to every document, and the index settings that they need. None ends in "id", which
 * would make it a candidate for a primary key.
 */
import { UNSPLIT_FILTER } from '../core/belonging.ts';
import { withoutSecrets } from '../core/settings-secrets.ts';
import type { Settings } from '../core/settings-text.ts';
import { UPDATED_AT_FIELD } from '../core/survivor.ts';
import { InvalidInputError } from '../errors.ts';

export const SHARD_FIELD = '_miroir_shard';
export const SLOT_FIELD = '_miroir_slot';
export { UNSPLIT_FILTER, UPDATED_AT_FIELD };

/** Reserved: a client's document must not have them. */
export const MIROIR_FIELDS = [SHARD_FIELD, SLOT_FIELD, UPDATED_AT_FIELD] as const;

const FILTERED_FIELDS: readonly string[] = [SHARD_FIELD, SLOT_FIELD];

export type { Settings } from '../core/settings-text.ts';

/**
 * The rule that lets windows be read. Granular and without facet search, which is cheaper to index than a plain
 * attribute name; `comparison` is off by default, and `a TO b` needs it. Written as a node gives it back.
 */
export const filterableSettings = (): { attributePatterns: string[]; features: object } => ({
  attributePatterns: [...FILTERED_FIELDS],
  features: { facetSearch: false, filter: { equality: true, comparison: true } },
});

export interface MiroirSettingsOptions {
  /**
   * What shall be searchable. Left out, the settings' own list stays; where that is absent or holds `*`, the numbers
   * of our fields are searched too: the query `12` then finds every document of shard 12 (`searchesOurFields` tells).
   */
  readonly searchableAttributes?: readonly string[];
}

/**
 * The settings with our rule in them; everything of the user's stays, in its order. Ours comes first, because a node
 * takes the first rule that fits a field, and a user's `*` without comparison would hide it. Applying it again changes
 * nothing.
 */
export function withMiroirSettings(settings: Settings, { searchableAttributes }: MiroirSettingsOptions = {}): Settings {
  if (searchableAttributes !== undefined && isOpen(searchableAttributes)) {
    throw new InvalidInputError('searchableAttributes would make the shard numbers searchable', {
      field: 'searchableAttributes',
      remedy: `name the attributes to search, without * and without ${MIROIR_FIELDS.join(', ')}`,
    });
  }
  const { filterableAttributes } = settings;
  const theirs = Array.isArray(filterableAttributes) ? filterableAttributes.filter((rule) => !isOnlyOurs(rule)) : [];
  return {
    ...settings,
    filterableAttributes: [filterableSettings(), ...(theirs as unknown[])],
    ...(searchableAttributes === undefined ? {} : { searchableAttributes: [...searchableAttributes] }),
  };
}

/** Whether shards can be told apart there; an index that a node made by itself, for a write, has no such rule. */
export const hasMiroirRule = ({ filterableAttributes }: Settings): boolean =>
  JSON.stringify(filterableAttributes ?? []).includes(JSON.stringify(SHARD_FIELD));

/** The settings as a client set them: without our rule. */
export function withoutMiroirSettings(settings: Settings): Settings {
  const { filterableAttributes } = settings;
  if (!Array.isArray(filterableAttributes)) return settings;
  return { ...settings, filterableAttributes: filterableAttributes.filter((rule) => !isOnlyOurs(rule)) };
}

/** What a task shows of a change: as the node words it, if it is known, without our rule and without secrets. */
export function shownSettings(sent: Settings, worded: Settings = sent): Settings {
  const { filterableAttributes: shown, ...others } = withoutSecrets(withoutMiroirSettings(worded));
  if (shown === undefined) return others;
  // A reset becomes a list of ours alone.
  const isReset = Array.isArray(shown) && shown.length === 0;
  return { ...others, filterableAttributes: isReset ? (sent['filterableAttributes'] ?? null) : shown };
}

/** Whether a search over an index with these settings also looks into our fields. */
export const searchesOurFields = ({ searchableAttributes }: Settings): boolean =>
  !Array.isArray(searchableAttributes) || isOpen(searchableAttributes);

const isOpen = (attributes: readonly unknown[]): boolean =>
  attributes.some((name) => name === '*' || (MIROIR_FIELDS as readonly unknown[]).includes(name));

/** A plain name or a rule that speaks of our fields and of nothing else. */
function isOnlyOurs(rule: unknown): boolean {
  if (typeof rule === 'string') return FILTERED_FIELDS.includes(rule);
  if (typeof rule !== 'object' || rule === null || !('attributePatterns' in rule)) return false;
  const { attributePatterns } = rule;
  return (
    Array.isArray(attributePatterns) &&
    attributePatterns.length > 0 &&
    attributePatterns.every((name) => typeof name === 'string' && FILTERED_FIELDS.includes(name))
  );
}
