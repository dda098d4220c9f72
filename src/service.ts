/**
 * Composition root: the one entrance for workers and edges, and the only part that knows every other. What a process
 * does not run it does not load: the board brings a web server along, which a mover has no use for.
 */
import type { Config } from './config.ts';
import type { Running } from './service/base.ts';
import type { AllOptions, RunningAll } from './service/all.ts';

export { type Base, type Running, closeBase, openBase, openLeases } from './service/base.ts';
export { type Control, openControl } from './service/control.ts';
export { startPlanner } from './service/planner.ts';
export { startRebalancer } from './service/rebalancer.ts';
export { startReconciler } from './service/reconciler.ts';
export { runProcess } from './service/run.ts';
export type { AllOptions, RunningAll } from './service/all.ts';

/** A process that serves the control API and the board of jobs, and does nothing else. */
export async function startApi(
  config: Config,
): Promise<Running & { readonly apiUrl: string; readonly boardUrl: string }> {
  return (await import('./service/api.ts')).startApi(config);
}

/** A process that is a gateway: an HTTP server for clients, with a router of its own. */
export async function startGateway(config: Config): Promise<Running & { readonly gatewayUrl: string }> {
  return (await import('./service/gateway.ts')).startGateway(config);
}

/** Planner and board in this process, movers and gateway as processes of their own. */
export async function startAll(options: AllOptions): Promise<RunningAll> {
  return (await import('./service/all.ts')).startAll(options);
}
