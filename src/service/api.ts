/** The control API, with the board over all queues. */
import { assertGuarded } from '../access/key-file.ts';
import { API_KEY_FILE } from '../api/keys.ts';
import { type Api, startApi as listen } from '../api/server.ts';
import type { Config } from '../config.ts';
import { createBoardQueues } from '../queue/board-queues.ts';
import { connect } from '../redis/connection.ts';
import { type Base, type Running, closeBase, openBase, probesOf, serveMetrics } from './base.ts';
import { controlOf } from './control.ts';

const SERVES_NONE: ReadonlySet<string> = new Set();

/** Serves it in a process that has its base already; `close` leaves the base open. */
export async function openApi(base: Base): Promise<Api> {
  const { config, logger, records } = base;
  const connection = connect({ url: config.redisUrl, kind: 'queue', logger });
  const queues = createBoardQueues({ connection, logger });
  const control = controlOf(base, 'control API');
  const stop = async (): Promise<void> => {
    await queues.close();
    await control.close();
    connection.disconnect();
  };
  try {
    const api = await listen({
      host: config.apiHost,
      port: config.apiPort,
      keysFile: config.apiKeysFile,
      requestsPerMinute: config.apiRequestsPerMinute,
      queues: async () => queues.open((await records.indexes()).map(({ uid }) => uid)),
      control,
      probes: probesOf(base, SERVES_NONE),
      logger,
    });
    return {
      ...api,
      async close() {
        await api.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A process that serves it and does nothing else. */
export async function startApi(
  config: Config,
): Promise<Running & { readonly apiUrl: string; readonly boardUrl: string }> {
  // Before anything is waited for: what is wrong here no start of Redis mends.
  assertGuarded(API_KEY_FILE, config.apiHost, config.apiKeysFile);
  const base = await openBase(config, 'api');
  const closers: (() => Promise<void>)[] = [() => closeBase(base)];
  const close = async (): Promise<void> => {
    for (const one of [...closers].reverse()) await one();
  };
  try {
    const metrics = await serveMetrics(base, SERVES_NONE);
    if (metrics !== null) closers.push(() => metrics.close());
    const api = await openApi(base);
    closers.push(() => api.close());
    base.logger.info({ api: api.url, metrics: metrics?.url }, 'the control API runs');
    return { metricsUrl: metrics?.url ?? null, apiUrl: api.url, boardUrl: api.boardUrl, close };
  } catch (error) {
    await close();
    throw error;
  }
}
