// The switches of a development node: what goes wrong, what it holds, and what it was asked.
import type { Fault, LoggedRequest } from '../../src/devnode/switches.ts';

export interface Asked extends LoggedRequest {
  readonly tag: {
    readonly move: string;
    readonly fence: string;
    readonly attempt: number;
    readonly window?: readonly [number, number];
  } | null;
}

export interface NodeSwitches {
  /** Tasks are accepted and not processed. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  fault(fault: Fault): Promise<void>;
  clearFaults(): Promise<void>;
  wipe(): Promise<void>;
  /** Changes a document without a task. */
  put(index: string, document: Record<string, unknown>): Promise<void>;
  remove(index: string, id: string | number): Promise<void>;
  /** Requests whose path matches, oldest first. */
  asked(path: string): Promise<Asked[]>;
  /** A write past every router, as a client without one would send it; resolves when it is applied. */
  write(index: string, documents: readonly Record<string, unknown>[]): Promise<void>;
  /** The text of every document of the index, by its id's text, exactly as the node gives it out. */
  texts(index: string): Promise<Map<string, string>>;
}

const isOurs = (text: string | undefined): text is string => text?.startsWith('{"move":') === true;

export function switchesOf({ url }: { readonly url: string }): NodeSwitches {
  const send = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const post = async (path: string, body?: unknown): Promise<void> => {
    await send('POST', path, body);
  };
  return {
    pause: () => post('/_dev/pause'),
    resume: () => post('/_dev/resume'),
    fault: (fault) => post('/_dev/fault', fault),
    async clearFaults() {
      await send('DELETE', '/_dev/faults');
    },
    wipe: () => post('/_dev/wipe'),
    put: (index, document) => post('/_dev/mutate', { index, op: 'put', document }),
    remove: (index, id) => post('/_dev/mutate', { index, op: 'delete', id }),
    async asked(path) {
      const response = await send('GET', `/_dev/log?path=${encodeURIComponent(path)}`);
      const { requests } = (await response.json()) as { requests: LoggedRequest[] };
      return requests.map((request) => ({
        ...request,
        tag: isOurs(request.customMetadata) ? (JSON.parse(request.customMetadata) as Asked['tag']) : null,
      }));
    },
    async write(index, documents) {
      const response = await send('POST', `/indexes/${index}/documents`, documents);
      const { taskUid } = (await response.json()) as { taskUid: number };
      for (;;) {
        const task = (await (await send('GET', `/tasks/${taskUid}`)).json()) as { status: string };
        if (task.status === 'succeeded') return;
        if (task.status === 'failed') throw new Error(`task ${taskUid} failed`);
      }
    },
    async texts(index) {
      const response = await send('POST', `/indexes/${index}/documents/fetch`, { limit: 100_000 });
      return splitResults(await response.text());
    },
  };
}

/** Documents of an answer as they stand in its text. Counts brackets by itself: it shares no code with ours. */
function splitResults(text: string): Map<string, string> {
  const documents = new Map<string, string>();
  let depth = 0;
  let inText = false;
  let start = 0;
  for (let at = text.indexOf('[') + 1; at < text.length; at += 1) {
    const letter = text[at];
    if (inText) {
      if (letter === '\\') at += 1;
      else if (letter === '"') inText = false;
    } else if (letter === '"') inText = true;
    else if (letter === '{' || letter === '[') {
      if (depth === 0) start = at;
      depth += 1;
    } else if (letter === '}' || letter === ']') {
      if (depth === 0) break;
      depth -= 1;
      if (depth === 0) {
        const document = text.slice(start, at + 1);
        documents.set(/"id":\s*("(?:[^"\\]|\\.)*"|[^,}\s]+)/.exec(document)?.[1] ?? '', document);
      }
    }
  }
  return documents;
}
