/**
 * A planner or reconciler process as an observer of nodes: whether it leads or not it asks every node how it is, and tells
 * what it sees. It looks at all of them by itself, since no traffic of clients passes here: every interval, and at every
 * beat as long as it, or another observer, gets no answer from the node.
 */
import pLimit from 'p-limit';
import type { Config } from '../config.ts';
import { isAwaited, isLookedAt } from '../core/observations.ts';
import { Sights, type Seen } from '../core/sights.ts';
import type { TopologyNode } from '../core/topology.ts';
import { messageOf } from '../errors.ts';
import type { Clock, Logger, NodeProbe, Observations, Records } from '../ports.ts';

export interface NodeLooksOptions {
  readonly records: Pick<Records, 'topology'>;
  readonly observations: Pick<Observations, 'report' | 'withdraw'>;
  readonly probe: NodeProbe;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `host/pid`. */
  readonly holder: string;
  readonly role: string;
  readonly config: Pick<Config, 'healthEnabled' | 'healthProbeIntervalMs' | 'healthProbeTimeoutMs'>;
  /** Between two reports. */
  readonly beatMs: number;
  /** How long a report counts. */
  readonly reportMs: number;
}

/** Nodes asked at a time. */
const AT_A_TIME = 16;

export interface NodeLooks {
  close(): Promise<void>;
}

export function startNodeLooks(options: NodeLooksOptions): NodeLooks {
  const { records, observations, probe, clock, logger, holder, role, config, beatMs, reportMs } = options;
  if (!config.healthEnabled) return { close: () => probe.close() };
  const name = `${holder} ${role}`;
  const observer = { id: name, process: holder, name };
  const closing = new AbortController();
  const sights = new Sights({ intervalMs: config.healthProbeIntervalMs, gapMs: reportMs });
  const limit = pLimit(AT_A_TIME);
  /** Under way, by node: reports do not wait for a node that hangs. */
  const looking = new Map<string, Promise<void>>();
  let others: ReadonlyMap<string, Seen> = new Map();

  const look = async (node: TopologyNode): Promise<void> => {
    const nowMs = clock.monotonic();
    try {
      const request = { deadlineMs: config.healthProbeTimeoutMs, signal: closing.signal };
      sights.note(node.id, await probe.look(node, request), nowMs);
    } catch (error) {
      if (!closing.signal.aborted)
        logger.error({ node: node.id, problem: messageOf(error) }, 'a node was not looked at');
    }
  };

  const isDue = (node: TopologyNode): boolean => {
    const isUrgent = node.state !== 'failed' && [sights.what(node.id), others.get(node.id)].includes('silent');
    return !looking.has(node.id) && sights.isDue(node.id, clock.monotonic(), isUrgent);
  };

  const beat = async (): Promise<void> => {
    const nodes = (await records.topology()).nodes.filter(isLookedAt);
    sights.keep(new Set(nodes.map(({ id }) => id)));
    for (const node of nodes.filter(isDue)) {
      looking.set(
        node.id,
        limit(() => look(node)).finally(() => looking.delete(node.id)),
      );
    }
    const awaited = new Set(nodes.filter(isAwaited).map(({ id }) => id));
    others = await observations.report(
      observer,
      sights.told(clock.monotonic(), (id) => awaited.has(id)),
    );
  };

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        await beat();
      } catch (error) {
        if (closing.signal.aborted) return;
        logger.debug({ problem: messageOf(error) }, 'nodes not looked at, trying again');
      }
      await clock.sleep(beatMs, closing.signal).catch(() => undefined); // closing ends the loop above
    }
  };
  const running = run();

  return {
    async close() {
      closing.abort(new Error('closing'));
      await running;
      await Promise.all(looking.values());
      await probe.close();
      await observations.withdraw(observer).catch((error: unknown) => {
        logger.debug({ problem: messageOf(error) }, 'reports left to run out');
      });
    },
  };
}
