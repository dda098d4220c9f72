/**
 * The check that decides how the demo ends. It shares no code with the verification that moves go through: it asks
 * every node for all its documents with plain requests, parses them, and compares each with the package's own object
 * and with the node that placement names. Nobody writes meanwhile, so paging by offset skips nothing.
 */
import type { City } from './cities.ts';

export interface CheckedNode {
  readonly id: string;
  readonly url: string;
}

export interface CheckInput {
  readonly nodes: readonly CheckedNode[];
  readonly index: string;
  readonly apiKey?: string;
  /** What must be there, and nothing else. */
  readonly cities: readonly City[];
  /** Ids of the nodes that must hold a document, each one copy. */
  readonly ownersOf: (cityId: number) => readonly string[];
  /**
   * How far a number that is no integer may be off, relative to its size. 0 for development nodes; a real node reads
   * doubles with an error in the last place, so that what it gives out was moved before we ever saw it.
   */
  readonly tolerance: number;
  readonly signal: AbortSignal;
}

export interface Findings {
  /** Documents by node, as paged. */
  readonly perNode: ReadonlyMap<string, number>;
  /** Documents that are equal, on exactly the nodes that placement names. */
  readonly good: number;
  /** One sentence each, the first hundred; `problems` counts all. */
  readonly examples: readonly string[];
  readonly problems: number;
}

type Fields = Readonly<Record<string, unknown>>;

const PAGE_DOCS = 5_000;
const EXAMPLES_MAX = 100;
/** A page of 5,000 takes a node some 50 ms; a machine that is busy with other things may take a while longer. */
const REQUEST_MS = 60_000;

/** Fields that the loader stamps; everything else must be as the package has it. */
const isOurs = (name: string): boolean => name.startsWith('_miroir_');

function sameValue(a: unknown, b: unknown, tolerance: number): boolean {
  if (a === b) return true;
  if (typeof a === 'number' && typeof b === 'number') {
    if (Number.isInteger(a) && Number.isInteger(b)) return false;
    return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => name in b && sameValue((a as Fields)[name], (b as Fields)[name], tolerance));
}

/** The city as a node would give it: through JSON once, so that what JSON leaves out is left out here, too. */
const expected = (city: City): Fields => JSON.parse(JSON.stringify(city)) as Fields;

const withoutOurs = (document: Fields): Fields =>
  Object.fromEntries(Object.entries(document).filter(([name]) => !isOurs(name)));

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

class Tally {
  readonly examples: string[] = [];
  problems = 0;

  found(problem: string): void {
    this.problems += 1;
    if (this.examples.length < EXAMPLES_MAX) this.examples.push(problem);
  }
}

export async function checkEverything(input: CheckInput): Promise<Findings> {
  const { nodes, cities, ownersOf, tolerance } = input;
  const known = new Map(cities.map((city) => [city.cityId, city]));
  /** By city the nodes that hold it, and how many of these copies are equal to the package's. */
  const holders = new Map<number, { nodes: string[]; equal: number }>();
  const perNode = new Map<string, number>();
  const tally = new Tally();
  for (const node of nodes) {
    let count = 0;
    for await (const page of pagesOf(node, input)) {
      count += page.length;
      for (const document of page) {
        const id = Number(document['cityId']);
        const city = known.get(id);
        if (city === undefined) {
          tally.found(`${node.id} holds document ${String(document['cityId'])}, which was never loaded`);
          continue;
        }
        const isEqual = sameValue(expected(city), withoutOurs(document), tolerance);
        if (!isEqual) tally.found(`document ${id} (${city.name}) on ${node.id} differs from the package's`);
        const held = holders.get(id) ?? { nodes: [], equal: 0 };
        held.nodes.push(node.id);
        if (isEqual) held.equal += 1;
        holders.set(id, held);
      }
    }
    perNode.set(node.id, count);
  }
  let good = 0;
  for (const { cityId, name } of cities) {
    const held = holders.get(cityId);
    const wanted = [...ownersOf(cityId)].sort();
    const found = [...(held?.nodes ?? [])].sort();
    if (found.join() !== wanted.join()) {
      tally.found(
        `document ${cityId} (${name}) is on ${found.join(' and ') || 'no node'}, not on ${wanted.join(' and ')}`,
      );
    } else if (held?.equal === wanted.length) good += 1;
  }
  return { perNode, good, examples: tally.examples, problems: tally.problems };
}
