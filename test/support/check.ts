// The independent check: pages through every node by itself and shares no code with our verification.
import type { IndexEntry, RoutingTable } from '../../src/core/routing.ts';

type Document = Record<string, unknown> & { _miroir_shard: number };

/** Every document of an index on a node, by plain offset paging: nobody writes while this runs. */
export async function allDocuments(url: string, index: string, apiKey?: string): Promise<Document[]> {
  const out: Document[] = [];
  for (let offset = 0; ; offset += 1_000) {
    const headers = {
      'content-type': 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    };
    const response = await fetch(`${url}/indexes/${index}/documents?limit=1000&offset=${offset}`, { headers });
    if (response.status === 404) return out;
    if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    const { results } = (await response.json()) as { results: Document[] };
    out.push(...results);
    if (results.length < 1_000) return out;
  }
}

const plain = (document: Record<string, unknown>): string =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(document)
        .filter(([name]) => !name.startsWith('_miroir_'))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
  );

export interface CheckResult {
  readonly lost: string[];
  readonly wrong: string[];
  readonly misplaced: string[];
  readonly perNode: Record<string, number>;
}

/** Each expected document must be, equal, on exactly the owners of its shard and nowhere else. */
export async function checkPlacement(
  nodes: readonly { id: string; url: string }[],
  entry: IndexEntry,
  table: RoutingTable,
  expected: ReadonlyMap<string, string>,
): Promise<CheckResult> {
  const holders = new Map<string, string[]>();
  const result: CheckResult = { lost: [], wrong: [], misplaced: [], perNode: {} };
  for (const node of nodes) {
    const documents = await allDocuments(node.url, entry.uid);
    result.perNode[node.id] = documents.length;
    for (const document of documents) {
      const id = String(document[entry.primaryKey]);
      holders.set(id, [...(holders.get(id) ?? []), node.id]);
      const text = expected.get(id);
      if (text === undefined || plain(document) !== plain(JSON.parse(text) as Record<string, unknown>)) {
        result.wrong.push(`${id} on ${node.id}`);
      }
      if (table.shards[document._miroir_shard]?.owners.includes(node.id) !== true)
        result.misplaced.push(`${id} on ${node.id}`);
    }
  }
  const copies = entry.replicationFactor * entry.groups.length;
  for (const id of expected.keys()) {
    const found = holders.get(id)?.length ?? 0;
    if (found !== copies) result.lost.push(`${id} is on ${found} nodes instead of ${copies}`);
  }
  return result;
}
