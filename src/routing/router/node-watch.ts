/**
 * A router as an observer of nodes. It has seen trouble when a request of its own found no node; then, and when others
 * report a node, it asks that node itself, and reports it for as long as it gets no answer. A node that is degraded, or
 * that observers have failed, it asks as well, since its word is needed to bring it back. A node of which nobody complains
 * is asked nothing.
 */
import { isAwaited, isLookedAt } from '../../core/observations.ts';
import { Sights, type Seen, type Sight } from '../../core/sights.ts';
import type { TopologyNode } from '../../core/topology.ts';
import { NodeUnreachableError, messageOf } from '../../errors.ts';
import type { Clock, Logger, NodeProbe, NodeTraffic, Observations, Traffic } from '../../ports.ts';
import type { Bell } from './bell.ts';

export interface NodeWatchParts {
  readonly observations: Pick<Observations, 'report' | 'withdraw'>;
  readonly probe: Pick<NodeProbe, 'look'>;
  /** Between two looks at a node that is not silent. */
  readonly intervalMs: number;
  /** How long a node may take to answer. */
  readonly timeoutMs: number;
  /** How long a report counts. */
  readonly reportMs: number;
  /** `host/pid`. */
  readonly process: string;
}

export interface NodeWatchOptions extends NodeWatchParts {
  readonly node: (id: string) => TopologyNode | undefined;
  readonly nodes: () => Iterable<TopologyNode>;
  /** The registration under which this router serves now; null while it does not. */
  readonly registration: () => string | null;
  readonly name: string;
  readonly clock: Clock;
  readonly bell: Bell;
  readonly logger: Logger;
  /** Between two rounds. */
  readonly everyMs: number;
}

/** Nodes asked at a time. */
const AT_A_TIME = 8;
const WAKE = 'node watch';

export class NodeWatch {
  readonly #options: NodeWatchOptions;
  readonly #sights: Sights;
  /** To be asked in the next round: requests of our own found no node. */
  #troubled = new Set<string>();
  /** What others report. */
  #others: ReadonlyMap<string, Seen> = new Map();
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: NodeWatchOptions) {
    this.#options = options;
    this.#sights = new Sights({ intervalMs: options.intervalMs, gapMs: options.reportMs });
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('closing'));
    this.#options.bell.ring(WAKE);
    await this.#running;
    await this.#tell(({ observations }, observer) => observations.withdraw(observer));
  }

  /** Whether the node has not answered this router's last look. */
  isSuspected(id: string): boolean {
    return this.#sights.what(id) === 'silent';
  }

  /** The same traffic, whose requests that find no node are noticed here. */
  watching(traffic: Traffic): Traffic {
    return { of: (node) => this.#watchingNode(traffic.of(node)), close: () => traffic.close() };
  }

  #watchingNode(traffic: NodeTraffic): NodeTraffic {
    const { node } = traffic;
    const noticing = async <T>(request: Promise<T>): Promise<T> => {
      try {
        return await request;
      } catch (error) {
        if (error instanceof NodeUnreachableError) this.#troubled.add(node.id);
        throw error;
      }
    };
    return {
      node,
      writeDocuments: (...request) => noticing(traffic.writeDocuments(...request)),
      deleteDocuments: (...request) => noticing(traffic.deleteDocuments(...request)),
      deleteByFilter: (...request) => noticing(traffic.deleteByFilter(...request)),
      search: (...request) => noticing(traffic.search(...request)),
      multiSearch: (...request) => noticing(traffic.multiSearch(...request)),
      fetchDocuments: (...request) => noticing(traffic.fetchDocuments(...request)),
      document: (...request) => noticing(traffic.document(...request)),
      stats: (...request) => noticing(traffic.stats(...request)),
      settings: (...request) => noticing(traffic.settings(...request)),
      tasks: (...request) => noticing(traffic.tasks(...request)),
    };
  }

  async #run(): Promise<void> {
    const { bell, everyMs, logger } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        await this.#look();
        await this.#report();
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        logger.debug({ problem: messageOf(error) }, 'nodes not looked at, trying again');
      }
      if (!this.#closing.signal.aborted) await bell.wait([WAKE], everyMs);
    }
  }

  /** Asks every node that somebody complains of, or waits for. */
  async #look(): Promise<void> {
    const troubled = this.#troubled;
    this.#troubled = new Set();
    const concerned = [...troubled, ...this.#sights.troubled(), ...this.#others.keys(), ...this.#awaited()];
    const nodes = [...new Set(concerned)].flatMap((id) => this.#options.node(id) ?? []).filter(isLookedAt);
    this.#sights.keep(new Set(nodes.map(({ id }) => id)));
    const due = nodes.filter((node) => troubled.has(node.id) || this.#isDue(node));
    for (let at = 0; at < due.length; at += AT_A_TIME) {
      await Promise.all(due.slice(at, at + AT_A_TIME).map((node) => this.#ask(node)));
    }
  }

  #isDue({ id, state }: TopologyNode): boolean {
    const isUrgent = state !== 'failed' && [this.#sights.what(id), this.#others.get(id)].includes('silent');
    return this.#sights.isDue(id, this.#options.clock.monotonic(), isUrgent);
  }

  #awaited(): Set<string> {
    return new Set([...this.#options.nodes()].filter(isAwaited).map(({ id }) => id));
  }

  async #ask(node: TopologyNode): Promise<void> {
    const { probe, timeoutMs, clock } = this.#options;
    const nowMs = clock.monotonic();
    const request = { deadlineMs: timeoutMs, signal: this.#closing.signal };
    this.#sights.note(node.id, await probe.look(node, request), nowMs);
  }

  async #report(): Promise<void> {
    const awaited = this.#awaited();
    const sights: ReadonlyMap<string, Sight> = this.#sights.told(this.#options.clock.monotonic(), (id) =>
      awaited.has(id),
    );
    await this.#tell(async ({ observations }, observer) => {
      this.#others = await observations.report(observer, sights);
    });
  }

  /** Under its registration; without one it is no observer. */
  async #tell(
    act: (parts: NodeWatchParts, observer: { id: string; process: string; name: string }) => Promise<void>,
  ): Promise<void> {
    const { registration, process, name, logger } = this.#options;
    const id = registration();
    this.#others = new Map();
    if (id === null) return;
    await act(this.#options, { id, process, name }).catch((error: unknown) => {
      logger.debug({ problem: messageOf(error) }, 'nodes not reported, trying again');
    });
  }
}
