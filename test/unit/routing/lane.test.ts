/** A lane on the wire: what it does when a node is busy, cuts the connection, or loses a task. */
import { expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { NodeRefusedError, NodeTaskFailedError } from '../../../src/errors.ts';
import { Lane } from '../../../src/routing/lane.ts';
import { ACCEPTED, clientOf, failure, json, serve } from '../nodes/wire.ts';
import type { Respond } from '../nodes/wire.ts';

const task = (status: string, error: object | null = null): string =>
  JSON.stringify({
    results: [
      { uid: 7, indexUid: 'cities', status, type: 'x', error, enqueuedAt: '', startedAt: null, finishedAt: null },
    ],
  });

/** `writes` answers the requests with documents, in order; the last one again and again. */
async function laneTo(
  writes: readonly Respond[],
  tasks: Respond,
  limits = {},
): Promise<{ lane: Lane; bodies: () => string[] }> {
  let written = 0;
  const { url, seen } = await serve((response, attempt, request) => {
    const respond = request.method === 'GET' ? tasks : writes[Math.min(written++, writes.length - 1)];
    respond?.(response, attempt, request);
  });
  const lane = new Lane({
    client: clientOf(url),
    index: 'cities',
    primaryKey: 'id',
    tag: 'load',
    clock: systemClock,
    batchDocs: 1,
    inFlight: 4,
    inFlightBytes: 1_000,
    signal: new AbortController().signal,
    onSent: () => undefined,
    onApplied: () => undefined,
    ...limits,
  });
  return { lane, bodies: () => seen.filter(({ method }) => method === 'POST').map(({ body }) => body) };
}

const accept: Respond = (response) => json(response, 202, ACCEPTED);
const reset: Respond = (response) => void response.socket?.resetAndDestroy();
const succeeded: Respond = (response) => json(response, 200, task('succeeded'));

it('sends a batch again whose outcome is unknown: nobody else writes these documents', async () => {
  const { lane, bodies } = await laneTo([reset, accept], succeeded);
  lane.add(['{"id":1}', '{"id":2}']);
  await lane.finish();
  expect(bodies()).toEqual(['[{"id":1}]', '[{"id":1}]', '[{"id":2}]']);
});

it('gives up at once when the node refuses for good', async () => {
  const { lane, bodies } = await laneTo([(response) => json(response, 403, '')], succeeded);
  lane.add(['{"id":1}']);
  expect(await failure(lane.finish())).toBeInstanceOf(NodeRefusedError);
  expect(bodies()).toHaveLength(1);
});

it('keeps no more tasks and bytes waiting than it may', async () => {
  for (const limits of [{ inFlight: 2 }, { inFlightBytes: 20 }]) {
    let open = 0;
    let most = 0;
    const { lane } = await laneTo(
      [
        (response) => {
          open += 1;
          most = Math.max(most, open);
          json(response, 202, ACCEPTED);
        },
      ],
      (response) => {
        open -= 1;
        json(response, 200, task('succeeded'));
      },
      limits,
    );
    lane.add(Array.from({ length: 10 }, (_, id) => `{"id":${id}}`));
    await lane.finish();
    expect(most).toBeLessThanOrEqual(2);
  }
});

it.each([
  ['failed', task('failed', { code: 'invalid_document_id', message: 'is invalid' }), 'is invalid'],
  ['canceled', task('canceled'), 'canceled'],
  ['gone', '{"results":[]}', 'no such task'],
])('fails when a task is %s', async (_, answer, words) => {
  const { lane } = await laneTo([accept], (response) => json(response, 200, answer));
  lane.add(['{"id":1}', '{"id":2}', '{"id":3}']);
  const error = await failure(lane.finish());
  expect(error).toBeInstanceOf(NodeTaskFailedError);
  expect(error).toMatchObject({
    message: expect.stringContaining(words) as string,
    details: { node: 'n1', taskUid: 7 },
  });
});
