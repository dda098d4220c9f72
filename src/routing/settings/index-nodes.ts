/** The nodes of an index as a change of its settings sees them: who has to have them, and what each shows now. */
import type { TopologyNode } from '../../core/topology.ts';
import type { Settings } from '../../core/settings-text.ts';
import { IndexUnknownError, isMiroirError, LeaseLostError, messageOf } from '../../errors.ts';
import type { Clock, Lease, NodeClient, Permit, Records } from '../../ports.ts';

export interface IndexNodesParts {
  readonly records: Pick<Records, 'topology' | 'table'>;
  readonly clock: Clock;
  clientOf(this: void, node: TopologyNode, permit: Permit): NodeClient;
}

export interface Shown {
  readonly client: NodeClient;
  readonly node: string;
  readonly settings: Settings;
}

export interface Silent {
  readonly node: string;
  readonly problem: string;
}

/** What the first node shows of what all of them have: a newer one has settings that an older one refuses. */
export function commonSettings(shown: readonly Shown[]): Settings {
  const [first] = shown;
  const names = Object.keys(first?.settings ?? {}).filter((name) => shown.every(({ settings }) => name in settings));
  return Object.fromEntries(names.map((name) => [name, first?.settings[name]]));
}

const LOOK_MS_MIN = 50;
const LOOK_MS_MAX = 1_000;

/** A node that does not answer, or not as it should, says nothing about its settings. */
export const isSilence = (error: unknown): boolean => isMiroirError(error) && !(error instanceof LeaseLostError);

export class IndexNodes {
  readonly #parts: IndexNodesParts;
  readonly #index: string;
  readonly #permit: Permit;

  constructor(parts: IndexNodesParts, index: string, lease: Lease, signal: AbortSignal) {
    this.#parts = parts;
    this.#index = index;
    this.#permit = { signal: AbortSignal.any([lease.signal, signal]), budgetMs: () => lease.budgetMs() };
  }

  get signal(): AbortSignal {
    return this.#permit.signal;
  }

  /** Owners and readers now; those that have failed get the settings when they are back. Throws `IndexUnknownError`. */
  async present(): Promise<{ readonly clients: readonly NodeClient[]; readonly failed: readonly string[] }> {
    const { records, clientOf } = this.#parts;
    const [topology, table] = await Promise.all([records.topology(), records.table(this.#index)]);
    if (table === null || table.shards.length === 0) {
      throw new IndexUnknownError(`index ${this.#index} is not registered any more`, {
        details: { index: this.#index },
      });
    }
    const ids = new Set(table.shards.flatMap(({ owners, readers }) => [...owners, ...readers]));
    const nodes = topology.nodes.filter(({ id }) => ids.has(id));
    return {
      clients: nodes.filter(({ state }) => state !== 'failed').map((node) => clientOf(node, this.#permit)),
      failed: nodes.filter(({ state }) => state === 'failed').map(({ id }) => id),
    };
  }

  /**
   * What each shows once it has no change of the index's settings before it. Without `waits` one that has counts as
   * silent: it may index for hours.
   */
  async look(
    clients: readonly NodeClient[],
    { waits = true }: { readonly waits?: boolean } = {},
  ): Promise<{ shown: readonly Shown[]; silent: readonly Silent[] }> {
    const shown: Shown[] = [];
    const silent: Silent[] = [];
    await Promise.all(
      clients.map(async (client) => {
        const node = client.node.id;
        try {
          if (waits) await this.quiet(client);
          else if (!(await this.#isQuiet(client))) {
            silent.push({ node, problem: 'it applies a change of settings' });
            return;
          }
          shown.push({ client, node, settings: await client.settings(this.#index) });
        } catch (error) {
          this.signal.throwIfAborted();
          if (!isSilence(error)) throw error;
          silent.push({ node, problem: messageOf(error) });
        }
      }),
    );
    // By id, so that whatever goes by the first one is the same everywhere.
    shown.sort((a, b) => (a.node < b.node ? -1 : 1));
    return { shown, silent };
  }

  /** Until the node has worked off every change of the index's settings, whoever sent it: as long as it indexes. */
  async quiet(client: NodeClient): Promise<void> {
    for (let waitMs = LOOK_MS_MIN; !(await this.#isQuiet(client)); waitMs = Math.min(LOOK_MS_MAX, waitMs * 1.5)) {
      await this.#parts.clock.sleep(waitMs, this.signal);
    }
  }

  async #isQuiet(client: NodeClient): Promise<boolean> {
    const unfinished = await client.tasks({
      index: this.#index,
      statuses: ['enqueued', 'processing'],
      types: ['settingsUpdate'],
      limit: 1,
    });
    return unfinished.length === 0;
  }
}
