/** A router over the connections of a process: what gateway and library are built on. */
import { createIndex } from '../control/indexes.ts';
import type { TopologyNode } from '../core/topology.ts';
import { createProbe, createTraffic } from '../nodes/index.ts';
import { openPermit } from '../nodes/open-permit.ts';
import type { NodeClient, Permit } from '../ports.ts';
import { createClientTasks } from '../redis/client-tasks.ts';
import { createJournal } from '../redis/journal.ts';
import { createFleetWriter } from '../redis/plan-writer.ts';
import type { Router, TurnTaker } from '../routing/api.ts';
import { createRouter } from '../routing/router/index.ts';
import type { RouterLimits } from '../routing/router/index.ts';
import { createRouterObserver } from '../telemetry/observer.ts';
import { openRegistry, type Base } from './base.ts';
import { openSettings, openUnwatchedLeases } from './settings.ts';

export interface RouterOptions {
  /** What it is, for people: `gateway`. */
  readonly role: string;
  readonly limits?: Partial<RouterLimits>;
}

/** Settings and indexes are made and changed within this, a request. */
const REQUEST_MS = 30_000;

/** To be closed before the base is. */
export function openRouter(base: Base, { role, limits }: RouterOptions): Router & TurnTaker {
  const { config, redis, scripts, records, clock, logger, timings, nodes, failpoint, metrics, holder } = base;
  const { observations, turns, repairs } = base;
  const entryMs = timings.routerEntryMs;
  const fleet = createFleetWriter(scripts, config.auditMaxEntries);
  const traffic = createTraffic({ config, clock, logger, metrics, failpoint });
  const probe = createProbe({ config, clock, logger, metrics, failpoint });
  const clientOf = (node: TopologyNode, permit: Permit = openPermit(REQUEST_MS)): NodeClient =>
    nodes.client(node, permit);
  const router = createRouter({
    records,
    registry: openRegistry(base),
    journal: createJournal({ scripts, clock, maxIds: config.journalMaxIds, entryMs }),
    turns,
    repairs,
    clientTasks: createClientTasks({
      redis,
      scripts,
      maxTasks: config.clientTasksMax,
      ttlSecs: config.clientTasksTtlSecs,
    }),
    traffic,
    nodeWatch: {
      observations,
      probe,
      intervalMs: config.healthProbeIntervalMs,
      // It looks, then reports: its report must not run out meanwhile.
      timeoutMs: Math.min(config.healthProbeTimeoutMs, timings.reportMs / 2),
      reportMs: timings.reportMs,
      process: holder,
    },
    clientOf,
    admin: {
      create: (wanted) =>
        createIndex(
          { records, fleet, clock, clientOf },
          { ...wanted, shards: config.newIndexShards, replicationFactor: config.newIndexReplicationFactor },
        ),
      unregister: (uid, ownMs) => fleet.deleteIndex(uid, ownMs),
      told: (deletion, nodeIds) => fleet.toldDeletion(deletion, nodeIds),
    },
    settings: openSettings(base, openUnwatchedLeases(base)),
    clock,
    logger: logger.child({ part: 'router' }),
    observer: createRouterObserver(metrics),
    name: `${holder} ${role}`,
    lapseMs: timings.routerLapseMs,
    entryMs,
    // A hold lasts no longer, so nobody waits longer for its end.
    limits: { holdMs: config.holdMs, ...limits },
  });
  return {
    ...router,
    async close() {
      await router.close();
      await Promise.all([traffic.close(), probe.close()]);
    },
  };
}
