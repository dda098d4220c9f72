// The documents that clients write: their ids, and the group of each, by which they are listed, searched and deleted.
import type { Content } from './record.ts';

export interface KeyspaceOptions {
  /** Written all the time. */
  readonly hot: number;
  readonly cold: number;
  readonly groups: number;
  /** Begins every id and group, where several keyspaces share an index. */
  readonly prefix?: string;
}

/** In every document, so that a search finds them all. */
const WORD = 'harbour';

/** What the index has to have for this. */
export const SETTINGS = { filterableAttributes: ['group'], searchableAttributes: ['name'] };
export const QUERY = WORD;
export const PRIMARY_KEY = 'id';

export class Keyspace {
  readonly hot: readonly string[];
  readonly cold: readonly string[];
  readonly groups: readonly string[];
  readonly #groupOf = new Map<string, string>();
  readonly #keysOf = new Map<string, string[]>();

  constructor({ hot, cold, groups, prefix = '' }: KeyspaceOptions) {
    const numbered = (name: string, count: number): string[] =>
      Array.from({ length: count }, (_, at) => `${prefix}${name}${at}`);
    this.hot = numbered('hot-', hot);
    this.cold = numbered('cold-', cold);
    this.groups = numbered('g', groups);
    for (const [at, key] of [...this.hot, ...this.cold].entries()) {
      const group = this.groups[at % groups] ?? '';
      this.#groupOf.set(key, group);
      this.#keysOf.set(group, [...(this.#keysOf.get(group) ?? []), key]);
    }
  }

  get keys(): readonly string[] {
    return [...this.#groupOf.keys()];
  }

  /** The same list each time, so that a history holds it once. */
  keysOf(group: string): readonly string[] {
    return this.#keysOf.get(group) ?? [];
  }

  /** What a put or a partial update sends. Either brings the group: a delete by filter finds every document of it. */
  document(key: string, content: Partial<Content>): Record<string, unknown> {
    return { [PRIMARY_KEY]: key, group: this.#groupOf.get(key), name: `${WORD} ${key}`, ...content };
  }
}

export const filterOf = (group: string): string => `group = "${group}"`;
