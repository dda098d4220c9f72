/** Answers a write with a task of the router's own. */
import { RECORD_VERSION } from '../../core/version.ts';
import type { ClientTaskOutcome, ClientTaskPart, ClientTaskRecord, ClientTasks, Clock } from '../../ports.ts';
import type { ClientAnswer } from '../api.ts';
import { accepted } from './answers.ts';
import type { TaskFollower } from './task-follower.ts';
import { receiptOf } from './task-view.ts';
import type { WrittenPart } from './written.ts';

export interface TaskAbout {
  readonly indexUid: string;
  readonly type: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly customMetadata?: string;
}

export class TaskWriter {
  readonly #clientTasks: ClientTasks;
  readonly #follower: TaskFollower;
  readonly #clock: Clock;

  constructor(clientTasks: ClientTasks, follower: TaskFollower, clock: Clock) {
    this.#clientTasks = clientTasks;
    this.#follower = follower;
    this.#clock = clock;
  }

  /** Nodes have accepted it. */
  async begun(
    about: TaskAbout,
    parts: readonly ClientTaskPart[],
    written: readonly WrittenPart[] = [],
    shortGroups: readonly number[] = [],
  ): Promise<ClientAnswer> {
    const record = await this.#add(about, parts, shortGroups);
    this.#follower.follow(record, written);
    const headers = shortGroups.length === 0 ? {} : { 'x-miroir-degraded': `groups ${shortGroups.join(', ')}` };
    return accepted(receiptOf(record), headers);
  }

  /** A broadcast of settings ends it; whoever drives that one looks after it. Returns the task's uid, too. */
  async broadcasting(
    about: TaskAbout,
    broadcast: string,
  ): Promise<{ readonly uid: number; readonly answer: ClientAnswer }> {
    const record = await this.#add(about, [], [], broadcast);
    return { uid: record.uid, answer: accepted(receiptOf(record)) };
  }

  /** There was nothing to do, or it is done. */
  async done(about: TaskAbout, details: TaskAbout['details']): Promise<ClientAnswer> {
    return this.#ended(about, { status: 'succeeded', error: null, details, ...this.#times() });
  }

  /** What a node accepts and then fails is accepted here, too. */
  async failed(about: TaskAbout, code: string, message: string): Promise<ClientAnswer> {
    const link = `https://docs.meilisearch.com/errors#${code}`;
    const error = { message, code, type: 'invalid_request', link };
    const { details } = about;
    const counts = ['indexedDocuments', 'deletedDocuments'].filter((name) => name in details);
    const counted = { ...details, ...Object.fromEntries(counts.map((name) => [name, 0])) };
    return this.#ended(about, { status: 'failed', error, details: counted, ...this.#times() });
  }

  async #ended(about: TaskAbout, outcome: ClientTaskOutcome): Promise<ClientAnswer> {
    const record = await this.#add(about, [], []);
    await this.#clientTasks.finish(record.uid, outcome);
    return accepted(receiptOf(record));
  }

  async #add(
    { customMetadata, ...about }: TaskAbout,
    parts: readonly ClientTaskPart[],
    degradedGroups: readonly number[],
    broadcast?: string,
  ): Promise<ClientTaskRecord> {
    const { startedAt: enqueuedAt } = this.#times();
    const ending = broadcast === undefined ? {} : { broadcast };
    const task = { ...about, enqueuedAt, customMetadata: customMetadata ?? null, parts, degradedGroups, ...ending };
    const uid = await this.#clientTasks.add(task);
    return { ...task, v: RECORD_VERSION, uid, outcome: null };
  }

  #times(): { readonly startedAt: string; readonly finishedAt: string } {
    const now = new Date(this.#clock.now()).toISOString();
    return { startedAt: now, finishedAt: now };
  }
}

/** What each node accepted, one task of a node a part. */
export function taskPartsOf(written: readonly WrittenPart[]): ClientTaskPart[] {
  const byTask = new Map<string, ClientTaskPart & { readonly shards: number[] }>();
  for (const { part, accepted: tasks, stampMs } of written) {
    for (const [node, taskUid] of tasks) {
      const name = `${taskUid}@${node}`;
      const one = byTask.get(name) ?? { node, taskUid, shards: [], stampMs };
      byTask.set(name, one);
      if (!one.shards.includes(part.shard)) one.shards.push(part.shard);
    }
  }
  return [...byTask.values()];
}
