/**
 * The control API's frame: one HTTP server with bounds on what it takes and how long, one shape of errors, and every
 * route in /openapi.json. What it serves comes as plugins.
 */
import { isIPv6 } from 'node:net';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import fastify from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { assertGuarded, openKeyFile } from '../access/key-file.ts';
import { programVersion } from '../config.ts';
import {
  ApiDefectError,
  ApiPortError,
  MethodError,
  messageOf,
  RateLimitedError,
  RouteUnknownError,
} from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type ProbeOptions, probe } from '../telemetry/metrics-server.ts';
import { asOurs, sendError } from './answers.ts';
import type { App } from './app.ts';
import { type BoardQueue, serveBoard } from './board.ts';
import { refuseUnheeded } from './conditions.ts';
import { createFeed } from './feed.ts';
import { guard, PUBLIC } from './guard.ts';
import { API_KEY_FILE } from './keys.ts';
import { describeApi } from './openapi.ts';
import { readPage, servePage } from './page.ts';
import type { ApiParts } from './parts.ts';
import { addCapabilities } from './routes/capabilities.ts';
import { addChanges } from './routes/changes.ts';
import { addPlanOrders } from './routes/plan-orders.ts';
import { addThrottle } from './routes/throttle.ts';
import { addEvents } from './routes/events.ts';
import { addOriginalGroups } from './routes/original-groups.ts';
import { addOriginal } from './routes/original.ts';
import { addPlans } from './routes/plans.ts';
import { addReads } from './routes/reads.ts';

export interface ApiOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Empty: no keys, which is for loopback only. */
  readonly keysFile: string;
  readonly requestsPerMinute: number;
  /** The queues that exist now; asked again every few seconds. */
  readonly queues: () => Promise<readonly BoardQueue[]>;
  /** What the fleet is called; empty: nothing is shown. */
  readonly environment: string;
  readonly control: ApiParts;
  readonly probes: ProbeOptions;
  readonly logger: Logger;
}

export interface Api {
  /** Of the server: `http://127.0.0.1:7800`. */
  readonly url: string;
  /** Where a person looks at jobs: `http://127.0.0.1:7800/queues`. */
  readonly boardUrl: string;
  /** Stops accepting and lets what is under way end. */
  close(): Promise<void>;
}

/** No request of ours needs more. */
const BODY_MAX_BYTES = 262_144;
/** Until a request is there as a whole. */
const REQUEST_MS = 10_000;
/** Until its answer is there; a new index waits for nodes. */
const HANDLER_MS = 60_000;
const KEEP_ALIVE_MS = 5_000;
const CONNECTIONS_MAX = 500;
/** A client that does not read its answer is not waited for. */
const FLUSH_MS = 2_000;
/** How soon a key that was taken back is refused. */
const KEYS_EVERY_MS = 5_000;
const BOARD_PATH = '/queues';
const DOCS_PATH = '/docs';

/** Everything that a page needs is served from here; it must work, and stay silent, without the internet. */
const PAGE_POLICY = {
  useDefaults: false,
  directives: {
    'default-src': ["'self'"],
    'style-src': ["'self'", "'unsafe-inline'"],
    'img-src': ["'self'", 'data:'],
    'object-src': ["'none'"],
    'frame-ancestors': ["'none'"],
    'form-action': ["'self'"],
  },
};

export async function startApi(options: ApiOptions): Promise<Api> {
  const { host, keysFile, logger } = options;
  assertGuarded(API_KEY_FILE, host, keysFile);
  const keyFile = await openKeyFile(API_KEY_FILE, keysFile, logger, KEYS_EVERY_MS);
  const app = fastify({
    logger: false,
    bodyLimit: BODY_MAX_BYTES,
    requestTimeout: REQUEST_MS,
    handlerTimeout: HANDLER_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
  }).withTypeProvider<ZodTypeProvider>();
  app.server.maxConnections = CONNECTIONS_MAX;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  // JSON is the only body that there is: a form of another page sends none.
  app.removeContentTypeParser('text/plain');
  answerErrors(app, logger);
  await app.register(helmet, { contentSecurityPolicy: PAGE_POLICY, strictTransportSecurity: false });
  guard(app, keyFile, BOARD_PATH);
  refuseUnheeded(app);
  await app.register(rateLimit, {
    max: options.requestsPerMinute,
    timeWindow: '1 minute',
    keyGenerator: ({ principal, ip }) => principal?.actor ?? ip,
    errorResponseBuilder: (_request, { ttl }) =>
      new RateLimitedError('too many requests', {
        remedy: 'ask less often, or raise MIROIR_API_REQUESTS_PER_MINUTE',
        details: { retryAfterMs: ttl },
      }),
  });
  await describeApi(app, DOCS_PATH);
  const methods = methodsByPath(app);
  serveProbes(app, options.probes);
  servePage(app, await readPage());
  addReads(app, options.control);
  addCapabilities(app, programVersion());
  const feed = createFeed({ audit: options.control.audit, logger });
  addEvents(app, options.control, feed);
  addChanges(app, options.control);
  addPlans(app, options.control);
  addPlanOrders(app, options.control);
  addThrottle(app, options.control);
  addOriginal(app, options.control);
  addOriginalGroups(app, options.control);
  refuseOtherMethods(app, methods);
  const unfollow = await serveBoard(app, BOARD_PATH, options);
  let port: number;
  try {
    port = await listen(app, host, options.port);
  } catch (error) {
    unfollow();
    keyFile.close();
    throw error;
  }
  const url = `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return {
    url,
    boardUrl: `${url}${BOARD_PATH}`,
    async close() {
      unfollow();
      feed.close();
      const timer = setTimeout(() => app.server.closeAllConnections(), FLUSH_MS);
      await app.close();
      clearTimeout(timer);
      keyFile.close();
    },
  };
}

function answerErrors(app: App, logger: Logger): void {
  app.setErrorHandler((error, request, reply) => {
    const ours = asOurs(error);
    if (ours instanceof ApiDefectError) logger.error({ err: error, url: request.url }, 'a request failed by a defect');
    return sendError(reply, ours);
  });
  app.setNotFoundHandler((request) => {
    throw new RouteUnknownError(`there is no ${request.url.split('?', 1)[0]}`, {
      remedy: `see ${DOCS_PATH} for what there is`,
    });
  });
}

/** Our probes, and the original's paths for two of them. */
const PROBE_PATHS = [
  { at: '/livez', path: '/livez', config: PUBLIC },
  { at: '/readyz', path: '/readyz', config: PUBLIC },
  { at: '/metrics', path: '/metrics', config: { scope: 'read' } },
  { at: '/_miroir/ready', path: '/readyz', config: PUBLIC },
  { at: '/_miroir/metrics', path: '/metrics', config: { scope: 'admin' } },
] as const;

function serveProbes(app: App, probes: ProbeOptions): void {
  for (const { at, path, config } of PROBE_PATHS) {
    app.get(at, { config, schema: { hide: true } }, async (_request, reply) => {
      const { status, text, type } = await probe(path, probes);
      return reply.code(status).header('cache-control', 'no-store').type(type).send(text);
    });
  }
}

/** Filled while routes are added. */
function methodsByPath(app: App): ReadonlyMap<string, Set<string>> {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url: path, method }) => {
    // What stands in a place of the path may be called differently for each method.
    const url = path.replace(/:[^/]+/g, ':any');
    const known = methods.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    methods.set(url, known);
  });
  return methods;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** A path that is there with another method is no unknown path. */
function refuseOtherMethods(app: App, methods: ReadonlyMap<string, Set<string>>): void {
  for (const [url, known] of methods) {
    const allowed = [...known].sort().join(', ');
    app.route({
      method: METHODS.filter((method) => !known.has(method)),
      url,
      config: PUBLIC,
      schema: { hide: true },
      handler: async (request, reply) => {
        void reply.header('allow', allowed);
        throw new MethodError(`${request.method} is no method of ${request.url.split('?', 1)[0]}`, {
          remedy: `use ${allowed}`,
        });
      },
    });
  }
}

async function listen(app: App, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw new ApiPortError(`the control API cannot listen on ${host}:${port}: ${messageOf(error)}`, {
      field: 'api_port',
      remedy: 'set MIROIR_API_PORT to a free port, or to 0 for any',
      details: { host, port },
      cause: error,
    });
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}
