/**
 * GET /metrics, /livez and /readyz of a process. A taken port is a warning, never a reason to stop: moving documents
 * matters more than being watched.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIPv6 } from 'node:net';
import { messageOf } from '../errors.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** What the three probes of a process are made of; the control API serves them as well. */
export interface ProbeOptions {
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Sets the gauges that come from records; when it fails or is late, the scrape shows the values of before. */
  readonly beforeScrape?: () => Promise<void>;
  /** Default: ready. A text says why not. */
  readonly readiness?: () => true | string;
}

export interface MetricsServerOptions extends ProbeOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
}

export interface MetricsServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Prometheus gives a scrape ten seconds by default; waiting for Redis must leave time to answer without it. */
const BEFORE_SCRAPE_MS = 2_000;
const REQUEST_MS = 10_000;

/** Null when the port cannot be listened on; the log says why. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer | null> {
  const { host, port, logger } = options;
  const server = createServer((request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      logger.warn({ err: error }, 'metrics could not be served');
      if (!response.headersSent) reply(response, 500, 'the metrics could not be collected\n');
      else response.destroy();
    });
  });
  server.requestTimeout = REQUEST_MS;
  server.headersTimeout = REQUEST_MS;
  try {
    await listen(server, host, port);
  } catch (error) {
    logger.warn(
      { host, port, reason: messageOf(error) },
      'no metrics: the port cannot be listened on; set MIROIR_METRICS_PORT to another one, or 0 for any free port',
    );
    return null;
  }
  server.on('error', (error) => logger.warn({ err: error }, 'the metrics server has trouble'));
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${actual}`,
    port: actual,
    close: () => close(server),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: MetricsServerOptions,
): Promise<void> {
  const path = request.url?.split('?', 1)[0];
  if (!isProbe(path)) {
    reply(response, 404, 'there are /metrics, /livez and /readyz\n');
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    reply(response, 405, 'only GET\n');
  } else {
    const { status, text, type } = await probe(path, options);
    reply(response, status, text, type);
  }
}

const PROBES = ['/metrics', '/livez', '/readyz'] as const;
type ProbePath = (typeof PROBES)[number];
const isProbe = (path: string | undefined): path is ProbePath => PROBES.includes(path as ProbePath);
const PLAIN = 'text/plain; charset=utf-8';

export interface ProbeAnswer {
  readonly status: number;
  readonly text: string;
  /** Content type. */
  readonly type: string;
}

export async function probe(path: ProbePath, options: ProbeOptions): Promise<ProbeAnswer> {
  if (path === '/metrics') {
    await prepare(options);
    return { status: 200, text: await options.metrics.scrape(), type: options.metrics.registry.contentType };
  }
  const ready = path === '/livez' ? true : (options.readiness?.() ?? true);
  return ready === true ? { status: 200, text: 'ok\n', type: PLAIN } : { status: 503, text: `${ready}\n`, type: PLAIN };
}

async function prepare({ beforeScrape, logger }: ProbeOptions): Promise<void> {
  if (beforeScrape === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${BEFORE_SCRAPE_MS} ms`)), BEFORE_SCRAPE_MS);
  });
  try {
    await Promise.race([beforeScrape(), late]);
  } catch (error) {
    logger.warn({ reason: messageOf(error) }, 'metrics from the records are those of the scrape before');
  } finally {
    clearTimeout(timer);
  }
}

function reply(response: ServerResponse, status: number, text: string, type = PLAIN): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
