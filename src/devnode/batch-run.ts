import { BatchFailure, failed, settled, type Outcome, type PreparedBatch } from './batch.ts';
import { Slicer } from './clock.ts';
import { DocumentBatch } from './document-batch.ts';
import { errorView, indexNotFound } from './errors.ts';
import { FacetRules } from './facet-rules.ts';
import { FacetSet } from './facet-set.ts';
import type { IndexStore } from './index-store.ts';
import { applyPatch, type Settings } from './settings.ts';
import type { Task } from './tasks.ts';

/** What a batch runs on; `at` is when it started, which becomes the creation time of new indexes. */
export interface BatchContext {
  readonly indexes: Map<string, IndexStore>;
  readonly at: number;
  /** Creates an index at once: it stays when the batch then fails. */
  createIndex(uid: string): IndexStore;
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
async function facetsFor(index: IndexStore, settings: Settings): Promise<FacetSet> {
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
