import { describe, expect, it } from 'vitest';
import {
  isUnchanged,
  lookAt,
  lossOf,
  lossSince,
  newestTask,
  sightingOf,
  type Asked,
  type Present,
  type Sighting,
} from '../../../src/core/sightings.ts';

const seen: Sighting = { created: 'then', uid: 7, enqueuedAt: 't7' };
const now = (change: Partial<Present> = {}): Present => ({
  created: 'then',
  uid: 9,
  enqueuedAt: 't9',
  seenAt: 't7',
  ...change,
});

describe('a node has lost data', () => {
  it.each([
    ['the index is gone', now({ created: null })],
    ['the index was made anew at later', now({ created: 'later' })],
    ['its newest task was 7 and is 6', now({ uid: 6, seenAt: null })],
    ['task 7 is not the one it was', now({ seenAt: 'another time' })],
  ])('%s', (loss, present) => {
    expect(lossOf(seen, present)).toBe(loss);
  });

  it('as long as it is noted, whatever the node says since', () => {
    expect(lossOf({ ...seen, lost: 'before' }, now())).toBe('before');
  });

  it('but not by having new tasks, by tasks that somebody deleted, or where it had none', () => {
    expect(lossOf(seen, now())).toBeNull();
    expect(lossOf(seen, now({ seenAt: null }))).toBeNull();
    expect(lossOf({ created: 'then', uid: -1, enqueuedAt: '' }, now({ seenAt: 't9' }))).toBeNull();
  });
});

describe('a look', () => {
  const asked: object[] = [];
  const node = (tasks: readonly { uid: number; enqueuedAt: string }[], created: string | null): Asked => ({
    index: () => Promise.resolve(created === null ? null : { createdAt: created }),
    tasks({ uids }) {
      asked.push(uids ?? []);
      return Promise.resolve(uids === undefined ? tasks.slice(0, 1) : tasks.filter(({ uid }) => uids.includes(uid)));
    },
  });
  const two = [
    { uid: 9, enqueuedAt: 't9' },
    { uid: 7, enqueuedAt: 't7' },
  ];

  it('asks for the task seen last only where another one is the newest', async () => {
    const look = async (asking: Asked, before: Sighting | null): Promise<Present> =>
      lookAt(asking, 'docs', before, await newestTask(asking));
    expect(await look(node(two, 'then'), seen)).toEqual(now());
    expect(asked.splice(0)).toEqual([[], [7]]);
    expect(await look(node(two, 'then'), { ...seen, uid: 9 })).toEqual(now({ seenAt: 't9' }));
    expect(asked.splice(0)).toEqual([[]]);
    expect(await look(node([], null), null)).toEqual({ created: null, uid: -1, enqueuedAt: '', seenAt: '' });
    expect(await look(node([], null), seen)).toEqual({ created: null, uid: -1, enqueuedAt: '', seenAt: null });
  });

  it('now tells what was lost since', async () => {
    expect(await lossSince(node(two, 'then'), 'docs', seen)).toBeNull();
    expect(await lossSince(node(two, 'later'), 'docs', seen)).toBe('the index was made anew at later');
    asked.splice(0);
  });

  it('is spared where the node had no task since, unless it is known to have lost something', () => {
    expect(isUnchanged(seen, { uid: 7, enqueuedAt: 't7' })).toBe(true);
    expect(isUnchanged(seen, { uid: 7, enqueuedAt: 'another time' })).toBe(false);
    expect(isUnchanged(seen, { uid: 8, enqueuedAt: 't8' })).toBe(false);
    expect(isUnchanged({ ...seen, lost: 'something' }, { uid: 7, enqueuedAt: 't7' })).toBe(false);
  });

  it('is remembered where the node has the index', () => {
    expect(sightingOf(now())).toEqual({ created: 'then', uid: 9, enqueuedAt: 't9' });
    expect(sightingOf(now({ created: null }))).toBeNull();
  });
});
