/**
 * A planner or reconciler process as an observer of nodes: whether it leads or not it asks every node for its health, and
 * reports those that do not answer. It looks at all of them by itself, since no traffic of clients passes here.
 */
import pLimit from 'p-limit';
import { Suspicions, mayFail } from '../core/observations.ts';
import type { TopologyNode } from '../core/topology.ts';
import { isMiroirError, messageOf } from '../errors.ts';
import type { Clock, Logger, NodeProbe, Observations, Records } from '../ports.ts';

export interface NodeLooksOptions {
  readonly records: Pick<Records, 'topology'>;
  readonly observations: Pick<Observations, 'report'>;
  readonly probe: NodeProbe;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `host/pid` and role. */
  readonly name: string;
  /** Between two looks, and how long a node may take to answer. */
  readonly probeMs: number;
  /** After this long without a look the time of a suspicion begins anew. */
  readonly reportMs: number;
}

/** Nodes asked at a time. */
const AT_A_TIME = 16;

export interface NodeLooks {
  close(): Promise<void>;
}

export function startNodeLooks(options: NodeLooksOptions): NodeLooks {
  const { records, observations, probe, clock, logger, name, probeMs, reportMs } = options;
  const closing = new AbortController();
  const suspicions = new Suspicions(reportMs);
  const limit = pLimit(AT_A_TIME);

  const look = async (node: TopologyNode): Promise<void> => {
    const nowMs = clock.monotonic();
    try {
      if (await probe.answers(node, { deadlineMs: probeMs, signal: closing.signal })) suspicions.clear(node.id);
      else suspicions.noAnswer(node.id, nowMs);
    } catch (error) {
      closing.signal.throwIfAborted();
      if (!isMiroirError(error)) throw error;
      // Who may not ask has seen nothing.
      suspicions.clear(node.id);
      logger.debug({ node: node.id, problem: error.message }, 'a node cannot be looked at from here');
    }
  };

  const round = async (): Promise<void> => {
    const { nodes } = await records.topology();
    const live = nodes.filter(({ state }) => mayFail(state));
    const known = new Set(live.map(({ id }) => id));
    for (const id of suspicions.ids()) if (!known.has(id)) suspicions.clear(id);
    await Promise.all(live.map((node) => limit(() => look(node))));
    await observations.report({ id: name, name }, suspicions.all(clock.monotonic()));
  };

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        await round();
      } catch (error) {
        if (closing.signal.aborted) return;
        logger.debug({ problem: messageOf(error) }, 'nodes not looked at, trying again');
      }
      await clock.sleep(probeMs, closing.signal).catch(() => undefined); // closing ends the loop above
    }
  };
  const running = run();

  return {
    async close() {
      closing.abort(new Error('closing'));
      await running;
      await probe.close();
      await observations.report({ id: name, name }, new Map()).catch((error: unknown) => {
        logger.debug({ problem: messageOf(error) }, 'reports left to run out');
      });
    },
  };
}
