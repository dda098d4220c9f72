import { describe, expect, it } from 'vitest';
import { lookAt, lossOf, sightingOf, type Asked, type Present, type Sighting } from '../../../src/core/sightings.ts';

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
    expect(await lookAt(node(two, 'then'), 'docs', seen)).toEqual(now());
    expect(asked.splice(0)).toEqual([[], [7]]);
    expect(await lookAt(node(two, 'then'), 'docs', { ...seen, uid: 9 })).toEqual(now({ seenAt: 't9' }));
    expect(asked.splice(0)).toEqual([[]]);
    expect(await lookAt(node([], null), 'docs', null)).toEqual({
      created: null,
      uid: -1,
      enqueuedAt: '',
      seenAt: null,
    });
  });

  it('is remembered when it tells something new', () => {
    expect(sightingOf(null, now())).toEqual({ created: 'then', uid: 9, enqueuedAt: 't9' });
    expect(sightingOf(seen, now())).toEqual({ created: 'then', uid: 9, enqueuedAt: 't9' });
    expect(sightingOf({ ...seen, uid: 9, enqueuedAt: 't9' }, now())).toBeNull();
    expect(sightingOf(null, now({ created: null }))).toBeNull();
  });
});
