import { documentId, DocumentReader, storedFields, type StoredDocument } from './document-text.ts';
import { FacetRules } from './facet-rules.ts';
import { FacetSet } from './facet-set.ts';
import { defaultSettings, type Settings } from './settings.ts';
import { ShapeTable, type Shape } from './shapes.ts';
import type { SearchIndex } from './search-index.ts';
import type { DocumentVectors } from './vectors.ts';

/** One document that a batch writes or, with `document` null, deletes. */
export interface Change {
  readonly id: string;
  readonly document: StoredDocument | null;
}

/** The documents and settings of one index. Everything here is what readers see; batches prepare beside it. */
export class IndexStore {
  uid: string;
  primaryKey: string | null = null;
  readonly createdAt: number;
  updatedAt: number;
  settings: Settings = defaultSettings();
  facets: FacetSet;
  readonly shapes = new ShapeTable();
  /** Built at the first search with words, then kept up to date. */
  search: SearchIndex | null = null;

  private readonly texts: (string | undefined)[] = [];
  private readonly shapeOf: (Shape | undefined)[] = [];
  private readonly internals = new Map<string, number>();
  private readonly vectors = new Map<number, DocumentVectors>();
  /** Internal ids that deletions left, highest first. */
  private free: number[] = [];
  private bytes = 0;

  constructor(uid: string, createdAt: number) {
    this.uid = uid;
    this.createdAt = createdAt;
    this.updatedAt = createdAt;
    this.facets = new FacetSet(new FacetRules([]));
  }

  get size(): number {
    return this.internals.size;
  }

  /** One more than the highest internal id ever used. */
  get internalEnd(): number {
    return this.texts.length;
  }

  get textBytes(): number {
    return this.bytes;
  }

  internalOf(id: string): number | undefined {
    return this.internals.get(id);
  }

  textAt(internal: number): string | undefined {
    return this.texts[internal];
  }

  vectorsAt(internal: number): DocumentVectors | undefined {
    return this.vectors.get(internal);
  }

  textOf(id: string): string | undefined {
    const internal = this.internals.get(id);
    return internal === undefined ? undefined : this.texts[internal];
  }

  /** Reads documents for this index, by default with the attribute indexes and the key that it has now. */
  reader(facets: FacetSet = this.facets, primaryKey: string | null = this.primaryKey): DocumentReader {
    return new DocumentReader(this.shapes, facets, primaryKey);
  }

  /** The id of a document that is there. */
  idAt(internal: number): string {
    const value = storedFields(this.texts[internal] ?? '{}').get(this.primaryKey ?? '');
    const id = value === undefined ? null : documentId(value);
    if (id === null) throw new Error(`document ${internal} of index ${this.uid} has no id`);
    return id;
  }

  /** The internal ids of a page of all documents, in order. Cost: the offset is only walked when there are gaps. */
  page(offset: number, limit: number): number[] {
    const page: number[] = [];
    let skip = this.free.length === 0 ? 0 : offset;
    for (let i = this.free.length === 0 ? offset : 0; i < this.texts.length && page.length < limit; i += 1) {
      if (this.texts[i] === undefined) continue;
      if (skip > 0) skip -= 1;
      else page.push(i);
    }
    return page;
  }

  /**
   * Makes a batch visible, in one turn of the event loop.
   * Invariant: a new document gets the lowest internal id that was free before the batch; one that the same batch
   * deletes again takes an id too and frees it with the batch.
   */
  commit(changes: Iterable<Change>): void {
    const freed: number[] = [];
    for (const { id, document } of changes) {
      const internal = this.internals.get(id);
      if (document) this.put(id, internal ?? this.free.pop() ?? this.texts.length, document);
      else if (internal !== undefined) {
        this.remove(id, internal);
        freed.push(internal);
      } else freed.push(this.free.pop() ?? this.pushGap());
    }
    if (freed.length > 0) {
      for (const internal of freed) this.free.push(internal);
      this.free.sort((a, b) => b - a);
    }
  }

  /** Restores a document at the place it had. */
  restore(id: string, internal: number, document: StoredDocument): void {
    while (this.texts.length < internal) this.free.push(this.pushGap());
    this.put(id, internal, document);
  }

  /** Restores gaps behind the last document and puts the free ids in order. */
  restoreEnd(end: number): void {
    while (this.texts.length < end) this.free.push(this.pushGap());
    this.free.sort((a, b) => b - a);
  }

  private pushGap(): number {
    this.shapeOf.push(undefined);
    return this.texts.push(undefined) - 1;
  }

  clear(): void {
    this.texts.length = 0;
    this.shapeOf.length = 0;
    this.internals.clear();
    this.vectors.clear();
    this.free = [];
    this.bytes = 0;
    for (const shape of this.shapes.all()) shape.count = 0;
    this.facets = new FacetSet(this.facets.rules);
    this.search = null;
  }

  /** Embeddings in all documents, and documents that have any. */
  vectorCounts(): { embeddings: number; documents: number } {
    let embeddings = 0;
    let documents = 0;
    for (const vectors of this.vectors.values()) {
      embeddings += vectors.embeddingCount;
      if (vectors.embeddingCount > 0) documents += 1;
    }
    return { embeddings, documents };
  }

  private put(id: string, internal: number, document: StoredDocument): void {
    const old = this.texts[internal];
    if (old === undefined) this.internals.set(id, internal);
    else {
      this.bytes -= old.length;
      (this.shapeOf[internal] as Shape).count -= 1;
      this.search?.remove(internal, old);
    }
    this.texts[internal] = document.text;
    this.shapeOf[internal] = document.shape;
    document.shape.count += 1;
    this.bytes += document.text.length;
    this.facets.assign(internal, document.facets);
    this.search?.add(internal, document.text);
    if (document.vectors) this.vectors.set(internal, document.vectors);
    else this.vectors.delete(internal);
  }

  private remove(id: string, internal: number): void {
    const old = this.texts[internal] as string;
    this.internals.delete(id);
    this.bytes -= old.length;
    (this.shapeOf[internal] as Shape).count -= 1;
    this.texts[internal] = undefined;
    this.shapeOf[internal] = undefined;
    this.facets.assign(internal, null);
    this.search?.remove(internal, old);
    this.vectors.delete(internal);
  }
}
