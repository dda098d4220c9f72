/**
 * The read-only board: Bull Board over our queues, on loopback. It has no auth yet, so it can only look: every method
 * but GET and HEAD is refused before it reaches a route, whatever the board's own settings are.
 */
import { isIPv6 } from 'node:net';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type ErrorDetails, MiroirError, messageOf } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { redacted } from './redact.ts';

/** A queue object of the library that the board reads; made elsewhere. */
export type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

export interface BoardOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** The queues that exist now; asked again every few seconds. */
  readonly queues: () => Promise<readonly BoardQueue[]>;
  /** True, or why nothing can be shown. */
  readonly readiness: () => true | string;
  readonly logger: Logger;
}

export interface Board {
  /** Where a person looks: `http://127.0.0.1:7800/queues`. */
  readonly url: string;
  close(): Promise<void>;
}

/** The board's port is taken or may not be listened on. Choose another one with MIROIR_API_PORT; 0 is any free one. */
class BoardPortError extends MiroirError {
  readonly code = 'miroir_board_port';
  readonly retryable = false;
}

const BASE_PATH = '/queues';
/** How soon a new index shows up. */
const REFRESH_MS = 3_000;
/** How often an open page asks; each time costs some Redis commands per queue. */
const POLL_S = 5;
/** Where a name may point that a browser on this machine uses; anything else is a page elsewhere that rebinds DNS. */
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i;
/** Everything that the page needs is served from here; it must work, and stay silent, without the internet. */
const PAGE_POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'";
const EXTERNAL_LINK = /<link\b[^>]*\bhref="https?:\/\/[^>]*>\s*/gi;

function adapterOf(queue: BoardQueue): BullMQAdapter {
  const adapter = new BullMQAdapter(queue, { readOnlyMode: true, allowRetries: false, delimiter: '.' });
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

function guard(app: FastifyInstance): void {
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    void reply.headers({
      'content-security-policy': PAGE_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    if (!LOOPBACK.test(request.headers.host ?? '')) {
      return reply.code(403).send({ message: 'this board answers on loopback names only', code: 'miroir_board_host' });
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      void reply.header('allow', 'GET, HEAD');
      return reply.code(405).send({ message: 'this board is read-only', code: 'miroir_board_read_only' });
    }
  });
  app.addHook('onSend', async (_request, reply, payload: unknown) => {
    const isPage = String(reply.getHeader('content-type') ?? '').startsWith('text/html');
    return isPage && typeof payload === 'string' ? payload.replace(EXTERNAL_LINK, '') : payload;
  });
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    const details: ErrorDetails = { host, port };
    throw new BoardPortError(`the board cannot listen on ${host}:${port}: ${messageOf(error)}`, {
      field: 'api_port',
      remedy: 'set MIROIR_API_PORT to a free port, or to 0 for any',
      details,
      cause: error,
    });
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

export async function startBoard(options: BoardOptions): Promise<Board> {
  const { host, readiness, logger } = options;
  const app = fastify({ logger: false, forceCloseConnections: true });
  const server = new FastifyAdapter();
  server.setBasePath(BASE_PATH);
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
  guard(app);
  app.addHook('onError', async (request, _reply, error) => {
    logger.warn({ url: request.url, err: error }, 'the board could not answer');
  });
  app.get('/', async (_request, reply) => reply.redirect(BASE_PATH));
  app.get('/livez', async () => 'ok\n');
  app.get('/readyz', async (_request, reply) => {
    const ready = readiness();
    return ready === true ? 'ok\n' : reply.code(503).send(`${ready}\n`);
  });
  await app.register(server.registerPlugin(), { prefix: BASE_PATH });
  const port = await listen(app, host, options.port);
  const unfollow = followQueues(options, (adapters) => board.replaceQueues(adapters));
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${port}${BASE_PATH}`,
    async close() {
      unfollow();
      await app.close();
    },
  };
}
