/**
 * The check that decides how the demo ends. It shares no code with the verification that moves go through: it asks
 * every node for all its documents with plain requests, parses them, and compares each with what its writer knows to be
 * there and with the node that placement names. Nobody writes meanwhile, so paging by offset skips nothing.
 */
import { type Fields, type Truth, ID, Tally, faultOf, idOf } from './truth.ts';

export interface CheckedNode {
  readonly id: string;
  readonly url: string;
}

export interface CheckInput {
  readonly nodes: readonly CheckedNode[];
  readonly index: string;
  readonly apiKey?: string;
  /** What must be there, and nothing else. */
  readonly truth: Truth;
  /** Ids of the nodes that must hold a document, each one copy. */
  readonly ownersOf: (id: number) => readonly string[];
  /** As for `faultOf`. */
  readonly tolerance: number;
  readonly signal: AbortSignal;
}

export interface Findings {
  /** Documents by node, as paged. */
  readonly perNode: ReadonlyMap<string, number>;
  /** Documents that must be there. */
  readonly wanted: number;
  /** Of these, those that are equal, on exactly the nodes that placement names. */
  readonly good: number;
  readonly tally: Tally;
}

const PAGE_DOCS = 5_000;
/** A page of 5,000 takes a node some 50 ms; a machine that is busy with other things may take a while longer. */
const REQUEST_MS = 60_000;

async function* pagesOf(node: CheckedNode, input: CheckInput): AsyncGenerator<readonly Fields[]> {
  const { index, apiKey, signal } = input;
  for (let offset = 0; ; offset += PAGE_DOCS) {
    const response = await fetch(
      `${node.url}/indexes/${encodeURIComponent(index)}/documents?limit=${PAGE_DOCS}&offset=${offset}`,
      {
        ...(apiKey === undefined ? {} : { headers: { authorization: `Bearer ${apiKey}` } }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
      },
    );
    // A node that never owned a shard has no index, and so no document.
    if (response.status === 404) return;
    const text = await response.text();
    if (!response.ok) throw new Error(`node ${node.id} answered ${response.status}: ${text.slice(0, 200)}`);
    const { results } = JSON.parse(text) as { results: readonly Fields[] };
    yield results;
    if (results.length < PAGE_DOCS) return;
  }
}

export async function checkEverything(input: CheckInput): Promise<Findings> {
  const { nodes, truth, ownersOf, tolerance } = input;
  /** By document the nodes that hold it, and how many of these copies are equal to what was written. */
  const holders = new Map<number, { nodes: string[]; equal: number; name: unknown }>();
  const perNode = new Map<string, number>();
  const tally = new Tally();
  for (const node of nodes) {
    let count = 0;
    for await (const page of pagesOf(node, input)) {
      count += page.length;
      for (const document of page) {
        const id = idOf(document);
        if (!truth.knows(id)) {
          tally.found(null, `${node.id} holds document ${String(document[ID])}, which was never written`);
          continue;
        }
        const fault = faultOf(truth.statesOf(id), document, tolerance);
        if (fault !== null) tally.found(fault, `${nameOf(id, document['name'])} on ${node.id} ${WORDS[fault]}`);
        const held = holders.get(id) ?? { nodes: [], equal: 0, name: document['name'] };
        held.nodes.push(node.id);
        if (fault === null) held.equal += 1;
        holders.set(id, held);
      }
    }
    perNode.set(node.id, count);
  }
  let wanted = 0;
  let good = 0;
  for (const id of truth.ids()) {
    const states = truth.statesOf(id);
    const held = holders.get(id);
    // Where nobody knows, what is there counts, and what is not there is not missed.
    if (held === undefined ? states.includes(null) : !states.some((state) => state !== null)) continue;
    wanted += 1;
    const owners = [...ownersOf(id)].sort();
    const found = [...(held?.nodes ?? [])].sort();
    if (found.join() !== owners.join()) {
      const name = held?.name ?? states.find((state) => state !== null)?.['name'];
      tally.found(
        found.length > owners.length ? 'doubled' : 'lost',
        `${nameOf(id, name)} is on ${found.join(' and ') || 'no node'}, not on ${owners.join(' and ')}`,
      );
    } else if (held?.equal === owners.length) good += 1;
  }
  return { perNode, wanted, good, tally };
}

const nameOf = (id: number, name: unknown): string => `document ${id}${typeof name === 'string' ? ` (${name})` : ''}`;

/** Of a copy that is there. */
const WORDS = {
  lost: 'is missing',
  stale: 'differs from what was written last',
  doubled: 'is there twice',
  resurrected: 'was deleted',
} as const;
