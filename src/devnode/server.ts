import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, deflate, gzip } from 'node:zlib';

import { ApiError, errorView, isIndexUid } from './errors.ts';
import type { Access } from './keys.ts';
import type { DevNodeCore } from './node-core.ts';
import { Query } from './query.ts';
import { Router, type Reply, type Route } from './router.ts';
import { devRoutes } from './routes/dev.ts';
import { documentReadRoutes } from './routes/documents-read.ts';
import { documentWriteRoutes } from './routes/documents-write.ts';
import { generalRoutes } from './routes/general.ts';
import { indexRoutes } from './routes/indexes.ts';
import { keyRoutes } from './routes/keys.ts';
import { searchRoutes } from './routes/search.ts';
import { settingsRoutes } from './routes/settings.ts';
import { taskRoutes } from './routes/tasks.ts';
import type { Fault } from './switches.ts';

const ROUTES: readonly Route[] = [
  ...generalRoutes,
  ...indexRoutes,
  ...documentReadRoutes,
  ...documentWriteRoutes,
  ...settingsRoutes,
  ...taskRoutes,
  ...keyRoutes,
  ...searchRoutes,
];

const OPEN_ACCESS: Access = { allowsIndex: () => true, allowsAction: () => true, indexPatterns: null };

/** HTTP in front of a node. */
export function createNodeServer(node: DevNodeCore): Server {
  const router = new Router(node.switches ? [...devRoutes, ...ROUTES] : ROUTES);
  const server = createServer({ keepAliveTimeout: 30_000, requestTimeout: 0 }, (request, response) => {
    void serve(node, router, request, response);
  });
  return server;
}

async function serve(
  node: DevNodeCore,
  router: Router,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  const isSwitch = url.startsWith('/_dev/');
  const entry = isSwitch ? undefined : node.switches?.record(method, url);
  const fault = isSwitch ? null : (node.switches?.take(method, url) ?? null);
  if (fault?.do === 'drop-before') {
    request.socket.destroy();
    return;
  }
  if (fault?.do === 'delay') await new Promise((resolve) => setTimeout(resolve, fault.ms ?? 0));
  const reply = fault?.do === 'status' ? faultReply(fault) : await answer(node, router, request, response, fault);
  if (fault?.do === 'drop-after') {
    request.socket.destroy();
    return;
  }
  if (entry) entry.status = reply.status;
  // A request that was answered early must not leave its body in front of the next one on the connection.
  if (!request.complete) request.resume();
  await send(request, response, reply);
}

async function answer(
  node: DevNodeCore,
  router: Router,
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | null,
): Promise<Reply> {
  try {
    return await handle(node, router, request, response, fault);
  } catch (error) {
    if (error instanceof ApiError) return errorReply(error);
    const message = error instanceof Error ? error.message : String(error);
    // The client went away while its body was read: there is nobody to tell.
    if (!request.destroyed) process.stderr.write(`${error instanceof Error ? (error.stack ?? message) : message}\n`);
    return errorReply(new ApiError('internal', message));
  }
}

async function handle(
  node: DevNodeCore,
  router: Router,
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | null,
): Promise<Reply> {
  const { method = 'GET', url = '/' } = request;
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const match = router.match(method, path);
  if (match.kind === 'missing') return { status: 404, body: null };
  if (match.kind === 'notAllowed') return { status: 405, body: null, headers: { allow: match.allowed } };
  const { route, params } = match;
  const { authorization } = request.headers;
  const access = route.action === null ? OPEN_ACCESS : node.state.keys.authorize(authorization, route.action);
  const { uid } = params;
  if (uid !== undefined && isIndexUid(uid) && !access.allowsIndex(uid)) {
    const list = (access.indexPatterns ?? []).map((pattern) => JSON.stringify(pattern)).join(', ');
    throw new ApiError(
      'invalid_api_key',
      `The API key cannot acces the index \`${uid}\`, authorized indexes are [${list}].`,
    );
  }
  if (route.isQueued && !(route.action === 'documents.get' && node.state.features.disableDocumentsFetchQueue)) {
    await node.searchQueue.enter();
    // Why a turn later: requests that arrive together must meet in the queue, as they would on a real node.
    response.once('close', () => setImmediate(() => node.searchQueue.leave()));
  }
  const doom = fault?.do === 'fail-task' ? { code: fault.code ?? 'internal', message: fault.message ?? 'fault' } : null;
  const query = new Query(mark < 0 ? '' : url.slice(mark));
  return route.handler({ node, request, query, params, access, ...(doom ? { doom } : {}) });
}

function errorReply(error: ApiError): Reply {
  const headers = error.code === 'too_many_search_requests' ? { 'retry-after': '10' } : {};
  const body = JSON.stringify(errorView(error.code, error.message));
  return { status: error.status, body, headers };
}

function faultReply(fault: Fault): Reply {
  const code = fault.code ?? 'internal';
  const headers = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
  return { status: fault.status ?? 503, body: JSON.stringify(errorView(code, fault.message ?? 'fault')), headers };
}

type Encoding = 'br' | 'gzip' | 'deflate';

/** Why the fastest levels: whoever asks for compression on a loopback should not wait for it. */
const COMPRESS: Readonly<Record<Encoding, (bytes: Buffer) => Promise<Buffer>>> = {
  br: (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  gzip: (bytes) => promisify<Buffer, { level: number }, Buffer>(gzip)(bytes, { level: 1 }),
  deflate: (bytes) => promisify<Buffer, { level: number }, Buffer>(deflate)(bytes, { level: 1 }),
};

/** The encoding that the client likes best, brotli before gzip before deflate; null for none. */
function preferredEncoding(header: string | undefined): Encoding | null {
  if (!header) return null;
  let best: Encoding | null = null;
  let bestQuality = 0;
  const asked = new Map<string, number>();
  for (const part of header.split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const quality = parameters.find((text) => text.startsWith('q='));
    asked.set(name, quality ? Number(quality.slice(2)) : 1);
  }
  for (const name of ['br', 'gzip', 'deflate'] as const) {
    const quality = asked.get(name) ?? asked.get('*') ?? 0;
    if (quality > bestQuality) [best, bestQuality] = [name, quality];
  }
  return bestQuality >= (asked.get('identity') ?? 0) ? best : null;
}

async function send(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  const headers: Record<string, string | number> = { ...reply.headers };
  if (reply.body === null) {
    if (reply.status !== 204) headers['content-length'] = 0;
    response.writeHead(reply.status, headers).end();
    return;
  }
  headers['content-type'] = 'application/json';
  let bytes = Buffer.from(reply.body);
  const encoding = preferredEncoding(request.headers['accept-encoding']);
  if (encoding) {
    bytes = Buffer.from(await COMPRESS[encoding](bytes));
    headers['content-encoding'] = encoding;
  }
  headers['content-length'] = bytes.length;
  if (response.destroyed) return;
  response.writeHead(reply.status, headers).end(request.method === 'HEAD' ? undefined : bytes);
}
