// The last writes of some documents are on a node that is lost while its shard settles: all others are read.
import { afterEach, expect, it } from 'vitest';
import { acceptLoss } from '../../src/control/moves.ts';
import { locateKey } from '../../src/core/hashing.ts';
import type { ClientAnswer } from '../../src/routing/api.ts';
import { openControl } from '../../src/service.ts';
import { RouterCalls } from '../support/router-calls.ts';
import { failNode, settleWithoutSource, startSettlingFleet } from '../support/settling.ts';
import { untilTrue } from '../support/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const { signal } = new AbortController();
const codeOf = async (call: Promise<ClientAnswer>): Promise<string> => {
  const { body } = await call;
  return (JSON.parse(body) as { code?: string }).code ?? 'none';
};

it('documents that nobody else has the last write of answer 503, every other one is read, marked where it is not all', async () => {
  const { fleet, writer } = await startSettlingFleet(1, closers);
  const control = await openControl(fleet.config);
  closers.push(() => control.close());
  const { id, source, target } = await settleWithoutSource(fleet, writer, [3, 5]);
  await writer.put({ id: 6, name: 'written while it settles' });
  await failNode(fleet, source);
  await fleet.untilMove(id, ({ waiting }) => waiting?.reason.startsWith('source_failed') === true, 30_000);

  const { route } = await fleet.base.records.route('docs', 0);
  const slots = ['3', '5'].map((key) => locateKey(key, 1).slot).sort((a, b) => a - b);
  expect(route).toMatchObject({ state: 'settling', readers: [target], withheld: { slots, from: [source] } });
  const calls = await RouterCalls.open(fleet.base);
  closers.push(() => calls.close());
  const document = (key: string): Promise<ClientAnswer> => calls.router.document('docs', key, '', { signal });
  expect((await document('6')).body).toContain('written while it settles');
  expect((await document('4')).body).toContain('document 4');
  expect(await codeOf(document('3'))).toBe('miroir_shards_unreadable');
  const body = JSON.stringify({ limit: 1_000 });
  const whole = [calls.router.search('docs', body, { signal }), calls.router.fetchDocuments('docs', body, { signal })];
  for (const one of whole) expect(await codeOf(one)).toBe('miroir_shards_unreadable');
  const partial = { signal, partial: true };
  for (const one of [calls.router.search('docs', body, partial), calls.router.fetchDocuments('docs', body, partial)]) {
    const answer = await one;
    expect(answer.headers['x-miroir-partial']).toBe('1 of 1 shards missing');
    const { hits, results } = JSON.parse(answer.body) as { hits?: { id: number }[]; results?: { id: number }[] };
    const ids = (hits ?? results ?? []).map((hit) => hit.id);
    expect(ids).toHaveLength(98);
    expect(ids).not.toContain(3);
  }
  const stats = await calls.router.stats('docs', partial);
  expect(JSON.parse(stats.body)).toMatchObject({ numberOfDocuments: 98 });

  await acceptLoss(control, id);
  await fleet.moveQueue.promote(await fleet.untilMove(id, () => true));
  expect(await fleet.untilEnded(id, 30_000)).toMatchObject({ outcome: 'done', lostIds: ['3', '5'] });
  // Whose write is late is told by the epoch of the switch, not by that of the change of readers.
  expect((await fleet.untilMove(id, () => true)).switchEpoch).toBeLessThan(route.epoch);
  expect((await fleet.base.records.route('docs', 0)).route.withheld).toBeUndefined();
  await untilTrue(async () => (await codeOf(document('3'))) === 'none', 10_000);
}, 90_000);
