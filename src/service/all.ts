/**
 * Everything on one machine: planner and board in this process, movers, reconciler and gateway as processes of their own. Indexing
 * and reading pages never hold up a lease's renewal here, and a mover that dies takes nothing along. The gateway parses
 * what anybody sends, 100 MB at a time: a gateway that stalls or runs out of memory must stall neither the planner, whose
 * lease would run out, nor anybody's moves.
 */
import { type Config, environmentOf } from '../config.ts';
import { assertGuarded } from '../access/key-file.ts';
import { API_KEY_FILE } from '../api/keys.ts';
import { KEY_FILE } from '../gateway/keys.ts';
import type { Logger } from '../ports.ts';
import { openApi } from './api.ts';
import { type Running, closeBase, openBase, serveMetrics } from './base.ts';
import { KeptProcess } from './kept-process.ts';
import { openPlanner } from './planner.ts';

export interface AllOptions {
  readonly config: Config;
  /** Mover processes, default 1. */
  readonly movers?: number;
  /** Whether a gateway runs as well; default: `all_gateway` of the configuration. */
  readonly hasGateway?: boolean;
}

export interface RunningChild {
  readonly pid: number;
  readonly metricsUrl: string | null;
}

export interface RunningAll extends Running {
  readonly boardUrl: string;
  /** Where the gateway listens, also after it was restarted. */
  readonly gatewayUrl?: string;
  /** The movers as they run now; one that was restarted has another id. */
  movers(): readonly RunningChild[];
  /** Null where there is none, or while it is started again. */
  gateway(): RunningChild | null;
}

export async function startAll(options: AllOptions): Promise<RunningAll> {
  const { config, movers: count = 1, hasGateway = config.allGateway } = options;
  // Before anything is started: what is wrong here no start of Redis mends.
  assertGuarded(API_KEY_FILE, config.apiHost, config.apiKeysFile);
  if (hasGateway) assertGuarded(KEY_FILE, config.gatewayHost, config.gatewayKeysFile);
  const base = await openBase(config, 'all');
  const { logger } = base;
  const closers: (() => Promise<void>)[] = [() => closeBase(base)];
  const closeAll = async (): Promise<void> => {
    for (const close of [...closers].reverse()) await close();
  };
  try {
    const metrics = await serveMetrics(base);
    if (metrics !== null) closers.push(() => metrics.close());
    const api = await openApi(base);
    closers.push(() => api.close());
    const planner = await openPlanner(base);
    // Any free port: the configured one is this process's own.
    const environment = { ...environmentOf(config), MIROIR_METRICS_PORT: '0' };
    const movers = Array.from({ length: count }, (_, at) => {
      const label = count === 1 ? 'rebalancer' : `rebalancer ${at + 1}`;
      return new KeptProcess({ worker: 'rebalancer', label, environment, logger });
    });
    const reconciler = new KeptProcess({ worker: 'reconciler', label: 'reconciler', environment, logger });
    const gateway = hasGateway ? keptGateway(environment, logger) : null;
    const children = [...movers, reconciler, ...(gateway === null ? [] : [gateway])];
    closers.push(async () => {
      await Promise.all([planner.close(), ...children.map((child) => child.stop())]);
    });
    await Promise.all(children.map((child) => child.start()));
    const gatewayUrl = gateway?.running?.ready.gateway;
    logger.info(
      { board: api.boardUrl, metrics: metrics?.url, movers: count, gateway: gatewayUrl },
      'planner, board, reconciler and movers run',
    );
    return {
      metricsUrl: metrics?.url ?? null,
      boardUrl: api.boardUrl,
      ...(gatewayUrl === undefined ? {} : { gatewayUrl }),
      movers: () => movers.flatMap((mover) => runningOf(mover) ?? []),
      gateway: () => (gateway === null ? null : runningOf(gateway)),
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** Started again it listens where it did, or its clients would not find it. */
const keptGateway = (environment: Readonly<Record<string, string>>, logger: Logger): KeptProcess =>
  new KeptProcess({
    worker: 'gateway',
    label: 'gateway',
    environment,
    again: ({ gateway = '' }) => (URL.canParse(gateway) ? { MIROIR_GATEWAY_PORT: new URL(gateway).port } : {}),
    logger,
  });

const runningOf = ({ running }: KeptProcess): RunningChild | null =>
  running === null ? null : { pid: running.child.pid, metricsUrl: running.ready.metrics };
