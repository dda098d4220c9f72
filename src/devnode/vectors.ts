/** Embeddings of one document, kept beside it because reads give them out only when asked. */
export interface DocumentVectors {
  /** JSON text of the whole `_vectors` value. */
  readonly text: string;
  readonly embeddingCount: number;
}

/** Brings all accepted forms (one vector, several, or an object) into the form in which vectors are given out. */
export function readVectors(valueText: string): DocumentVectors | null {
  const value: unknown = JSON.parse(valueText);
  if (typeof value !== 'object' || value === null) return null;
  let embeddingCount = 0;
  const embedders = Object.entries(value).map(([name, given]: [string, unknown]) => {
    const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
    const list: unknown = isObject && 'embeddings' in given ? given.embeddings : isObject ? null : given;
    const regenerate = isObject && 'regenerate' in given && given.regenerate === true;
    const embeddings = !Array.isArray(list) ? [] : list.length > 0 && !Array.isArray(list[0]) ? [list] : list;
    embeddingCount += embeddings.length;
    return `${JSON.stringify(name)}:{"embeddings":${JSON.stringify(embeddings)},"regenerate":${regenerate}}`;
  });
  return embedders.length === 0 ? null : { text: `{${embedders.join(',')}}`, embeddingCount };
}
