import { Slicer } from './clock.ts';
import { mergedText, payloadSource, type DocumentReader, type StoredDocument } from './document-text.ts';
import { ApiError, errorView, indexNotFound, type ErrorView } from './errors.ts';
import { FacetRules } from './facet-rules.ts';
import { FacetSet } from './facet-set.ts';
import { evaluateFilter, readFilter } from './filters.ts';
import { checkGeo } from './geo.ts';
import type { Change, IndexStore } from './index-store.ts';
import { JsonScanner } from './json-scan.ts';
import { ValueTextError } from './json-tree.ts';
import { inferPrimaryKey } from './primary-key.ts';
import { PayloadCursor } from './payload.ts';
import { applyPatch, type Settings } from './settings.ts';
import type { Task, Work } from './tasks.ts';

export interface Outcome {
  readonly details: Record<string, unknown>;
  readonly error: ErrorView | null;
}

/** A batch that is ready: nothing of it can be seen until `commit`, which then takes one turn of the event loop. */
export interface PreparedBatch {
  readonly outcomes: ReadonlyMap<Task, Outcome>;
  /** Documents that change; null when nothing changes, and then the batch costs nothing. */
  readonly changedDocuments: number | null;
  commit(): void;
}

/** What a batch runs on; `at` is when it started, which becomes the creation time of new indexes. */
export interface BatchContext {
  readonly indexes: Map<string, IndexStore>;
  readonly at: number;
  /** Creates an index at once: it stays when the batch then fails. */
  createIndex(uid: string): IndexStore;
}

type ImportWork = Extract<Work, { kind: 'import' }>;

/** An index-wide failure: every task of the batch gets it. */
class BatchFailure extends Error {
  readonly view: ErrorView;

  constructor(view: ErrorView) {
    super(view.message);
    this.view = view;
  }
}

/** Prepares a batch of document tasks or of settings tasks of one index. */
export async function prepareBatch(tasks: readonly Task[], context: BatchContext): Promise<PreparedBatch> {
  const uid = tasks[0]?.indexUid ?? '';
  const outcomes = new Map<Task, Outcome>();
  const live: Task[] = [];
  for (const task of tasks) {
    if (task.doom) outcomes.set(task, failed(task, errorView(task.doom.code, task.doom.message)));
    else live.push(task);
  }
  const nothing: PreparedBatch = { outcomes, changedDocuments: null, commit: () => undefined };
  if (live.length === 0) return nothing;
  let index = context.indexes.get(uid);
  const mayCreate = live.some(
    ({ work }) => (work?.kind === 'import' || work?.kind === 'settings') && work.mayCreateIndex,
  );
  if (!index && mayCreate) index = context.createIndex(uid);
  if (!index) {
    const error = indexNotFound(uid);
    for (const task of live) outcomes.set(task, failed(task, errorView(error.code, error.message)));
    return nothing;
  }
  try {
    if (live.some(({ work }) => work?.kind === 'clear')) return prepareClear(live, index, outcomes);
    if (live[0]?.work?.kind === 'settings') return await prepareSettings(live, index, outcomes);
    return await new DocumentBatch(index, outcomes).prepare(live);
  } catch (error) {
    if (!(error instanceof BatchFailure)) throw error;
    for (const task of live) outcomes.set(task, failed(task, error.view));
    return nothing;
  }
}

/** What a task shows when it fails: it wrote and deleted nothing. */
export function failed(task: Task, error: ErrorView): Outcome {
  return { details: settled(task.details, 0), error };
}

/** Details of a finished task: what was open becomes a number. */
export function settled(details: Record<string, unknown>, count: number): Record<string, unknown> {
  const open = Object.entries(details).map(([key, value]) => {
    const isCount = /^(indexed|deleted)Documents$|^(canceled|deleted)Tasks$/.test(key);
    return [key, isCount && value === null ? count : value] as const;
  });
  return Object.fromEntries(open);
}

/** A clear swallows the tasks before it: they succeed without having been applied. */
function prepareClear(tasks: readonly Task[], index: IndexStore, outcomes: Map<Task, Outcome>): PreparedBatch {
  const count = index.size;
  let { settings } = index;
  let isFirst = true;
  for (const task of tasks) {
    const isClear = task.work?.kind === 'clear';
    if (task.work?.kind === 'settings') settings = applyPatch(settings, task.work.patch);
    outcomes.set(task, { details: settled(task.details, isClear && isFirst ? count : 0), error: null });
    if (isClear) isFirst = false;
  }
  const hasSettings = settings !== index.settings;
  return {
    outcomes,
    changedDocuments: count > 0 ? count : null,
    commit: () => {
      index.clear();
      if (!hasSettings) return;
      index.settings = settings;
      index.facets = new FacetSet(new FacetRules(settings.filterableAttributes));
    },
  };
}

async function prepareSettings(
  tasks: readonly Task[],
  index: IndexStore,
  outcomes: Map<Task, Outcome>,
): Promise<PreparedBatch> {
  let { settings } = index;
  for (const task of tasks) {
    if (task.work?.kind === 'settings') settings = applyPatch(settings, task.work.patch);
    outcomes.set(task, { details: task.details, error: null });
  }
  const isChanged = JSON.stringify(settings) !== JSON.stringify(index.settings);
  const facets = await facetsFor(index, settings);
  const isSearchChanged =
    JSON.stringify(settings.searchableAttributes) !== JSON.stringify(index.settings.searchableAttributes);
  return {
    outcomes,
    changedDocuments: isChanged && index.size > 0 ? index.size : null,
    commit: () => {
      index.settings = settings;
      index.facets = facets;
      if (isSearchChanged) index.search = null;
    },
  };
}

/** The attribute indexes under new settings, filled in slices beside the ones that readers use. */
export async function facetsFor(index: IndexStore, settings: Settings): Promise<FacetSet> {
  const { filterableAttributes } = settings;
  if (JSON.stringify(filterableAttributes) === JSON.stringify(index.facets.rules.attributes)) return index.facets;
  const facets = new FacetSet(new FacetRules(filterableAttributes));
  const reader = index.reader(facets);
  const slicer = new Slicer();
  for (let internal = 0; internal < index.internalEnd; internal += 1) {
    const text = index.textAt(internal);
    if (text === undefined) continue;
    facets.assign(internal, reader.readStored(text).facets);
    if (internal % 64 === 0 && slicer.isDue()) await slicer.rest();
  }
  return facets;
}

/** Documents that one batch writes and deletes, before anybody sees them. */
class DocumentBatch {
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
