// The nodes themselves, past every router: whether they still have something to do, and all that they hold.
import { setTimeout as sleep } from 'node:timers/promises';
import { PRIMARY_KEY } from './keyspace.ts';

export interface NodeAddress {
  readonly id: string;
  readonly url: string;
  readonly apiKey?: string;
}

const POLL_MS = 20;
const DEADLINE_MS = 20_000;
/** More than any test has. */
const ALL = 10_000_000;

async function ask(node: NodeAddress, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${node.url}${path}`, {
    signal: AbortSignal.timeout(DEADLINE_MS),
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      'content-type': 'application/json',
      ...(node.apiKey !== undefined && { authorization: `Bearer ${node.apiKey}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${node.id} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Resolves when no node has an unfinished task, one look after the other; throws after the time. */
export async function untilIdle(nodes: readonly NodeAddress[], withinMs: number): Promise<void> {
  const giveUpAtMs = performance.now() + withinMs;
  for (;;) {
    const totals = await Promise.all(
      nodes.map((node) => ask(node, '/tasks?statuses=enqueued,processing&limit=1') as Promise<{ total: number }>),
    );
    if (totals.every(({ total }) => total === 0)) return;
    if (performance.now() > giveUpAtMs)
      throw new Error(`tasks unfinished after ${withinMs} ms: ${JSON.stringify(totals)}`);
    await sleep(POLL_MS);
  }
}

/** Every document of the index on each node, by its id, from one request each: one moment of that node. */
export async function dumps(
  nodes: readonly NodeAddress[],
  index: string,
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const all = new Map<string, ReadonlyMap<string, string>>();
  for (const node of nodes) {
    const body = { limit: ALL, fields: [PRIMARY_KEY, 'base', 'patch'] };
    const { results } = (await ask(node, `/indexes/${index}/documents/fetch`, body)) as {
      results: Record<string, unknown>[];
    };
    all.set(node.id, new Map(results.map((document) => [String(document[PRIMARY_KEY]), JSON.stringify(document)])));
  }
  return all;
}
