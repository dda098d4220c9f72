// The audit stream from some moment on, of everything or of one plan, to its end or followed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { trail, trailFrom, type TrailStart, type TrailWish } from '../../src/control/trail.ts';
import { type Control, openControl } from '../../src/service.ts';
import { apiSettings } from '../support/api.ts';
import { withRedis } from '../support/redis.ts';
import { untilTrue } from '../support/until.ts';

const redis = withRedis();
let control: Control;
const ids: string[] = [];

const ENTRIES = [
  { what: 'asked', verb: 'event send', node: 'n1' },
  { what: 'plan', plan: 'p1', why: 'opened' },
  { what: 'topology', why: 'NodeDraining n1' },
  { what: 'switched', move: 'p1-7-0-aa' },
  { what: 'switched', move: 'p12-7-0-aa' },
  { what: 'left', nodes: 'n2,n1' },
  { what: 'asked', verb: 'index create', index: 'cities' },
];

async function heard(start: TrailStart, wish: Partial<TrailWish> = {}): Promise<string[]> {
  const { signal } = new AbortController();
  const found: string[] = [];
  const from = await trailFrom(control, start);
  for await (const { id } of trail(control, from, { follow: false, signal, ...wish })) found.push(id);
  return found;
}
const numbers = (found: readonly string[]): number[] => found.map((id) => ids.indexOf(id));

beforeAll(async () => {
  control = await openControl(loadConfig(apiSettings(redis.url)));
  for (const entry of ENTRIES) {
    await control.audit.note(entry);
    ids.push(await control.audit.newest());
  }
});
afterAll(() => control.close());

describe('the trail of what was done', () => {
  it('begins behind an entry, so long ago, or with what comes', async () => {
    expect(numbers(await heard({ id: ids[3] ?? '' }))).toEqual([4, 5, 6]);
    expect(numbers(await heard({ id: '0-0' }))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(numbers(await heard({ agoMs: 60_000 }))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(await heard({ agoMs: 0 })).toEqual([]);
    expect(await heard('now')).toEqual([]);
    await expect(heard({ id: 'yesterday-or-so' })).rejects.toMatchObject({
      code: 'miroir_invalid_input',
      field: 'since',
    });
  });

  it('is of one plan and its moves, of one node, or of one index', async () => {
    expect(numbers(await heard({ id: '0-0' }, { plan: 'p1' }))).toEqual([1, 3]);
    expect(numbers(await heard({ id: '0-0' }, { node: 'n1' }))).toEqual([0, 2, 5]);
    expect(await heard({ id: '0-0' }, { node: 'n' })).toEqual([]);
    expect(numbers(await heard({ id: '0-0' }, { index: 'cities' }))).toEqual([6]);
    expect(await heard({ id: '0-0' }, { index: 'cities', node: 'n1' })).toEqual([]);
    for (const [field, id] of [
      ['plan', 'cities'],
      ['node', 'n 1'],
      ['index', '*'],
    ] as const)
      await expect(heard('now', { [field]: id })).rejects.toMatchObject({ code: 'miroir_invalid_input', field });
  });

  it('goes on with what comes until it is told to end', async () => {
    const controller = new AbortController();
    const found: string[] = [];
    const from = ids[5] ?? '';
    const following = (async () => {
      for await (const { id } of trail(control, from, { follow: true, signal: controller.signal })) found.push(id);
    })();
    await untilTrue(() => found.length === 1);
    await control.audit.note({ what: 'test' });
    await untilTrue(() => found.length === 2);
    controller.abort();
    await following;
    expect(found).toEqual([ids[6], await control.audit.newest()]);
  });
});
