/** The reconciler: looks at nodes, and runs the duties that keep the fleet whole. */
import type { Config } from '../config.ts';
import { createProbe } from '../nodes/index.ts';
import { startNodeLooks } from '../planning/node-looks.ts';
import { startDuties } from '../queue/duties.ts';
import { accessOf } from '../redis/access.ts';
import { connect } from '../redis/connection.ts';
import { dutyScope } from '../redis/keys.ts';
import { type Base, type Running, closeBase, openBase, openLeases, serveMetrics } from './base.ts';
import { openDuties } from './duties.ts';
import { openRouter } from './router.ts';

/** Reconciles in a process that has its base already; `close` leaves the base open. */
function openReconciler(base: Base): { close(): Promise<void> } {
  const { config, timings, logger } = base;
  const { watch, leases } = openLeases(base);
  const connection = connect({ ...accessOf(config), kind: 'queue', logger });
  const router = openRouter(base, { role: 'reconciler' });
  const looks = startNodeLooks({ ...base, ...timings, probe: createProbe(base), role: 'reconciler' });
  const duties = startDuties({
    ...base,
    connection,
    leases,
    scopeOf: dutyScope,
    duties: openDuties({ ...base, connection, router, leases }),
    concurrency: config.reconcileConcurrency,
  });
  return {
    async close() {
      await duties.close();
      await looks.close();
      await router.close();
      watch.stop();
      connection.disconnect();
    },
  };
}

/** A reconciler process. Run two or more: they share the tasks, and each is an observer of nodes. */
export async function startReconciler(config: Config): Promise<Running> {
  const base = await openBase(config, 'reconciler');
  const reconciler = openReconciler(base);
  const metrics = await serveMetrics(base);
  base.logger.info({ holder: base.holder, metrics: metrics?.url }, 'reconciler runs');
  return {
    metricsUrl: metrics?.url ?? null,
    async close() {
      await reconciler.close();
      await metrics?.close();
      await closeBase(base);
      base.logger.info({ holder: base.holder }, 'reconciler drained');
    },
  };
}
