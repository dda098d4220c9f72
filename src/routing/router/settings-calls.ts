/**
 * Settings of an index: read from one of its nodes, changed on all of them, with the attributes that we need always in
 * them and never shown.
 */
import type { TopologyNode } from '../../core/topology.ts';
import { InvalidInputError, isMiroirError, NodeRefusedError, NodeUnreachableError } from '../../errors.ts';
import type { NodeClient, Records } from '../../ports.ts';
import type { CallOptions, ClientAnswer, WriteOptions } from '../api.ts';
import { shownSettings, withMiroirSettings, withoutMiroirSettings } from '../fields.ts';
import type { Settings } from '../fields.ts';
import { nodeError } from '../search/error-answers.ts';
import { ok } from './answers.ts';
import { ownersOf } from './index-calls.ts';
import type { Begun, Broadcasts } from '../settings/broadcasts.ts';
import { assertNotMoving, indexMoving, mindsNoSettings } from './moves.ts';
import type { Registration } from './registration.ts';
import type { Snapshot, Tables } from './tables.ts';
import type { TaskWriter } from './task-writer.ts';

export interface SettingsCallsOptions {
  readonly records: Pick<Records, 'unfinishedMoves' | 'move'>;
  readonly registration: Registration;
  readonly tables: Tables;
  readonly tasks: TaskWriter;
  readonly broadcasts: Broadcasts;
  readonly clientOf: (node: TopologyNode) => NodeClient;
}

const FILTERABLE = 'filterableAttributes';
const WHAT = 'a change of settings';
/** `filterable-attributes` → `filterableAttributes`. */
const nameOf = (part: string): string => part.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

export class SettingsCalls {
  readonly #options: SettingsCallsOptions;

  constructor(options: SettingsCallsOptions) {
    this.#options = options;
  }

  async read(index: string, part: string | null, { signal }: CallOptions): Promise<ClientAnswer> {
    const { registration, tables } = this.#options;
    registration.session();
    if (!tables.has(index)) await registration.sure(signal);
    const settings = withoutMiroirSettings(await this.#settingsOf(this.#snapshot(index)));
    if (part === null) return ok(settings);
    const name = nameOf(part);
    return name in settings ? ok(settings[name]) : nodeError(404, 'not_found', `There is no setting ${part}.`);
  }

  /**
   * `body` null resets. Refused while the index has moves that have begun and not settled, since both nodes of a move must have the
   * same settings, and while another change is under way. Answered when the nodes have accepted it.
   */
  async change(
    index: string,
    part: string | null,
    body: string | null,
    { signal, ...options }: WriteOptions,
  ): Promise<ClientAnswer> {
    const { records, registration, tasks, broadcasts } = this.#options;
    await registration.sure(signal);
    const snapshot = this.#snapshot(index);
    await assertNotMoving(records, index, WHAT, mindsNoSettings);
    signal.throwIfAborted();
    const change = await this.#change(snapshot, part, body);
    const shown = shownSettings(change);
    const moving = async (id: string): Promise<never> => {
      throw indexMoving(index, WHAT, (await records.move(id)) ?? { id, planId: '' });
    };
    let begun: Begun;
    try {
      begun = await broadcasts.begin(index, { change: merged(change), details: shown }, signal, moving);
    } catch (error) {
      const refusal = refusalOf(error, part);
      if (refusal === null) throw error;
      return refusal;
    }
    const details = body === null && part === null ? {} : shown;
    let task: number | null = null;
    try {
      const about = { indexUid: index, type: 'settingsUpdate', details, ...options };
      const { uid, answer } = await tasks.broadcasting(about, begun.id);
      task = uid;
      return answer;
    } finally {
      // Nodes have it already: also without a task it is finished, or set back.
      await begun.goOn(task);
    }
  }

  #snapshot(index: string): Snapshot {
    this.#options.registration.session();
    return this.#options.tables.get(index);
  }

  /** A part of the settings, ours not in it. */
  async #change(snapshot: Snapshot, part: string | null, body: string | null): Promise<Settings> {
    if (body === null) {
      const names = part === null ? Object.keys(await this.#settingsOf(snapshot)) : [nameOf(part)];
      return Object.fromEntries(names.map((name) => [name, null]));
    }
    const value: unknown = JSON.parse(body);
    if (part !== null) return { [nameOf(part)]: value };
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Settings;
    throw new InvalidInputError('Settings are an object.', { field: 'settings', details: { nodeCode: 'bad_request' } });
  }

  /** As the first node says that answers. */
  async #settingsOf(snapshot: Snapshot): Promise<Settings> {
    let problem: unknown;
    for (const node of ownersOf(snapshot)) {
      try {
        return await this.#options.clientOf(node).settings(snapshot.entry.uid);
      } catch (error) {
        problem = error;
      }
    }
    if (isMiroirError(problem)) throw problem;
    throw new NodeUnreachableError(`no node of index ${snapshot.entry.uid} answers`, {
      remedy: 'send it again in a moment',
    });
  }
}

/** Ours is merged in where the change speaks of filterable attributes, a reset included; what is no list is refused. */
const merged = (change: Settings): Settings =>
  change[FILTERABLE] === null || Array.isArray(change[FILTERABLE]) ? withMiroirSettings(change) : change;

/** A node's own refusal, in its words. */
function refusalOf(error: unknown, part: string | null): ClientAnswer | null {
  if (!(error instanceof NodeRefusedError)) return null;
  const { status, nodeCode, nodeMessage } = error.details;
  if (typeof status !== 'number' || typeof nodeCode !== 'string' || status === 401 || status === 403) return null;
  return nodeError(status, nodeCode, placed(String(nodeMessage ?? ''), part));
}

/** The message with places of what the client sent: without our rule, which is the first, and of a part by itself. */
function placed(message: string, part: string | null): string {
  const text = message.replace(
    /`\.filterableAttributes\[([1-9]\d*)\]/,
    (_, place) => `\`.${FILTERABLE}[${Number(place) - 1}]`,
  );
  if (part === null) return text;
  const top = `\`.${nameOf(part)}`;
  return text.replace(` at ${top}\``, '').replace(` inside ${top}\``, '').replace(top, '`');
}
