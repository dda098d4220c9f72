/** What clients write to documents: each call becomes a payload, is written, and answered with a task. */
import { briefText } from '../../core/brief-text.ts';
import type { IndexEntry } from '../../core/routing.ts';
import { IndexUnknownError, InvalidInputError, SettingsDivergenceError } from '../../errors.ts';
import type { Clock, RouterObserver } from '../../ports.ts';
import type { ClientAnswer, DocumentsToWrite, WriteOptions } from '../api.ts';
import { DocumentStore } from '../document-store.ts';
import { nodeWords } from '../search/error-answers.ts';
import { countDocuments, idOf, splitDocuments } from '../split.ts';
import { deletionByFilter } from './filters.ts';
import { deletePayload, documentsPayload, idCountOf, storedPayload } from './payload.ts';
import type { Payload } from './payload.ts';
import type { Registration } from './registration.ts';
import type { Snapshot, Tables } from './tables.ts';
import { taskPartsOf } from './task-writer.ts';
import type { TaskAbout, TaskWriter } from './task-writer.ts';
import { WriteRun } from './write.ts';
import type { WriteParts } from './write.ts';

export interface DocumentCallsOptions {
  readonly write: WriteParts;
  readonly registration: Registration;
  readonly tables: Tables;
  readonly tasks: TaskWriter;
  readonly clock: Clock;
  readonly observer: RouterObserver;
}

/** Where a node accepts the request and fails its task. */
const FAILS_LATER = new Set<unknown>(['missing_document_id', 'invalid_document_id']);
/** Splitting so much takes some ten milliseconds, in which nobody else is served. */
const TURN_BYTES = 262_144;
const ADDITION = 'documentAdditionOrUpdate';
const DELETION = 'documentDeletion';

export class DocumentCalls {
  readonly #options: DocumentCallsOptions;

  constructor(options: DocumentCallsOptions) {
    this.#options = options;
  }

  async add(index: string, write: DocumentsToWrite, options: WriteOptions): Promise<ClientAnswer> {
    const { tasks } = this.#options;
    const { entry } = await this.#snapshot(index, options.signal);
    const about = (receivedDocuments: number): TaskAbout =>
      aboutOf(index, ADDITION, { receivedDocuments, indexedDocuments: null }, options);
    if (write.primaryKey !== undefined && write.primaryKey !== entry.primaryKey) {
      const words = `Index already has a primary key: \`${entry.primaryKey}\`.`;
      return tasks.failed(about(await this.#count(write, options.signal)), 'index_primary_key_already_exists', words);
    }
    let payload: Payload;
    try {
      payload = await this.#payloadOf(entry, write, options.signal);
    } catch (error) {
      if (!(error instanceof InvalidInputError) || !FAILS_LATER.has(error.details['nodeCode'])) throw error;
      const received = await this.#count(write, options.signal);
      return tasks.failed(about(received), String(error.details['nodeCode']), String(error.details['nodeMessage']));
    }
    return this.#write(payload, about(payload.parts.reduce((sum, part) => sum + idCountOf(part), 0)), options);
  }

  /** Of many documents piece by piece, so that other requests and the registration get their turns. */
  async #payloadOf(entry: IndexEntry, { mode, documents }: DocumentsToWrite, signal: AbortSignal): Promise<Payload> {
    const { clock } = this.#options;
    if (typeof documents === 'string') {
      return documentsPayload(entry, mode, splitDocuments(arrayOf(documents), entry, clock).values());
    }
    const store = new DocumentStore(entry);
    await this.#eachPiece(documents, signal, (piece) => store.add(piece));
    return storedPayload(entry, mode, store);
  }

  /** How many documents came, of a write that a node's task would fail. */
  async #count({ documents }: DocumentsToWrite, signal: AbortSignal): Promise<number> {
    if (typeof documents === 'string') return countDocuments(arrayOf(documents));
    let count = 0;
    await this.#eachPiece(documents, signal, (piece) => (count += countDocuments(`[${piece.toString()}]`)));
    return count;
  }

  async #eachPiece(pieces: readonly Buffer[], signal: AbortSignal, take: (piece: Buffer) => void): Promise<void> {
    let bytes = 0;
    for (const piece of pieces) {
      take(piece);
      bytes += piece.length;
      if (bytes < TURN_BYTES) continue;
      bytes = 0;
      await this.#options.clock.sleep(0, signal);
    }
  }

  async remove(index: string, texts: readonly string[], options: WriteOptions): Promise<ClientAnswer> {
    const { entry } = await this.#snapshot(index, options.signal);
    // What can be no id deletes nothing.
    const ids = new Set(texts.map((text) => idOf(text)).filter((id) => id !== null));
    const details = { providedIds: texts.length, deletedDocuments: null, originalFilter: null };
    return this.#write(deletePayload(entry, [...ids]), aboutOf(index, DELETION, details, options), options);
  }

  async removeByFilter(index: string, filter: string | null, options: WriteOptions): Promise<ClientAnswer> {
    const { entry } = await this.#snapshot(index, options.signal);
    const payload = deletionByFilter(entry, filter);
    const details =
      filter === null
        ? { deletedDocuments: null }
        : { providedIds: 0, deletedDocuments: null, originalFilter: briefText(filter) };
    return this.#write(payload, aboutOf(index, DELETION, details, options), options);
  }

  /** The index as it is known now; one that was created a moment ago is asked for once. */
  async #snapshot(index: string, signal: AbortSignal): Promise<Snapshot> {
    const { registration, tables } = this.#options;
    signal.throwIfAborted();
    registration.session();
    if (!tables.has(index)) await registration.sure(signal);
    return tables.get(index);
  }

  /** Nodes that do not index alike must not be given more to index. */
  #assertNotFrozen(index: string): void {
    const why = this.#options.tables.settings(index)?.frozen ?? null;
    if (why === null) return;
    throw new SettingsDivergenceError(`index ${index} takes no writes: the settings of its nodes diverge: ${why}`, {
      remedy: 'change its settings again with success, or run `miroir settings thaw` once its nodes are equal',
      details: { index },
    });
  }

  async #write(payload: Payload, about: TaskAbout, options: WriteOptions): Promise<ClientAnswer> {
    const { tasks, write, observer } = this.#options;
    if (payload.parts.length === 0) {
      const counted = about.type === ADDITION ? { indexedDocuments: 0 } : { deletedDocuments: 0 };
      return tasks.done(about, { ...about.details, ...counted });
    }
    this.#assertNotFrozen(about.indexUid);
    try {
      const result = await new WriteRun(write, payload, options).run();
      if (result.kind === 'refused') {
        observer.write('refused');
        return nodeWords(result.answer) ?? { status: result.answer.status, headers: {}, body: '' };
      }
      observer.write(result.shortGroups.length === 0 ? 'accepted' : 'degraded');
      return await tasks.begun(about, taskPartsOf(result.parts), result.parts, result.shortGroups);
    } catch (error) {
      if (!options.signal.aborted && !(error instanceof IndexUnknownError)) observer.write('unanswered');
      throw error;
    }
  }
}

/** One document alone is an array of one. */
const arrayOf = (documents: string): string => (documents.trimStart().startsWith('{') ? `[${documents}]` : documents);

const aboutOf = (
  indexUid: string,
  type: string,
  details: TaskAbout['details'],
  { customMetadata }: WriteOptions,
): TaskAbout => ({ indexUid, type, details, ...(customMetadata === undefined ? {} : { customMetadata }) });
