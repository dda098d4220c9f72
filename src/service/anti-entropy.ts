/** Comparing replicas, wired to what it needs: in passes, for groups, for an operator. */
import { intervalSecsOf } from '../config/schedule.ts';
import { InvariantError } from '../errors.ts';
import type { Duty, Permit, ReplicaChecks } from '../ports.ts';
import { type CompareParts, antiEntropyDuty } from '../reconcile/anti-entropy.ts';
import { groupsDuty } from '../reconcile/groups.ts';
import { PacedReads } from '../reconcile/paced-reads.ts';
import { createReplicaChecks } from '../reconcile/replica-checks.ts';
import { createReadingPlaces } from '../redis/passes.ts';
import type { TurnTaker } from '../routing/api.ts';
import type { Base } from './base.ts';

type OpenParts = Base & { readonly router: TurnTaker };

/** What comparing needs. `percent`: of one core of a node. */
function comparing(parts: Base, percent: number): Omit<CompareParts, keyof OpenParts> {
  const { config, scripts, clock, timings } = parts;
  const intervalSecs = intervalSecsOf(config.antiEntropySchedule);
  if (intervalSecs === null) throw new InvariantError('the schedule was checked with the configuration');
  const most = config.antiEntropyMaxReadConcurrency;
  const places = createReadingPlaces({ scripts, clock, most });
  return {
    reads: new PacedReads({ places, clock, percent, most, keepMs: timings.residueMs }),
    intervalMs: intervalSecs * 1_000,
    pageDocs: config.antiEntropyFingerprintBatchSize,
    pageBytes: config.windowBytes,
    isRepaired: config.antiEntropyAutoRepair,
    isExpiring: config.antiEntropyTtlEnabled,
  };
}

export const openAntiEntropy = (parts: OpenParts): Duty =>
  antiEntropyDuty({
    ...parts,
    ...comparing(parts, parts.config.antiEntropyNodePercent),
    isOn: parts.config.antiEntropyEnabled,
    shardsPerPass: parts.config.antiEntropyShardsPerPass,
  });

/** Of one core: an operator waits for the end of it, and it happens once. */
const WAITED_PERCENT = 50;

export const openGroupChecks = (parts: OpenParts): Duty =>
  groupsDuty({
    ...parts,
    ...comparing(parts, WAITED_PERCENT),
    isOn: parts.config.groupChecksEnabled,
    everyMs: parts.config.groupChecksIntervalMs,
  });

/** A write waits for its turn for 30 s at most, nearly all of them milliseconds. */
const AGAIN_MS = [500, 2_000, 10_000, 20_000];

export const openReplicaChecks = (base: Base, permitOf: (signal: AbortSignal) => Permit): ReplicaChecks =>
  createReplicaChecks({ ...base, ...comparing(base, WAITED_PERCENT), waitsMs: AGAIN_MS, permitOf });
