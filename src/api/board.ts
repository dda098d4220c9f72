/** Bull Board over our queues. What it may change is the guard's to say, whatever the board's own settings are. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { messageOf } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { App } from './app.ts';
import { mayRetry } from './guard.ts';
import { redacted } from './redact.ts';

/** A queue object of the library that the board reads; made elsewhere. */
export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export interface BoardOptions {
  /** The queues that exist now; asked again every few seconds. */
  readonly queues: () => Promise<readonly BoardQueue[]>;
  readonly logger: Logger;
}

/** How soon a new index shows up. */
const REFRESH_MS = 3_000;
/** How often an open page asks; each time costs some Redis commands per queue. */
const POLL_S = 5;
const EXTERNAL_LINK = /<link\b[^>]*\bhref="https?:\/\/[^>]*>\s*/gi;

function adapterOf(queue: BoardQueue): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, {
    readOnlyMode: false,
    allowRetries: true,
    delimiter: '.',
  });
  for (const field of ['data', 'returnValue', 'progress'] as const) adapter.setFormatter(field, redacted);
  return adapter;
}

/** Keeps the board's list of queues up to date; the returned function ends that. */
function followQueues(options: BoardOptions, show: (adapters: readonly BullMQAdapter[]) => void): () => void {
  const adapters = new Map<BoardQueue, BullMQAdapter>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const look = async (): Promise<void> => {
    try {
      const queues = await options.queues();
      for (const known of adapters.keys()) if (!queues.includes(known)) adapters.delete(known);
      for (const queue of queues) if (!adapters.has(queue)) adapters.set(queue, adapterOf(queue));
      show(queues.flatMap((queue) => adapters.get(queue) ?? []));
    } catch (error) {
      options.logger.warn({ problem: messageOf(error) }, 'the list of queues could not be read, trying again');
    }
    if (!isClosed) timer = setTimeout(() => void look(), REFRESH_MS);
  };
  void look();
  return () => {
    isClosed = true;
    clearTimeout(timer);
  };
}

/** Lists of queues say what the page may offer: it depends on who asks. */
function offered(payload: unknown, isOperator: boolean): unknown {
  const { queues } = (payload ?? {}) as { queues?: unknown };
  if (!Array.isArray(queues)) return payload;
  const may = { readOnlyMode: !isOperator, allowRetries: isOperator, allowCompletedRetries: false };
  const list = queues.map((queue: object) => ({ ...queue, ...may }));
  return { ...(payload as object), queues: list };
}

/** Resolves when it is served; the returned function ends its looking for queues. */
export async function serveBoard(app: App, path: string, options: BoardOptions): Promise<() => void> {
  const server = new FastifyAdapter();
  server.setBasePath(path);
  const board = createBullBoard({
    queues: [],
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: 'miroir-rebalancer',
        hideDocsLink: true,
        showWorkers: false,
        overview: { groupByDelimiter: true },
        pollingInterval: { forceInterval: POLL_S },
      },
    },
  });
  await app.register(
    async (scope) => {
      scope.addHook('preSerialization', async (request, _reply, payload: unknown) =>
        offered(payload, mayRetry(request)),
      );
      scope.addHook('onSend', async (_request, reply, payload: unknown) => {
        const isPage = String(reply.getHeader('content-type') ?? '').startsWith('text/html');
        return isPage && typeof payload === 'string' ? payload.replace(EXTERNAL_LINK, '') : payload;
      });
      await scope.register(server.registerPlugin());
    },
    { prefix: path },
  );
  return followQueues(options, (adapters) => board.replaceQueues(adapters));
}
