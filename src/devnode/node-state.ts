import { nowMs } from './clock.ts';
import { FacetRules } from './facet-rules.ts';
import { FacetSet } from './facet-set.ts';
import { defaultFeatures, type Features } from './features.ts';
import { IndexStore } from './index-store.ts';
import { KeyStore, type ApiKey } from './keys.ts';
import type { LogRecord, NodeFiles, RecordFile } from './log.ts';
import { mutate, type Mutation } from './mutate.ts';
import type { Settings } from './settings.ts';
import { TaskStore } from './task-store.ts';
import type { Batch, Task, TaskType, Work } from './tasks.ts';

/** Documents in one record of a snapshot: large enough to be fast, small enough to read in one turn. */
const SNAPSHOT_DOCUMENTS = 1000;

/** Everything a node knows. */
export class NodeState {
  readonly indexes = new Map<string, IndexStore>();
  tasks = new TaskStore();
  keys: KeyStore;
  features: Features = defaultFeatures();
  private readonly files: NodeFiles | null;

  constructor(masterKey: string | null, files: NodeFiles | null) {
    this.files = files;
    this.keys = new KeyStore(masterKey, nowMs());
  }

  index(uid: string): IndexStore | undefined {
    return this.indexes.get(uid);
  }

  /** Order: the record is written before the caller answers 202. */
  enqueue(
    type: TaskType,
    indexUid: string | null,
    work: Work,
    extra: { details: Record<string, unknown>; customMetadata?: string; doom?: { code: string; message: string } },
  ): Task {
    const task: Task = {
      uid: this.tasks.nextUid,
      batchUid: null,
      indexUid,
      status: 'enqueued',
      type,
      canceledBy: null,
      error: null,
      enqueuedAt: nowMs(),
      startedAt: null,
      finishedAt: null,
      work,
      ...extra,
    };
    this.files?.append(...taskRecord(task));
    this.tasks.add(task);
    return task;
  }

  /** What a batch did is not written down: it is run again at the next start, with the same result. */
  recordBatch(batch: Batch): void {
    this.files?.append({
      kind: 'batch',
      uid: batch.uid,
      startedAt: batch.startedAt,
      finishedAt: batch.finishedAt,
      strategy: batch.strategy,
      taskUids: batch.taskUids,
    });
  }

  recordMutation({ text, ...meta }: Mutation): void {
    this.files?.append({ kind: 'mutate', ...meta }, Buffer.from(text));
  }

  recordKeys(): void {
    this.files?.append({ kind: 'keys', keys: this.keys.all() });
  }

  recordFeatures(): void {
    this.files?.append({ kind: 'features', features: this.features });
  }

  /** Forgets everything, as if the directory had been emptied. */
  wipe(masterKey: string | null): void {
    this.indexes.clear();
    this.tasks = new TaskStore();
    this.keys = new KeyStore(masterKey, nowMs());
    this.features = defaultFeatures();
    this.compact();
  }

  compact(): void {
    this.files?.compact((file) => this.writeSnapshot(file));
  }

  private writeSnapshot(file: RecordFile): void {
    file.append({ kind: 'keys', keys: this.keys.all() });
    file.append({ kind: 'features', features: this.features });
    for (const index of this.indexes.values()) writeIndex(file, index);
    for (const task of this.tasks.all()) file.append(...taskRecord(task));
    for (const batch of this.tasks.allBatches()) file.append({ kind: 'oldBatch', batch });
    file.append({ kind: 'end', nextUid: this.tasks.nextUid, nextBatchUid: this.tasks.nextBatchUid });
  }

  /** Takes one record in, other than a batch, which has to be run. */
  load({ meta, bytes }: LogRecord): void {
    switch (meta['kind']) {
      case 'keys':
        this.keys.load(meta['keys'] as ApiKey[]);
        break;
      case 'features':
        this.features = { ...defaultFeatures(), ...(meta['features'] as Features) };
        break;
      case 'index':
        this.loadIndex(meta);
        break;
      case 'documents':
        this.loadDocuments(meta, bytes);
        break;
      case 'indexEnd':
        this.indexes.get(meta['uid'] as string)?.restoreEnd(meta['end'] as number);
        break;
      case 'task':
        this.tasks.add(taskFromRecord(meta, bytes));
        break;
      case 'oldBatch':
        this.tasks.addBatch(meta['batch'] as Batch);
        break;
      case 'mutate':
        mutate(this, { ...(meta as unknown as Mutation), text: bytes.toString() });
        break;
      case 'end':
        this.tasks.reserve(meta['nextUid'] as number, meta['nextBatchUid'] as number);
        break;
      default:
        throw new Error(`unknown record in the node's directory: ${String(meta['kind'])}`);
    }
  }

  private loadIndex(meta: Record<string, unknown>): void {
    const index = new IndexStore(meta['uid'] as string, meta['createdAt'] as number);
    index.updatedAt = meta['updatedAt'] as number;
    index.primaryKey = meta['primaryKey'] as string | null;
    index.settings = meta['settings'] as Settings;
    index.facets = new FacetSet(new FacetRules(index.settings.filterableAttributes));
    for (const name of meta['fields'] as string[]) index.shapes.fieldNumber(name);
    this.indexes.set(index.uid, index);
  }

  private loadDocuments(meta: Record<string, unknown>, bytes: Buffer): void {
    const index = this.indexes.get(meta['uid'] as string);
    if (!index) return;
    const reader = index.reader();
    const ids = meta['ids'] as string[];
    const internals = meta['internals'] as number[];
    const vectors = meta['vectors'] as Record<string, { text: string; embeddingCount: number }>;
    let start = 0;
    for (const [i, id] of ids.entries()) {
      const end = bytes.indexOf(10, start);
      const internal = internals[i] as number;
      const document = reader.readStored(bytes.toString('utf8', start, end));
      index.restore(id, internal, { ...document, vectors: vectors[internal] ?? null });
      start = end + 1;
    }
  }
}

function taskRecord(task: Task): [Record<string, unknown>, Buffer | undefined] {
  const { work, ...rest } = task;
  if (work?.kind !== 'import') return [{ kind: 'task', task: { ...rest, work } }, undefined];
  return [{ kind: 'task', task: { ...rest, work: { ...work, payload: null } } }, work.payload];
}

function taskFromRecord(meta: Record<string, unknown>, bytes: Buffer): Task {
  const task = meta['task'] as Task;
  const isUnfinished = task.status === 'enqueued' || task.status === 'processing';
  if (isUnfinished) {
    task.status = 'enqueued';
    task.batchUid = null;
    task.startedAt = null;
  }
  if (task.work?.kind === 'import') task.work = { ...task.work, payload: bytes };
  return task;
}

function writeIndex(file: RecordFile, index: IndexStore): void {
  file.append({
    kind: 'index',
    uid: index.uid,
    createdAt: index.createdAt,
    updatedAt: index.updatedAt,
    primaryKey: index.primaryKey,
    settings: index.settings,
    fields: [...index.shapes.fieldNumbers.keys()],
  });
  let internals: number[] = [];
  const flush = (): void => {
    const vectors = Object.fromEntries(internals.flatMap((i) => (index.vectorsAt(i) ? [[i, index.vectorsAt(i)]] : [])));
    const ids = internals.map((internal) => index.idAt(internal));
    const text = internals.map((internal) => `${index.textAt(internal) ?? ''}\n`).join('');
    file.append({ kind: 'documents', uid: index.uid, ids, internals, vectors }, Buffer.from(text));
    internals = [];
  };
  for (let internal = 0; internal < index.internalEnd; internal += 1) {
    if (index.textAt(internal) === undefined) continue;
    internals.push(internal);
    if (internals.length === SNAPSHOT_DOCUMENTS) flush();
  }
  flush();
  file.append({ kind: 'indexEnd', uid: index.uid, end: index.internalEnd });
}
