/** Sends nodes what they lack of an index's settings, and waits until they have worked it off. */
import { withKeys } from '../../core/settings-secrets.ts';
import type { Settings } from '../../core/settings-text.ts';
import { isMiroirError, NodeRefusedError, NodeTaskFailedError } from '../../errors.ts';
import type { NodeClient, NodeTask } from '../../ports.ts';
import { type IndexNodes, isSilence, type Shown } from './index-nodes.ts';

export interface Sent {
  /** Node → its task. */
  readonly uids: Readonly<Record<string, number>>;
  /** What a node would not take, in its words. */
  readonly refusal: unknown;
}

interface SentTask {
  readonly client: NodeClient;
  readonly uid: number;
}

export class Sender {
  readonly #index: string;
  readonly #nodes: IndexNodes;
  readonly #keyOf: (reference: string) => string;
  #tasks: readonly SentTask[] = [];
  #isSure = true;
  #example: NodeTask | null = null;

  constructor(index: string, nodes: IndexNodes, keyOf: (reference: string) => string) {
    this.#index = index;
    this.#nodes = nodes;
    this.#keyOf = keyOf;
  }

  /** No write to a node has an unknown outcome. */
  get isSure(): boolean {
    return this.#isSure;
  }

  /** Whether some node may have taken something. */
  get hasSent(): boolean {
    return this.#tasks.length > 0 || !this.#isSure;
  }

  /** A task of some node that has ended, for its words. */
  get example(): NodeTask | null {
    return this.#example;
  }

  /** A node that does not answer is left out: the comparison finds it. */
  async send(shown: readonly Shown[], patchOf: (shown: Shown) => Settings): Promise<Sent> {
    const uids: Record<string, number> = {};
    let refusal: unknown;
    await Promise.all(
      shown.map(async (one) => {
        const { client, node } = one;
        const patch = withKeys(patchOf(one), this.#keyOf);
        if (Object.keys(patch).length === 0) return;
        try {
          const uid = await this.#unlessSilent(() => client.updateSettings(this.#index, patch));
          if (uid === null) return;
          uids[node] = uid;
          this.#tasks = [...this.#tasks, { client, uid }];
        } catch (error) {
          this.#nodes.signal.throwIfAborted();
          refusal ??= error;
        }
      }),
    );
    return { uids, refusal };
  }

  /** Until the nodes have worked off what they were sent. Throws the words of one whose task failed. */
  async applied(): Promise<void> {
    const tasks = this.#tasks;
    const ended = await Promise.all(
      tasks.map(({ client, uid }) =>
        this.#unlessSilent(async () => {
          await this.#nodes.quiet(client);
          return (await client.tasks({ uids: [uid], limit: 1 }))[0] ?? null;
        }),
      ),
    );
    this.#tasks = tasks.filter((_, at) => ended[at] === null);
    this.#example ??= ended.find((task) => task !== null) ?? null;
    const failed = ended.findIndex((task) => task?.status === 'failed' || task?.status === 'canceled');
    const task = ended[failed];
    if (task == null) return;
    const { code = 'internal', message = task.status } = task.error ?? {};
    throw new NodeTaskFailedError(message, {
      details: { node: tasks[failed]?.client.node.id ?? '', taskCode: code, nodeCode: code, nodeMessage: message },
    });
  }

  async #unlessSilent<T>(ask: () => Promise<T>): Promise<T | null> {
    try {
      return await ask();
    } catch (error) {
      const isUnknown = isMiroirError(error) && error.details['ambiguous'] === true;
      if (isUnknown || this.#nodes.signal.aborted) this.#isSure = false;
      this.#nodes.signal.throwIfAborted();
      if (error instanceof NodeRefusedError || !isSilence(error)) throw error;
      return null;
    }
  }
}
