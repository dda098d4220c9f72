/** A list of documents over all nodes of an index: one page, of which each node is asked only for its part. */
import type { ClientAnswer, ReadOptions } from '../api.ts';
import { documentsFor, readDocumentsRequest } from './documents-request.ts';
import type { DocumentsRequest } from './documents-request.ts';
import type { Part } from './fan-out.ts';
import { withheldOf } from './filter.ts';
import { objectText } from './json-object.ts';
import { dealPage, mergePages, totalOf } from './merge-documents.ts';
import type { NodePage, PageOf } from './merge-documents.ts';
import { allShards, partialHeaders, partialMembers } from './reading.ts';
import type { AskNode, Reading, Scope } from './reading.ts';

/** Up to here every node gives the whole page, which is less than asking for the totals first. */
const SMALL_PAGE_END = 100;
/** Up to here a page is read from the start where totals change all the time, which costs that many of each node. */
const NEAR_PAGE_END = 10_000;
/** The totals may change between two requests while others write; then they are asked for again. */
const DEALS_MAX = 3;

/** What the nodes gave, and how many of the merged documents come before the page. */
interface Pages {
  readonly pages: readonly NodePage[];
  readonly skip: number;
  readonly missing: readonly number[];
}

export async function readDocuments(
  reading: Reading,
  index: string,
  body: string,
  options: ReadOptions,
): Promise<ClientAnswer> {
  const raw: AskNode = (node, limits) => node.fetchDocuments(index, body, limits);
  // The number of shards never changes, so any snapshot tells where ids live.
  const request = readDocumentsRequest(body, (await reading.found(index, options)).entry);
  const read = async (scope: Scope): Promise<ClientAnswer> => {
    const { snapshot } = scope;
    if (request === null || documentsFor(request, [], { offset: 0, limit: 0 }) === null) return scope.refuse(raw);
    const documents = new DocumentsRead(reading, index, request, scope, raw, options.signal);
    const { pages, skip, missing } = await documents.pages();
    const lack = { missing, shards: snapshot.table.shards.length };
    const members = mergePages(pages, request, skip);
    return { status: 200, headers: partialHeaders(lack), body: objectText([...members, ...partialMembers(lack)]) };
  };
  return reading.within(index, options, read, (snapshot) => request?.shards ?? allShards(snapshot));
}

class DocumentsRead {
  readonly #reading: Reading;
  readonly #index: string;
  readonly #request: DocumentsRequest;
  readonly #scope: Scope;
  readonly #raw: AskNode;
  readonly #signal: AbortSignal;

  constructor(
    reading: Reading,
    index: string,
    request: DocumentsRequest,
    scope: Scope,
    raw: AskNode,
    signal: AbortSignal,
  ) {
    this.#reading = reading;
    this.#index = index;
    this.#request = request;
    this.#scope = scope;
    this.#raw = raw;
    this.#signal = signal;
  }

  async pages(): Promise<Pages> {
    const { offset, limit, sort } = this.#request;
    const isWhole = sort.length > 0 || offset + limit <= SMALL_PAGE_END;
    return isWhole ? this.#fromStart({ offset: 0, limit: offset + limit }) : this.#dealt();
  }

  /** Each node's documents from its first on; a node that answers alone gives the page itself. */
  async #fromStart(page: PageOf): Promise<Pages> {
    const { offset, limit } = this.#request;
    const { parts, missing, isAlone } = await this.#ask(page);
    const first = isAlone ? offset : 0;
    const pages = parts.map(({ text }) => ({ text, offset: first }));
    return { pages, skip: isAlone ? 0 : Math.min(offset, offset + limit), missing };
  }

  /** The nodes' totals first, then of each node the documents that stand in the page. */
  async #dealt(): Promise<Pages> {
    for (let deal = 1; ; deal += 1) {
      const { parts, missing, isAlone } = await this.#ask({ offset: 0, limit: 0 });
      if (isAlone) return { pages: [{ text: parts[0]?.text ?? '{}', offset: 0 }], skip: 0, missing };
      const totals = parts.map(({ text }) => totalOf(text));
      const pages = await this.#pagesOf(parts, dealPage(totals, this.#request));
      const isSame = pages?.every(({ text }, i) => totalOf(text) === totals[i]) === true;
      if (pages !== null && isSame) return { pages, skip: 0, missing };
      if (deal < DEALS_MAX) continue;
      // A page cut to a total that has grown since lacks a document that may have been there all along.
      const { offset, limit } = this.#request;
      const isNear = offset <= limit || offset + limit <= NEAR_PAGE_END;
      if (pages === null || isNear) return this.#fromStart({ offset: 0, limit: offset + limit });
      return { pages, skip: 0, missing };
    }
  }

  /** Null when one of the nodes does not answer any more. */
  async #pagesOf(parts: readonly Part[], deals: readonly PageOf[]): Promise<NodePage[] | null> {
    const pages = await Promise.all(
      parts.map(async ({ nodeId, shards, text }, i): Promise<NodePage | null> => {
        const page = deals[i] ?? { offset: 0, limit: 0 };
        if (page.limit === 0) return { text, offset: 0 };
        const body = this.#bodyFor(shards, page);
        const { fanOut } = this.#reading;
        const answer = await fanOut.askOne(this.#scope.snapshot, nodeId, this.#signal, (node, limits) =>
          node.fetchDocuments(this.#index, body, limits),
        );
        return answer?.status === 200 ? { text: answer.body.toString('utf8'), offset: page.offset } : null;
      }),
    );
    return pages.includes(null) ? null : (pages as NodePage[]);
  }

  #bodyFor(shards: readonly number[], page: PageOf): string {
    return documentsFor(this.#request, shards, page, withheldOf(this.#scope.snapshot.table, shards)) ?? '';
  }

  async #ask(page: PageOf): Promise<{ parts: readonly Part[]; missing: readonly number[]; isAlone: boolean }> {
    let isAlone = false;
    const { offset, limit, shards, seed } = this.#request;
    const result = await this.#scope.ask({
      shards: shards ?? allShards(this.#scope.snapshot),
      seed,
      raw: this.#raw,
      ask: (node, served, alone, limits) => {
        isAlone = alone;
        const body = this.#bodyFor(served, alone ? { offset, limit } : page);
        return node.fetchDocuments(this.#index, body, limits);
      },
    });
    return { ...result, isAlone };
  }
}
