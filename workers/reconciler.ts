/**
 * The reconciler process: keeps the fleet's promises when nobody looks. It watches the health of nodes, and runs the
 * duties of `src/reconcile/` (what owners missed, differences between replicas, settings, orphans), each in rounds that
 * BullMQ starts, each task under a lease of its own.
 *
 * Run two: a node counts as failed only where two observers say so. On SIGTERM tasks end, leases are given back, exit 0.
 * Configuration: `miroir config schema`.
 */
import { loadConfig } from '../src/config.ts';
import { runProcess, startReconciler } from '../src/service.ts';

await runProcess('reconciler', () => startReconciler(loadConfig(process.env)));
