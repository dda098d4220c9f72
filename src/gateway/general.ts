/** Health, version, and the routes of a node that the gateway does not have: those say so instead of 404. */
import { RouterUnconfirmedError } from '../errors.ts';
import type { ClientAnswer, Router } from '../routing/api.ts';
import type { Action } from './actions.ts';
import { json, notSupported, ownError } from './answers.ts';
import type { Route } from './call.ts';

/** The version whose behaviour the gateway keeps to; clients look at it before they use what is newer. */
const COMPATIBLE_WITH = '1.50.0';

/** A load balancer asks this: a gateway that would refuse every request is no healthy one. */
async function health(router: Router): Promise<ClientAnswer> {
  const ready = router.readiness();
  if (ready === true) return json({ status: 'available' });
  return ownError(new RouterUnconfirmedError(`this gateway serves nothing now: ${ready}`), 503);
}

const version = (): Promise<ClientAnswer> =>
  Promise.resolve(json({ commitSha: 'miroir', commitDate: 'unknown', pkgVersion: COMPATIBLE_WITH }));

const IN_CONFIG = 'the keys of the gateway are in its key file; `miroir gateway-key` makes one';
const ON_NODES = 'ask the nodes themselves';
const ONE_BY_ONE = 'nothing does it over many nodes yet';

type Absent = readonly [method: Route['method'], path: string, action: Action, what: string, remedy: string];

const ABSENT: readonly Absent[] = [
  ['POST', '/indexes/:uid/facet-search', 'search', 'facet search', 'search with `facets` instead'],
  ['POST', '/indexes/:uid/similar', 'search', 'search for similar documents', ONE_BY_ONE],
  ['GET', '/indexes/:uid/similar', 'search', 'search for similar documents', ONE_BY_ONE],
  ['POST', '/indexes/:uid/documents/edit', 'documents.add', 'edits of documents by a function', 'write the documents'],
  ['POST', '/indexes/:uid/compact', 'indexes.update', 'compaction', ON_NODES],
  ['POST', '/indexes/:uid/fields', 'indexes.get', 'the list of fields', ON_NODES],
  ['POST', '/swap-indexes', 'indexes.swap', 'swaps of indexes', ONE_BY_ONE],
  ['POST', '/dumps', 'dumps.create', 'dumps', ON_NODES],
  ['POST', '/snapshots', 'snapshots.create', 'snapshots', ON_NODES],
  ['POST', '/export', 'export', 'exports', ON_NODES],
  ['DELETE', '/tasks', 'tasks.delete', 'deletion of tasks', 'they go by age'],
  ['POST', '/tasks/cancel', 'tasks.cancel', 'cancelation of tasks', ONE_BY_ONE],
  ['GET', '/batches', 'tasks.get', 'batches', ON_NODES],
  ['GET', '/batches/:batch', 'tasks.get', 'batches', ON_NODES],
  ['GET', '/keys', 'keys.get', 'lists of keys', IN_CONFIG],
  ['POST', '/keys', 'keys.create', 'creation of keys', IN_CONFIG],
  ['GET', '/keys/:key', 'keys.get', 'views of keys', IN_CONFIG],
  ['PATCH', '/keys/:key', 'keys.update', 'changes of keys', IN_CONFIG],
  ['DELETE', '/keys/:key', 'keys.delete', 'deletion of keys', IN_CONFIG],
  ['GET', '/experimental-features', 'experimental.get', 'experimental features', ON_NODES],
  ['PATCH', '/experimental-features', 'experimental.update', 'experimental features', ON_NODES],
  ['GET', '/network', 'network.get', 'the network of nodes', 'see `miroir node list`'],
  ['PATCH', '/network', 'network.update', 'the network of nodes', 'see `miroir node add`'],
  ['GET', '/webhooks', 'webhooks.get', 'webhooks', ON_NODES],
  ['POST', '/webhooks', 'webhooks.create', 'webhooks', ON_NODES],
  ['GET', '/metrics', 'metrics.get', 'metrics of nodes', 'the gateway’s own are on its metrics port'],
  ['POST', '/chats/:workspace/chat/completions', 'chatCompletions', 'chat', ON_NODES],
];

export const generalRoutes: readonly Route[] = [
  { method: 'GET', path: '/health', action: null, handle: health },
  { method: 'GET', path: '/version', action: 'version', handle: version },
  ...ABSENT.map(([method, path, action, what, remedy]): Route => {
    return { method, path, action, handle: async () => notSupported(what, remedy) };
  }),
];
