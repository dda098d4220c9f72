/** From a request to its answer: its route, its key, its call, and what came of it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KeyFile } from '../access/key-file.ts';
import { isLoopbackName } from '../access/loopback.ts';
import { InvalidInputError } from '../errors.ts';
import type { ClientAnswer } from '../routing/api.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { answerOf, DEFECT, isIndexUid, overloaded, ownError, Refusal, refuse } from './answers.ts';
import { type Calls, CLIENT_GONE } from './calls.ts';
import { documentRoutes } from './documents.ts';
import { generalRoutes } from './general.ts';
import { indexRoutes } from './indexes.ts';
import { type Access, KEY_FILE, type Keys } from './keys.ts';
import { searchRoutes } from './searches.ts';
import { send } from './sending.ts';
import { type Match, RouteTable } from './table.ts';
import { taskRoutes } from './tasks.ts';

export interface EdgeOptions {
  readonly calls: Calls;
  readonly keyFile: KeyFile<Keys>;
  /** How long what a refused client goes on sending is read and thrown away. */
  readonly discardMs: number;
  readonly metrics: Pick<Metrics, 'gatewayRequests' | 'gatewayDuration' | 'gatewaySentBytes'>;
  readonly logger: Logger;
}

export interface Edge {
  /** Answers; never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Requests are refused from now on. */
  close(): void;
}

const ROUTES = new RouteTable([...generalRoutes, ...documentRoutes, ...searchRoutes, ...indexRoutes, ...taskRoutes]);

/** A proxy's convention for a client that did not wait. */
const STATUS_GONE = 499;
const MS_PER_S = 1_000;

/** As a node answers browsers: what a page may do is decided by its key. Without keys no page may do anything. */
const PREFLIGHT = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
  'access-control-max-age': '86400',
};

function checkName({ headers }: IncomingMessage): void {
  if (isLoopbackName(headers.host)) return;
  const error = new InvalidInputError('without keys this gateway answers under loopback names only', {
    remedy: 'set gateway_keys_file',
  });
  throw new Refusal(ownError(error, 403));
}

function checkIndex(uid: string | undefined, access: Access): void {
  if (uid === undefined || !isIndexUid(uid) || access.allowsIndex(uid)) return;
  const patterns = access.indexPatterns?.map((pattern) => JSON.stringify(pattern)).join(', ') ?? '';
  // The slip of the pen is a node's.
  refuse('invalid_api_key', `The API key cannot acces the index \`${uid}\`, authorized indexes are [${patterns}].`);
}

export function createEdge({ calls, keyFile, discardMs, metrics, logger }: EdgeOptions): Edge {
  let isClosing = false;

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    match: Match | null,
    search: string,
  ): Promise<ClientAnswer> {
    const { keys } = keyFile;
    if (keys === KEY_FILE.openToAll) checkName(request);
    else if (request.method === 'OPTIONS' && match !== null) return preflight(request);
    else if (request.headers.origin !== undefined) response.setHeader('access-control-allow-origin', '*');
    if (match === null) return { status: 404, headers: {}, body: '' };
    const { route, allowed, params } = match;
    if (route === null) return { status: 405, headers: { allow: allowed.join(', ') }, body: '' };
    if (isClosing) overloaded('this gateway is closing');
    const access = (route.action === null ? KEY_FILE.openToAll : keys).authorize(
      request.headers.authorization,
      route.action ?? '',
    );
    checkIndex(params['uid'], access);
    return calls.run(request, response, route, { params, search, access });
  }

  function preflight({ headers }: IncomingMessage): ClientAnswer {
    const asked = headers['access-control-request-headers'];
    const allowed = asked === undefined ? {} : { 'access-control-allow-headers': asked };
    return { status: 200, headers: { ...PREFLIGHT, ...allowed }, body: '' };
  }

  async function serve(request: IncomingMessage, response: ServerResponse, match: Match | null): Promise<void> {
    const { url = '/' } = request;
    const mark = url.indexOf('?');
    const given = await answer(request, response, match, mark < 0 ? '' : url.slice(mark + 1)).catch(
      (error: unknown): ClientAnswer => {
        const known = answerOf(error);
        if (known !== null) return known;
        if (error !== CLIENT_GONE) logger.error({ err: error, route: routeOf(match) }, 'a request failed by a defect');
        return DEFECT;
      },
    );
    if (response.destroyed) return;
    if (isClosing) response.setHeader('connection', 'close');
    metrics.gatewaySentBytes.inc(await send(request, response, given));
    if (!request.complete) discard(request);
  }

  /** A client that cannot write on would not read why. */
  function discard(request: IncomingMessage): void {
    request.resume();
    const timer = setTimeout(() => request.destroy(), discardMs);
    request.once('close', () => clearTimeout(timer));
  }

  return {
    handle(request, response) {
      const startedMs = performance.now();
      const match = ROUTES.match(request.method ?? 'GET', (request.url ?? '/').split('?', 1)[0] ?? '/');
      const route = routeOf(match);
      response.once('close', () => {
        const status = String(response.writableFinished ? response.statusCode : STATUS_GONE);
        metrics.gatewayRequests.inc({ route, status });
        metrics.gatewayDuration.observe({ route }, (performance.now() - startedMs) / MS_PER_S);
      });
      serve(request, response, match).catch((error: unknown) => {
        logger.error({ err: error, route }, 'an answer could not be sent');
        response.destroy();
      });
    },
    close() {
      isClosing = true;
    },
  };
}

/** A label: one of the table's, however many ids clients ask for. */
const routeOf = (match: Match | null): string =>
  match?.route == null ? 'none' : `${match.route.method} ${match.route.path}`;
