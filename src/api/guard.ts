/**
 * What is looked at before a request reaches its route: who asks, and whether they may. A browser on this machine must
 * not change anything for a page from elsewhere: such a page can rebind its own name to loopback, and send forms, but
 * neither JSON nor our own origin.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KeyFile } from '../access/key-file.ts';
import { isLoopbackName } from '../access/loopback.ts';
import { ApiHostError, ContentTypeError, CrossOriginError, MethodError } from '../errors.ts';
import { sendError } from './answers.ts';
import type { App } from './app.ts';
import { API_KEY_FILE, type ApiKeys, assertMayDo, mayDo, type Principal, type Scope } from './keys.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of the key that the route asks for. Default: `read` for what only looks, else `admin`. */
    scope?: Scope | 'public';
  }
  interface FastifyRequest {
    /** Null for a route that asks for no key. */
    principal: Principal | null;
    /** Throws what is wrong with its key by now: for an answer that lasts. */
    checkAgain: () => void;
  }
}

/** Config of a route that asks for no key. */
export const PUBLIC = { scope: 'public' } as const;

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const JSON_TYPE = /^application\/json\s*(?:;|$)/i;
/** Of the board, below its path: what whoever operates may do. A failed job that runs again does nothing twice. */
const RETRY = /^\/api\/queues\/[^/]+\/(?:retry\/failed|(?!retry\/)[^/]+\/retry)$/;

export function guard(app: App, keyFile: KeyFile<ApiKeys>, boardPath: string): void {
  app.decorateRequest('principal', null);
  app.decorateRequest('checkAgain', () => undefined);
  app.addHook('onRequest', async (request, reply) => {
    try {
      check(request, reply);
      return undefined;
    } catch (error) {
      // Thrown on, it would come to the board's own handler of errors.
      return sendError(reply, error);
    }
  });

  function check(request: FastifyRequest, reply: FastifyReply): void {
    const { method, url } = request;
    const isReading = READING.has(method);
    // By its route as well: an address may be written in many ways.
    const isBoard = [url, request.routeOptions.url ?? ''].some((path) => `${path}/`.startsWith(`${boardPath}/`));
    if (keyFile.keys === API_KEY_FILE.openToAll) checkName(request);
    if (!isReading) {
      checkOrigin(request);
      if (!isBoard) checkType(request);
    }
    const scope = isBoard && !isReading ? 'operate' : scopeOf(request, isReading);
    if (scope === 'public') return;
    const token = tokenOf(request);
    const mayNow = (): Principal => {
      const principal = keyFile.keys.authenticate(token);
      assertMayDo(principal, scope);
      return principal;
    };
    request.principal = mayNow();
    request.checkAgain = () => void mayNow();
    if (isBoard && !isReading) checkRetry(method, url.slice(boardPath.length), reply);
  }
}

function scopeOf({ is404, routeOptions }: FastifyRequest, isReading: boolean): Scope | 'public' {
  if (is404) return 'public';
  return routeOptions.config.scope ?? (isReading ? 'read' : 'admin');
}

/** Whether the board may offer what changes something. */
export const mayRetry = ({ principal }: FastifyRequest): boolean => principal !== null && mayDo(principal, 'operate');

/** A bearer token, the password that a browser asked for, or the original's header. */
function tokenOf({ headers }: FastifyRequest): string | null {
  const { authorization } = headers;
  const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+)$/i.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() === 'basic') {
    const pair = Buffer.from(value, 'base64').toString();
    return pair.slice(pair.indexOf(':') + 1);
  }
  const admin = headers['x-admin-key'];
  return typeof admin === 'string' ? admin : null;
}

function checkRetry(method: string, path: string, reply: FastifyReply): void {
  if (method === 'PUT' && RETRY.test(path)) return;
  void reply.header('allow', 'GET, HEAD');
  throw new MethodError('the board retries failed jobs and changes nothing else', {
    remedy: 'use the commands of `miroir`',
  });
}

function checkName({ headers }: FastifyRequest): void {
  if (isLoopbackName(headers.host)) return;
  throw new ApiHostError('without keys the control API answers under loopback names only', {
    remedy: 'ask for localhost, or set MIROIR_API_KEYS_FILE',
  });
}

/** Browsers say where a change comes from; nothing else does. */
function checkOrigin({ headers }: FastifyRequest): void {
  const { origin, host = '' } = headers;
  const site = headers['sec-fetch-site'];
  const isOwn = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host.toLowerCase());
  if (isOwn && (site === undefined || site === 'same-origin' || site === 'none')) return;
  throw new CrossOriginError('a page of another origin may change nothing', { remedy: 'send it from no page' });
}

/** Forms of another page send none; whatever is no form is asked for by a preflight, which nobody answers. */
function checkType({ method, headers }: FastifyRequest): void {
  if (method !== 'POST' || JSON_TYPE.test(headers['content-type'] ?? '')) return;
  throw new ContentTypeError('a change has a JSON body', {
    remedy: 'send `content-type: application/json`, and `{}` where nothing has to be said',
  });
}
