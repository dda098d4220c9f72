// Anti-entropy as a test runs it: shard by shard in this process, with what is switched otherwise.
import type { DutyResult, Pass } from '../../src/ports.ts';
import { type AntiEntropyParts, antiEntropyDuty } from '../../src/reconcile/anti-entropy.ts';
import { PacedReads } from '../../src/reconcile/paced-reads.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import { createReadingPlaces } from '../../src/redis/passes.ts';
import type { TurnTaker } from '../../src/routing/api.ts';
import type { Base } from '../../src/service.ts';

export type Switched = Partial<Omit<AntiEntropyParts, 'router'>>;

export const antiEntropyParts = (base: Base, router: TurnTaker, switched: Switched = {}): AntiEntropyParts => {
  const { scripts, clock } = base;
  const places = createReadingPlaces({ scripts, clock, most: 1 });
  return {
    ...base,
    router,
    reads: new PacedReads({ places, clock, percent: 100, most: 1, keepMs: 5_000 }),
    isOn: true,
    intervalMs: 0,
    shardsPerPass: 0,
    pageDocs: 1_000,
    pageBytes: 8_000_000,
    isRepaired: true,
    isExpiring: false,
    ...switched,
  };
};

export interface PassRun {
  readonly pass: Pass;
  /** By shard, `<index>/<shard>`; an error is its message. */
  readonly results: ReadonlyMap<string, DutyResult | string>;
}

/** One pass from its beginning, or what is left of one, to its end. */
export async function runPass(base: Base, router: TurnTaker, switched: Switched = {}): Promise<PassRun> {
  const parts = antiEntropyParts(base, router, switched);
  const duty = antiEntropyDuty(parts);
  const { signal } = new AbortController();
  const results = new Map<string, DutyResult | string>();
  for (const task of await duty.tasks(signal)) {
    const lease = {
      ...openPermit(4_000),
      scope: task,
      fence: '1',
      ready: Promise.resolve(),
      release: () => Promise.resolve(),
    };
    const result = await duty.run(task, { lease, signal }).catch((error: Error) => error.message);
    results.set(task, result);
  }
  const [pass] = await parts.passes.list();
  if (pass === undefined) throw new Error('there was no pass');
  return { pass, results };
}
