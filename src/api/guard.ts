/**
 * What is looked at before a request reaches its route. A browser on this machine must not change anything for a page
 * from elsewhere: such a page can rebind its own name to loopback, and send forms, but neither JSON nor our own origin.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isLoopbackName } from '../access/loopback.ts';
import { ApiHostError, ContentTypeError, CrossOriginError, MethodError } from '../errors.ts';
import { sendError } from './answers.ts';
import type { App } from './app.ts';

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const JSON_TYPE = /^application\/json\s*(?:;|$)/i;

export function guard(app: App, boardPath: string): void {
  app.addHook('onRequest', async (request, reply) => {
    try {
      checkName(request);
      if (READING.has(request.method)) return undefined;
      checkOrigin(request);
      if (request.url.startsWith(boardPath)) checkBoard(reply);
      else checkType(request);
      return undefined;
    } catch (error) {
      // Thrown on, it would come to the board's own handler of errors.
      return sendError(reply, error);
    }
  });
}

function checkBoard(reply: FastifyReply): never {
  void reply.header('allow', 'GET, HEAD');
  throw new MethodError('the board is read-only', { remedy: 'use the commands of `miroir`' });
}

function checkName({ headers }: FastifyRequest): void {
  if (isLoopbackName(headers.host)) return;
  throw new ApiHostError('without keys the control API answers under loopback names only', {
    remedy: 'ask for localhost',
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
