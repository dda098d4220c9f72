/** The mover's side of a moving shard's journal, under the fence of its lease. */
import type { JournalEntry, JournalWriter, Lease } from '../ports.ts';
import { bucketsText, idsText } from './journal.ts';
import { keys } from './keys.ts';
import type { Scripts } from './scripts.ts';

type Listed = Extract<JournalEntry, { kind: 'slots' | 'shard' }>;

/** Ids that a move's record names of those that were given up. */
const LOST_NAMED = 1_000;

/** Entries from a flat list of names and attempts. */
function pairs<T>(flat: readonly string[], make: (name: string, attempt: number) => T): T[] {
  const out: T[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) out.push(make(flat[at] ?? '', Number(flat[at + 1])));
  return out;
}

const toRange = (name: string, attempt: number): Listed =>
  name === '*' ? { kind: 'shard', attempt } : { kind: 'slots', bucket: Number(name.slice(1)), attempt };
const rangeName = (entry: Listed): string => (entry.kind === 'shard' ? '*' : `~${entry.bucket}`);
const attemptsOf = (entries: readonly JournalEntry[]): string => JSON.stringify(entries.map(({ attempt }) => attempt));

export function createJournalWriter({ scripts, lease }: { scripts: Scripts; lease: Lease }): JournalWriter {
  const leaseKey = keys.lease(lease.scope);
  /** Number of the newest taking by move: what is cleared was taken by it. */
  const takings = new Map<string, string>();
  return {
    async state({ move }) {
      const names = [
        leaseKey,
        keys.journal(move),
        keys.ranges(move),
        keys.openAttempts(move),
        keys.reverify(move),
        keys.routers,
      ];
      const [, ids, ranges, open, raised, ...waiting] = await scripts.run('journal-state', names, [lease.fence]);
      return {
        size: Number(ids) + Number(ranges),
        ranges: Number(ranges),
        open: Number(open),
        reverifyOpen: Number(raised),
        reverify: waiting.map(Number),
      };
    },
    async take({ move }, limit, all) {
      const [, taking = '', count, ...flat] = await scripts.run(
        'journal-take',
        [leaseKey, keys.journal(move), keys.ranges(move), keys.openAttempts(move), keys.routers, keys.move(move)],
        [lease.fence, limit, all ? 1 : 0],
      );
      takings.set(move, taking);
      const split = Number(count) * 2;
      const ids: JournalEntry[] = pairs(flat.slice(0, split), (id, attempt) => ({ kind: 'id', id, attempt }));
      const entries = [...ids, ...pairs(flat.slice(split), toRange)];
      return entries.sort((a, b) => a.attempt - b.attempt).slice(0, limit);
    },
    async clear({ move }, entries) {
      const ids = entries.filter((entry) => entry.kind === 'id');
      const ranges = entries.filter((entry) => entry.kind !== 'id');
      const [, removed] = await scripts.run(
        'journal-clear',
        [leaseKey, keys.journal(move), keys.ranges(move), keys.move(move)],
        [
          lease.fence,
          JSON.stringify(ids.map(({ id }) => id)),
          attemptsOf(ids),
          JSON.stringify(ranges.map(rangeName)),
          attemptsOf(ranges),
          takings.get(move) ?? '',
        ],
      );
      return Number(removed);
    },
    async lose({ move }, ids) {
      const names = [leaseKey, keys.journal(move), keys.move(move)];
      const [, lost] = await scripts.run('journal-lose', names, [lease.fence, JSON.stringify(ids), LOST_NAMED]);
      return Number(lost);
    },
    async among({ move }, ids) {
      const [, reverify, ...found] = await scripts.run(
        'journal-among',
        [leaseKey, keys.journal(move), keys.ranges(move), keys.reverify(move)],
        [lease.fence, idsText(ids), bucketsText(ids)],
      );
      return { ids: found, reverify: reverify === '1' };
    },
    async closeReverify({ move }, attempts) {
      await scripts.run('journal-close', [leaseKey, keys.reverify(move)], [lease.fence, ...attempts]);
    },
    async setGate({ move }, on) {
      await scripts.run('journal-gate', [leaseKey, keys.move(move)], [lease.fence, on ? 1 : 0]);
    },
    async forget({ index, shard, move }) {
      await scripts.run(
        'journal-forget',
        [
          leaseKey,
          keys.routing(index),
          keys.move(move),
          keys.journal(move),
          keys.ranges(move),
          keys.openAttempts(move),
          keys.reverify(move),
        ],
        [lease.fence, shard, move],
      );
    },
  };
}
