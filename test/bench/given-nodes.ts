// Real nodes in the place of development nodes: their URLs, and the name of the environment variable with their key. Only
// the benchmark's own index is made and deleted there; a node that has one of that name is not touched.
import { request } from 'undici';
import { untilTrue } from '../support/until.ts';
import { citiesIndex } from './cities.ts';

export interface GivenNodes {
  /** n1, n2, … in this order. */
  readonly urls: readonly string[];
  readonly apiKey: string | null;
}

/** Under which name topology and workers know the key. */
const KEY_REF = 'bench';
const { uid: INDEX } = citiesIndex();
const DELETE_MS = 120_000;

/** Null where none are given. Throws what is wrong with them. */
export function givenNodes(urls: string | undefined, apiKeyEnv: string | undefined): GivenNodes | null {
  if (urls === undefined) return null;
  const apiKey = apiKeyEnv === undefined ? null : (process.env[apiKeyEnv]?.trim() ?? '');
  if (apiKey === '') throw new Error(`--api-key-env: the environment variable ${apiKeyEnv} is not set`);
  const origins = urls.split(',').map((text) => new URL(text.trim()).origin);
  if (new Set(origins).size !== 4) throw new Error('--nodes: give four different nodes, e.g. http://10.0.0.1:7700,…');
  return { urls: origins, apiKey };
}

export const keyRefOf = (given: GivenNodes | null): { readonly apiKeyRef?: string } =>
  given?.apiKey == null ? {} : { apiKeyRef: KEY_REF };

export const headersOf = (given: GivenNodes | null): Record<string, string> =>
  given?.apiKey == null ? {} : { authorization: `Bearer ${given.apiKey}` };

export function environmentOf({ urls, apiKey }: GivenNodes): Record<string, string> {
  const origins = urls.join(',');
  const name = KEY_REF.toUpperCase();
  return {
    MIROIR_NODE_ORIGINS: origins,
    ...(apiKey === null ? {} : { [`MIROIR_NODE_KEY_${name}`]: apiKey, [`MIROIR_NODE_KEY_ORIGINS_${name}`]: origins }),
  };
}

/** Throws when the node has the benchmark's index already: it may be somebody's. */
export async function assertUnused(url: string, given: GivenNodes): Promise<void> {
  const { statusCode, body } = await request(`${url}/indexes/${INDEX}`, { headers: headersOf(given) });
  await body.dump();
  if (statusCode === 404) return;
  throw new Error(`${url} answers ${statusCode} for the index ${INDEX}: a benchmark wants nodes without it`);
}

/** Deletes the benchmark's index and waits for that. */
export async function removeIndex(url: string, given: GivenNodes): Promise<void> {
  const headers = headersOf(given);
  const answer = await request(`${url}/indexes/${INDEX}`, { method: 'DELETE', headers });
  const { taskUid } = (await answer.body.json()) as { taskUid?: number };
  if (taskUid === undefined) return;
  await untilTrue(async () => {
    const task = await request(`${url}/tasks/${taskUid}`, { headers });
    return ((await task.body.json()) as { finishedAt: string | null }).finishedAt !== null;
  }, DELETE_MS);
}
