/** Anti-entropy, wired to what it needs. */
import { intervalSecsOf } from '../config/schedule.ts';
import { InvariantError } from '../errors.ts';
import type { Duty } from '../ports.ts';
import { antiEntropyDuty } from '../reconcile/anti-entropy.ts';
import { PacedReads } from '../reconcile/paced-reads.ts';
import { createReadingPlaces } from '../redis/passes.ts';
import type { TurnTaker } from '../routing/api.ts';
import type { Base } from './base.ts';

export function openAntiEntropy(parts: Base & { readonly router: TurnTaker }): Duty {
  const { config, scripts, clock, timings } = parts;
  const intervalSecs = intervalSecsOf(config.antiEntropySchedule);
  if (intervalSecs === null) throw new InvariantError('the schedule was checked with the configuration');
  const most = config.antiEntropyMaxReadConcurrency;
  const places = createReadingPlaces({ scripts, clock, most });
  const percent = config.antiEntropyNodePercent;
  return antiEntropyDuty({
    ...parts,
    reads: new PacedReads({ places, clock, percent, most, keepMs: timings.residueMs }),
    isOn: config.antiEntropyEnabled,
    intervalMs: intervalSecs * 1_000,
    shardsPerPass: config.antiEntropyShardsPerPass,
    pageDocs: config.antiEntropyFingerprintBatchSize,
    pageBytes: config.windowBytes,
    isRepaired: config.antiEntropyAutoRepair,
    isExpiring: config.antiEntropyTtlEnabled,
  });
}
