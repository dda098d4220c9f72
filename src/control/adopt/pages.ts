/** Walking all documents of a node by offset: for nodes that nobody writes to meanwhile, or where an estimate will do. */
import { PageTooLargeError } from '../../errors.ts';
import type { NodeClient } from '../../ports.ts';

const PAGE_DOCS = 1_000;
const PAGE_BYTES = 16_000_000;

/** Texts of JSON arrays of documents, bounded in documents and bytes. */
export async function* pagesOf(
  client: NodeClient,
  index: string,
  fields?: readonly string[],
  filter?: string,
): AsyncGenerator<string, void> {
  let limit = PAGE_DOCS;
  for (let offset = 0; ;) {
    const asked = {
      offset,
      limit,
      maxBytes: PAGE_BYTES,
      ...(fields === undefined ? {} : { fields }),
      ...(filter === undefined ? {} : { filter }),
    };
    try {
      const { total, documents } = await client.page(index, asked);
      yield documents.toString('utf8');
      offset += limit;
      if (offset >= total) return;
    } catch (error) {
      if (!(error instanceof PageTooLargeError) || limit === 1) throw error;
      limit = Math.ceil(limit / 2);
    }
  }
}

/** Texts of these documents by id, as far as the node has them. */
export async function documentsOf(
  client: NodeClient,
  index: string,
  ids: readonly string[],
  retrieveVectors = false,
): Promise<string[]> {
  if (ids.length === 0) return [];
  try {
    const limit = ids.length;
    const { documents } = await client.page(index, { ids, limit, maxBytes: PAGE_BYTES, retrieveVectors });
    return [documents.toString('utf8')];
  } catch (error) {
    if (!(error instanceof PageTooLargeError) || ids.length === 1) throw error;
    const half = Math.ceil(ids.length / 2);
    return [
      ...(await documentsOf(client, index, ids.slice(0, half), retrieveVectors)),
      ...(await documentsOf(client, index, ids.slice(half), retrieveVectors)),
    ];
  }
}
