/** The control API, with the board over all queues. */
import { assertGuarded } from '../access/key-file.ts';
import { API_KEY_FILE } from '../api/keys.ts';
import { type Api, startApi as listen } from '../api/server.ts';
import type { Config } from '../config.ts';
import { createBoardQueues } from '../queue/board-queues.ts';
import { accessOf } from '../redis/access.ts';
import { connect } from '../redis/connection.ts';
import { type Base, type Running, probesOf, serveAlone } from './base.ts';
import { controlOf } from './control.ts';

/** Serves it in a process that has its base already; `close` leaves the base open. */
export async function openApi(base: Base): Promise<Api> {
  const { config, logger, records } = base;
  const connection = connect({ ...accessOf(config), kind: 'queue', logger });
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
      environment: config.apiEnvironment,
      queues: async () => queues.open((await records.indexes()).map(({ uid }) => uid)),
      control,
      probes: probesOf(base),
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
  const { base, opened, ...running } = await serveAlone(config, 'api', openApi);
  base.logger.info({ api: opened.url, metrics: running.metricsUrl ?? undefined }, 'the control API runs');
  return { ...running, apiUrl: opened.url, boardUrl: opened.boardUrl };
}
