/** The read-only board over all queues. */
import { startBoard } from '../api/board.ts';
import type { Config } from '../config.ts';
import { createBoardQueues } from '../queue/board-queues.ts';
import { connect } from '../redis/connection.ts';
import { type Base, type Running, closeBase, openBase, readiness, serveMetrics } from './base.ts';

const SERVES_NONE: ReadonlySet<string> = new Set();

export interface BoardPart {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the board in a process that has its base already; `close` leaves the base open. */
export async function openBoard(base: Base): Promise<BoardPart> {
  const { config, logger, records } = base;
  const connection = connect({ url: config.redisUrl, kind: 'queue', logger });
  const queues = createBoardQueues({ connection, logger });
  const stop = async (): Promise<void> => {
    await queues.close();
    connection.disconnect();
  };
  try {
    const board = await startBoard({
      host: config.apiHost,
      port: config.apiPort,
      queues: async () => queues.open((await records.indexes()).map(({ uid }) => uid)),
      readiness: readiness(base),
      logger,
    });
    return {
      url: board.url,
      async close() {
        await board.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A process that serves the board and does nothing else. */
export async function startApi(config: Config): Promise<Running & { readonly boardUrl: string }> {
  const base = await openBase(config, 'api');
  const metrics = await serveMetrics(base, SERVES_NONE);
  const board = await openBoard(base);
  base.logger.info({ board: board.url, metrics: metrics?.url }, 'board runs');
  return {
    metricsUrl: metrics?.url ?? null,
    boardUrl: board.url,
    async close() {
      await board.close();
      await metrics?.close();
      await closeBase(base);
      base.logger.info({}, 'board closed');
    },
  };
}
