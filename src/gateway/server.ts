/**
 * The gateway: HTTP as a Meilisearch node speaks it, in front of a router. On Node's own server, because bodies are read
 * here: decompressed, bounded and paused before a framework could have parsed them.
 */
import { createServer, type Server } from 'node:http';
import { isIPv6, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { GatewayPortError, messageOf } from '../errors.ts';
import { assertGuarded, openKeyFile } from '../access/key-file.ts';
import type { Router } from '../routing/api.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { nodeError } from './answers.ts';
import { Calls } from './calls.ts';
import { createEdge } from './edge.ts';
import { KEY_FILE } from './keys.ts';
import { type GatewayTimings, TIMINGS } from './limits.ts';

export interface GatewayOptions {
  /** Closed with the gateway. */
  readonly router: Router;
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Empty: no keys, which is for loopback only. */
  readonly keysFile: string;
  readonly bodyMaxBytes: number;
  readonly waitingMaxBytes: number;
  readonly inFlightMax: number;
  readonly connectionsMax: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly timings?: Partial<GatewayTimings>;
}

export interface Gateway {
  readonly url: string;
  /** Stops accepting, lets what is under way end, closes the router. */
  close(): Promise<void>;
}

/** How soon a key that was taken back is refused. */
const KEYS_EVERY_MS = 5_000;
/** How often deadlines of connections are looked at. */
const CHECK_EVERY_MS = 1_000;

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { host, port, keysFile, router, metrics, logger } = options;
  assertGuarded(KEY_FILE, host, keysFile);
  const timings = { ...TIMINGS, ...options.timings };
  const keyFile = await openKeyFile(KEY_FILE, keysFile, logger, KEYS_EVERY_MS);
  const calls = new Calls(router, { ...options, timings }, metrics);
  const edge = createEdge({ calls, keyFile, discardMs: timings.discardMs, metrics, logger });
  const server = createServer(
    {
      headersTimeout: timings.headersMs,
      requestTimeout: timings.bodyMs,
      keepAliveTimeout: timings.keepAliveMs,
      connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, timings.headersMs),
    },
    (request, response) => edge.handle(request, response),
  );
  server.timeout = timings.idleMs;
  server.maxConnections = options.connectionsMax;
  server.on('clientError', refuseConnection);
  server.on('error', (error) => logger.warn({ err: error }, 'the gateway’s server has trouble'));
  try {
    await listen(server, host, port);
  } catch (error) {
    keyFile.close();
    throw error;
  }
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${actual}`,
    async close() {
      edge.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await calls.drain();
      // Answers that are being sent go out; a client that does not read them is not waited for.
      const timer = setTimeout(() => server.closeAllConnections(), timings.flushMs);
      server.closeIdleConnections();
      await closed;
      clearTimeout(timer);
      keyFile.close();
      await router.close();
    },
  };
}

const REASONS: Readonly<Record<string, readonly [status: string, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request took too long to come in.'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are too large.'],
};

/** What is no HTTP never becomes a request; it is answered all the same, and the connection ends. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, message] = REASONS[error.code ?? ''] ?? ['400 Bad Request', 'The request is no valid HTTP.'];
  const { body } = nodeError('bad_request', message);
  const length = Buffer.byteLength(body);
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`,
  );
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      reject(
        new GatewayPortError(`the gateway cannot listen on ${host}:${port}: ${messageOf(error)}`, {
          field: 'gateway_port',
          remedy: 'set MIROIR_GATEWAY_PORT to a free port, or to 0 for any',
          details: { host, port },
          cause: error,
        }),
      );
    };
    server.once('error', onError);
    server.listen(port, host, () => {
      server.off('error', onError);
      resolve();
    });
  });
}
