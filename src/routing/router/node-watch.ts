/**
 * A router as an observer of nodes. It has seen trouble when a request of its own found no node; then, and when others
 * report a node, it asks that node itself, and reports it for as long as it gets no answer. A node of which nobody
 * complains is asked nothing.
 */
import { Suspicions, mayFail } from '../../core/observations.ts';
import type { TopologyNode } from '../../core/topology.ts';
import { NodeUnreachableError, isMiroirError, messageOf } from '../../errors.ts';
import type { Clock, Logger, NodeProbe, NodeTraffic, Observations, Traffic } from '../../ports.ts';
import type { Bell } from './bell.ts';

export interface NodeWatchParts {
  readonly observations: Pick<Observations, 'report'>;
  readonly probe: Pick<NodeProbe, 'answers'>;
  /** How long a node may take to answer. */
  readonly probeMs: number;
  /** How long a report counts; after this long without a look the time of a suspicion begins anew. */
  readonly reportMs: number;
}

export interface NodeWatchOptions extends NodeWatchParts {
  readonly node: (id: string) => TopologyNode | undefined;
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
  readonly #suspicions: Suspicions;
  /** To be asked in the next round: own trouble, and what others report. */
  #troubled = new Set<string>();
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: NodeWatchOptions) {
    this.#options = options;
    this.#suspicions = new Suspicions(options.reportMs);
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('closing'));
    this.#options.bell.ring(WAKE);
    await this.#running;
    await this.#report(new Map());
  }

  /** Whether the node has not answered this router's last look. */
  isSuspected(id: string): boolean {
    return this.#suspicions.has(id);
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
    const { bell, everyMs, clock, logger } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        await this.#look();
        for (const id of await this.#report(this.#suspicions.all(clock.monotonic()))) this.#troubled.add(id);
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        logger.debug({ problem: messageOf(error) }, 'nodes not looked at, trying again');
      }
      if (!this.#closing.signal.aborted) await bell.wait([WAKE], everyMs);
    }
  }

  /** Asks every node that somebody complains of. */
  async #look(): Promise<void> {
    const ids = [...new Set([...this.#troubled, ...this.#suspicions.ids()])];
    this.#troubled = new Set();
    for (let at = 0; at < ids.length; at += AT_A_TIME) {
      await Promise.all(ids.slice(at, at + AT_A_TIME).map((id) => this.#ask(id)));
    }
  }

  async #ask(id: string): Promise<void> {
    const { node: find, probe, probeMs, clock, logger } = this.#options;
    const node = find(id);
    if (node === undefined || !mayFail(node.state)) {
      this.#suspicions.clear(id);
      return;
    }
    const nowMs = clock.monotonic();
    const { signal } = this.#closing;
    try {
      if (await probe.answers(node, { deadlineMs: probeMs, signal })) this.#suspicions.clear(id);
      else this.#suspicions.noAnswer(id, nowMs);
    } catch (error) {
      signal.throwIfAborted();
      if (!isMiroirError(error)) throw error;
      // Who may not ask has seen nothing.
      this.#suspicions.clear(id);
      logger.debug({ node: id, problem: error.message }, 'a node cannot be looked at from here');
    }
  }

  /** Which nodes others report. */
  async #report(suspects: ReadonlyMap<string, number>): Promise<readonly string[]> {
    const { observations, registration, name, logger } = this.#options;
    const id = registration();
    if (id === null) return [];
    return observations.report({ id, name }, suspects).catch((error: unknown) => {
      logger.debug({ problem: messageOf(error) }, 'nodes not reported, trying again');
      return [];
    });
  }
}
