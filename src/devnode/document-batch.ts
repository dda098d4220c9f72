import { BatchFailure, failed, settled, type Outcome, type PreparedBatch } from './batch.ts';
import { Slicer } from './clock.ts';
import { mergedText, payloadSource, type DocumentReader, type StoredDocument } from './document-text.ts';
import { ApiError, errorView } from './errors.ts';
import { FacetRules } from './facet-rules.ts';
import { evaluateFilter, readFilter } from './filters.ts';
import { checkGeo } from './geo.ts';
import type { Change, IndexStore } from './index-store.ts';
import { JsonScanner } from './json-scan.ts';
import { ValueTextError } from './json-tree.ts';
import { PayloadCursor } from './payload.ts';
import { inferPrimaryKey } from './primary-key.ts';
import type { Settings } from './settings.ts';
import type { Task, Work } from './tasks.ts';

type ImportWork = Extract<Work, { kind: 'import' }>;

/** Documents that one batch writes and deletes, before anybody sees them. */
export class DocumentBatch {
  private readonly index: IndexStore;
  private readonly outcomes: Map<Task, Outcome>;
  /** In order of first appearance, which is the order in which new internal ids are given. */
  private readonly changes = new Map<string, StoredDocument | null>();
  private readonly slicer = new Slicer();
  private primaryKey: string | null;

  constructor(index: IndexStore, outcomes: Map<Task, Outcome>) {
    this.index = index;
    this.outcomes = outcomes;
    this.primaryKey = index.primaryKey;
  }

  async prepare(tasks: readonly Task[]): Promise<PreparedBatch> {
    const isMixed = tasks.some((task) => task.work?.kind === 'import');
    for (const task of tasks) {
      const { work } = task;
      if (work?.kind === 'import') await this.prepareImport(task, work);
      else if (work?.kind === 'deleteIds') {
        const deleted = this.deleteIds(work.ids);
        // In a mixed batch the node does not know what was there and gives the number that was asked for.
        const count = isMixed ? task.details['providedIds'] : deleted;
        this.outcomes.set(task, { details: { ...task.details, deletedDocuments: count }, error: null });
      } else if (work?.kind === 'deleteFilter') {
        const deleted = this.deleteByFilter(work.filter);
        this.outcomes.set(task, { details: { ...task.details, deletedDocuments: deleted }, error: null });
      }
    }
    const changes = await this.realChanges();
    const { index, primaryKey } = this;
    const isKeyNew = primaryKey !== index.primaryKey;
    return {
      outcomes: this.outcomes,
      changedDocuments: changes.length > 0 ? changes.length : null,
      commit: () => {
        if (isKeyNew) index.primaryKey = primaryKey;
        index.commit(changes);
      },
    };
  }

  private async realChanges(): Promise<Change[]> {
    const changes: Change[] = [];
    for (const [id, document] of this.changes) {
      const internal = this.index.internalOf(id);
      const old = internal === undefined ? undefined : this.index.textAt(internal);
      const oldVectors = internal === undefined ? undefined : this.index.vectorsAt(internal)?.text;
      const isSame = document !== null && old === document.text && oldVectors === document.vectors?.text;
      if (!isSame) changes.push({ id, document });
      if (changes.length % 256 === 0 && this.slicer.isDue()) await this.slicer.rest();
    }
    return changes;
  }

  /** Invariant: a task with one bad document writes none of its documents; the others of the batch are not touched. */
  private async prepareImport(task: Task, work: ImportWork): Promise<void> {
    try {
      const primaryKey = this.keyFor(work);
      if (primaryKey === null) {
        this.outcomes.set(task, { details: settled(task.details, 0), error: null });
        return;
      }
      const staged = await this.readImport(work, this.index.reader(this.index.facets, primaryKey));
      this.primaryKey = primaryKey;
      for (const [id, document] of staged) if (document) this.changes.set(id, document);
      this.outcomes.set(task, { details: settled(task.details, staged.size), error: null });
    } catch (error) {
      if (error instanceof ValueTextError) {
        throw new BatchFailure(errorView('internal', `Index \`${this.index.uid}\`: internal: ${error.message}.`));
      }
      if (!(error instanceof ApiError)) throw error;
      if (error.code === 'invalid_document_geo_field') {
        throw new BatchFailure(errorView(error.code, `Index \`${this.index.uid}\`: ${error.message}`));
      }
      this.outcomes.set(task, failed(task, errorView(error.code, error.message)));
    }
  }

  /** The primary key for a payload; null when there is none and no document to infer it from. */
  private keyFor(work: ImportWork): string | null {
    const known = this.primaryKey;
    if (known !== null) {
      if (work.primaryKey === null || work.primaryKey === known) return known;
      throw new ApiError('index_primary_key_already_exists', `Index already has a primary key: \`${known}\`.`);
    }
    if (work.primaryKey !== null) return work.primaryKey;
    return inferPrimaryKey(work.payload, work.isLines);
  }

  /** Null for a document that is left out because it does not exist yet; it is counted all the same. */
  private async readImport(work: ImportWork, reader: DocumentReader): Promise<Map<string, StoredDocument | null>> {
    const source = payloadSource(work.payload);
    const scanner = new JsonScanner(source.text);
    const cursor = new PayloadCursor(scanner, work.isLines);
    const staged = new Map<string, StoredDocument | null>();
    const isGeo = hasGeo(this.index.settings);
    let count = 0;
    while (cursor.next()) {
      const read = reader.read(scanner, source);
      const { id } = read;
      const below = staged.get(id) ?? this.visible(id);
      if (isGeo) checkGeo(id, read.document.text);
      if (below === null && work.skipCreation) staged.set(id, null);
      else if (below !== null && work.isMerge) {
        const merged = reader.readStored(mergedText(below.text, read.document.text));
        staged.set(id, { ...merged, vectors: read.document.vectors ?? below.vectors });
      } else staged.set(id, read.document);
      count += 1;
      if (count % 64 === 0 && this.slicer.isDue()) await this.slicer.rest();
    }
    return staged;
  }

  /** What a document is at this place of the batch. */
  private visible(id: string): { readonly text: string; readonly vectors: StoredDocument['vectors'] } | null {
    const changed = this.changes.get(id);
    if (changed !== undefined) return changed;
    const internal = this.index.internalOf(id);
    if (internal === undefined) return null;
    return { text: this.index.textAt(internal) ?? '{}', vectors: this.index.vectorsAt(internal) ?? null };
  }

  private deleteIds(ids: readonly string[]): number {
    let deleted = 0;
    for (const id of ids) {
      if (this.visible(id) === null) continue;
      deleted += 1;
      this.changes.set(id, null);
    }
    return deleted;
  }

  private deleteByFilter(filter: unknown): number {
    const code = 'invalid_document_filter';
    try {
      const parsed = readFilter(filter, { containsFilter: true }, code);
      const found = parsed ? evaluateFilter(this.index, parsed, code) : [];
      return this.deleteIds(found.map((internal) => this.index.idAt(internal)));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new BatchFailure(errorView(error.code, `Index \`${this.index.uid}\`: ${error.message}`));
    }
  }
}

function hasGeo(settings: Settings): boolean {
  const rules = new FacetRules(settings.filterableAttributes);
  return rules.match('_geo') !== null || settings.sortableAttributes.includes('_geo');
}
