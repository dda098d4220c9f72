// A router for a fleet of one node: everything is passed on to it over HTTP. The gateway is tested against the node
// itself through it, so whatever differs is the gateway's.
import { request } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import type { ClientAnswer, Router } from '../../src/routing/api.ts';

export interface OneNodeOptions {
  readonly url: string;
  readonly apiKey?: string;
}

/** What a test sees of it: calls as they came, and whether it was closed. */
export interface OneNodeRouter extends Router {
  readonly isClosed: boolean;
  /** Calls that were ended by their signal. */
  readonly aborted: number;
}

const ANSWER_HEADERS = ['retry-after'] as const;
type Query = Readonly<Record<string, string | number | boolean | readonly (string | number)[] | undefined>>;

const searchOf = (query: Query): string => {
  const parameters = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(',') : String(value)]],
  );
  return parameters.length === 0 ? '' : `?${new URLSearchParams(parameters).toString()}`;
};

export function oneNodeRouter({ url, apiKey }: OneNodeOptions): OneNodeRouter {
  let isClosed = false;
  let aborted = 0;

  /** By Node's own client, since `fetch` would rewrite the path and the encoding of an answer. */
  function call(method: string, path: string, signal: AbortSignal, body?: string | null): Promise<ClientAnswer> {
    signal.addEventListener('abort', () => (aborted += 1), { once: true });
    return new Promise((resolve, reject) => {
      const sent = request(url + path, {
        method,
        signal,
        headers: {
          ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
          ...(body == null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      });
      const fail = (error: unknown): void => reject(signal.aborted ? (signal.reason as Error) : (error as Error));
      sent.on('error', fail);
      sent.on('response', (response) => {
        const headers = Object.fromEntries(
          ANSWER_HEADERS.flatMap((name) => {
            const value = response.headers[name];
            return value === undefined ? [] : [[name, value]];
          }),
        );
        textOf(response).then((text) => resolve({ status: response.statusCode ?? 0, headers, body: text }), fail);
      });
      sent.end(body ?? undefined);
    });
  }

  const at = (index: string, rest = ''): string => `/indexes/${encodeURIComponent(index)}${rest}`;
  const settingsPath = (index: string, part: string | null): string =>
    at(index, part === null ? '/settings' : `/settings/${part}`);
  const PATCHED = new Set([null, 'typo-tolerance', 'faceting', 'pagination', 'embedders']);

  return {
    get isClosed() {
      return isClosed;
    },
    get aborted() {
      return aborted;
    },
    writeDocuments: (index, { mode, documents, primaryKey }, { signal, customMetadata }) =>
      call(
        mode === 'replace' ? 'POST' : 'PUT',
        at(index, `/documents${searchOf({ primaryKey, customMetadata })}`),
        signal,
        typeof documents === 'string' ? documents : `[${documents.map((piece) => piece.toString('utf8')).join(',')}]`,
      ),
    deleteDocuments: (index, ids, { signal, customMetadata }) =>
      call('POST', at(index, `/documents/delete-batch${searchOf({ customMetadata })}`), signal, `[${ids.join(',')}]`),
    deleteByFilter: (index, filter, { signal, customMetadata }) =>
      filter === null
        ? call('DELETE', at(index, `/documents${searchOf({ customMetadata })}`), signal)
        : call('POST', at(index, `/documents/delete${searchOf({ customMetadata })}`), signal, `{"filter":${filter}}`),
    search: (index, body, { signal }) => call('POST', at(index, '/search'), signal, body),
    multiSearch: (body, { signal }) => call('POST', '/multi-search', signal, body),
    fetchDocuments: (index, body, { signal }) => call('POST', at(index, '/documents/fetch'), signal, body),
    document: (index, id, query, { signal }) =>
      call('GET', at(index, `/documents/${encodeURIComponent(id)}${query === '' ? '' : `?${query}`}`), signal),
    stats: (index, { signal }) => call('GET', index === null ? '/stats' : at(index, '/stats'), signal),
    task: (uid, { signal }) => call('GET', `/tasks/${uid}`, signal),
    tasks: (query, { signal }) => call('GET', `/tasks${searchOf({ ...query })}`, signal),
    indexes: (query, { signal }) => call('GET', `/indexes${searchOf(query)}`, signal),
    index: (uid, { signal }) => call('GET', at(uid), signal),
    createIndex: (body, { signal }) => call('POST', '/indexes', signal, body),
    updateIndex: (uid, primaryKey, { signal }) => call('PATCH', at(uid), signal, JSON.stringify({ primaryKey })),
    deleteIndex: (uid, { signal }) => call('DELETE', at(uid), signal),
    settings: (index, part, { signal }) => call('GET', settingsPath(index, part), signal),
    changeSettings: (index, part, body, { signal }) =>
      body === null
        ? call('DELETE', settingsPath(index, part), signal)
        : call(PATCHED.has(part) ? 'PATCH' : 'PUT', settingsPath(index, part), signal, body),
    readiness: () => (isClosed ? 'closed' : true),
    close: async () => {
      isClosed = true;
    },
  };
}
