import { storedFields } from './document-text.ts';
import { lowerBound, PostingMap } from './postings.ts';

/** Words of a text: runs of letters and digits, lower-case. */
export function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFKD')
      .toLowerCase()
      .match(/[\p{L}\p{N}\p{M}]+/gu) ?? []
  );
}

/** The words of a value, of any type; numbers and booleans are words too. */
function collectWords(value: unknown, words: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collectWords(item, words);
  else if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) collectWords(item, words);
  } else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    for (const word of wordsOf(String(value))) words.add(word);
  }
}

/**
 * Which documents have which words in the searchable attributes.
 * Why built at the first search: most indexes of a test are never searched, and words cost more memory than documents.
 */
export class SearchIndex {
  readonly searchable: readonly string[];
  private readonly words = new PostingMap<string>();
  /** While the index is being built: documents from here on have not been read. */
  builtEnd = 0;

  constructor(searchable: readonly string[]) {
    this.searchable = searchable;
  }

  add(internal: number, text: string): void {
    if (internal >= this.builtEnd) return;
    for (const word of this.documentWords(text)) this.words.add(word, internal);
  }

  remove(internal: number, text: string): void {
    if (internal >= this.builtEnd) return;
    for (const word of this.documentWords(text)) this.words.remove(word, internal);
  }

  /** Documents with a word, or with one that begins so. */
  find(word: string, isPrefix: boolean): readonly number[] {
    if (!isPrefix) return this.words.listOf(word);
    const keys = this.words.keys();
    const found = new Set<number>();
    for (let i = lowerBound(keys, word); i < keys.length; i += 1) {
      const key = keys[i] as string;
      if (!key.startsWith(word)) break;
      for (const internal of this.words.listOf(key)) found.add(internal);
    }
    return [...found];
  }

  documentWords(text: string): Set<string> {
    const words = new Set<string>();
    const isAll = this.searchable.includes('*');
    for (const [name, value] of storedFields(text)) {
      const isWanted = isAll || this.searchable.some((path) => path === name || path.startsWith(`${name}.`));
      if (isWanted) collectWords(JSON.parse(value), words);
    }
    return words;
  }
}
