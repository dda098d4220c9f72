/** Taking up a new run of Redis, under the planner's fence. */
import type { FrozenShard, Lease, Runs } from '../ports.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import type { Scripts } from './scripts.ts';

export interface RunsOptions {
  readonly scripts: Scripts;
  readonly lease: Lease;
  /** How long routers may need to register again and hand in what they know (ms). */
  readonly runChangeMs: number;
  readonly auditMaxEntries: number;
}

export function createRuns({ scripts, lease, runChangeMs, auditMaxEntries }: RunsOptions): Runs {
  const leaseKey = keys.lease(lease.scope);
  return {
    async look() {
      const [, state, lost] = await scripts.run('run-look', [leaseKey, keys.run], [lease.fence, runChangeMs]);
      return { state: state as 'known' | 'waits' | 'due', lost: lost === '1' };
    },
    async restore(index) {
      const [, ...frozen] = await scripts.run(
        'table-restore',
        [
          leaseKey,
          keys.routing(index),
          keys.handed,
          keys.moves,
          keys.movesEnded,
          keys.audit,
          keys.run,
          keys.doubt(index),
        ],
        [lease.fence, index, auditMaxEntries],
      );
      return frozen.map((text) => parseJson(text, `a frozen shard of ${index}`) as FrozenShard);
    },
    async accept(lost) {
      const names = [leaseKey, keys.run, keys.handed, keys.indexes];
      const [, word] = await scripts.run('run-accept', names, [lease.fence, lost ? 1 : 0]);
      return word === 'accepted';
    },
  };
}
