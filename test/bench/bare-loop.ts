// The floor that our moves are measured against: the best loop without a queue, lease or check. Four shards at a time,
// four windows of 1,000 in flight each: read, write, wait until applied. Plain HTTP, none of our code.
import { Agent, request } from 'undici';

export interface BareShard {
  readonly shard: number;
  readonly source: string;
  readonly documents: number;
}

/** URLs of both nodes. */
export interface BareCopy extends BareShard {
  readonly target: string;
}

const SHARDS_AT_A_TIME = 4;
const WINDOWS_IN_FLIGHT = 4;
const WINDOW_DOCS = 1_000;
const POLL_MS = 10;

type Headers = Readonly<Record<string, string>>;
const JSON_TYPE = { 'content-type': 'application/json' };

async function json<T>(dispatcher: Agent, headers: Headers, url: string, body?: Buffer | string): Promise<T> {
  const answer = await request(url, {
    dispatcher,
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...headers, ...(body === undefined ? {} : JSON_TYPE) },
    ...(body === undefined ? {} : { body }),
  });
  return (await answer.body.json()) as T;
}

async function copyWindow(
  dispatcher: Agent,
  headers: Headers,
  index: string,
  from: string,
  to: string,
  filter: string,
): Promise<number> {
  const answer = await request(`${from}/indexes/${index}/documents/fetch`, {
    dispatcher,
    method: 'POST',
    headers: { ...headers, ...JSON_TYPE },
    body: JSON.stringify({ filter, limit: 100_000 }),
  });
  const page = Buffer.from(await answer.body.arrayBuffer());
  const tail = page.subarray(-200).toString('latin1');
  const documents = page.subarray('{"results":'.length, page.length - 200 + tail.lastIndexOf(',"offset":'));
  const { taskUid } = await json<{ taskUid: number }>(
    dispatcher,
    headers,
    `${to}/indexes/${index}/documents`,
    documents,
  );
  for (;;) {
    const { status } = await json<{ status: string }>(dispatcher, headers, `${to}/tasks/${taskUid}`);
    if (status === 'succeeded') return documents.length;
    if (status === 'failed') throw new Error('the bare loop failed');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function inParallel<T>(limit: number, items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, lane));
}

/** Seconds that the copy takes. The window's width comes from the shard's size, as ours does. */
export async function bareLoop(index: string, shards: readonly BareCopy[], headers: Headers = {}): Promise<number> {
  const dispatcher = new Agent({ connections: 32, pipelining: 1 });
  const startedMs = performance.now();
  await inParallel(SHARDS_AT_A_TIME, shards, async ({ shard, source, target, documents }) => {
    const windows = Math.max(1, Math.ceil(documents / (WINDOW_DOCS * 0.95)));
    const width = Math.ceil(65_536 / windows);
    const starts = Array.from({ length: windows }, (_, at) => at * width);
    await inParallel(WINDOWS_IN_FLIGHT, starts, (from) =>
      copyWindow(
        dispatcher,
        headers,
        index,
        source,
        target,
        `_miroir_shard = ${shard} AND _miroir_slot ${from} TO ${from + width - 1}`,
      ),
    );
  });
  const seconds = (performance.now() - startedMs) / 1_000;
  await dispatcher.close();
  return seconds;
}
