/** `miroir verify`: whether all replicas of an index hold the same documents, as they are now. Changes nothing. */
import pLimit from 'p-limit';
import { InvalidInputError } from '../errors.ts';
import type { ReplicaCheck, ReplicaChecks } from '../ports.ts';
import { unknownIndex } from './indexes.ts';
import type { ControlParts } from './parts.ts';

/** Shards: one that differs is waited for, and nodes are read no faster by more. */
const AT_A_TIME = 4;

export interface VerifyParts {
  readonly records: ControlParts['records'];
  readonly replicas: ReplicaChecks;
}

export interface VerifyWish {
  readonly index: string;
  /** Null: all of them. */
  readonly shard: number | null;
  readonly signal: AbortSignal;
  readonly onShard?: (done: readonly ReplicaCheck[], shards: number) => void;
}

export interface VerifyReport {
  readonly index: string;
  /** Every replica that there is was read, and all are equal; a shard with one copy has nothing to differ from. */
  readonly equal: boolean;
  readonly documents: number;
  readonly differing: number;
  readonly shards: readonly ReplicaCheck[];
}

/** Throws what keeps Redis from being read, and the signal's reason; a node that cannot be read is in the report. */
export async function verifyIndex({ records, replicas }: VerifyParts, wish: VerifyWish): Promise<VerifyReport> {
  const { index, shard, signal, onShard } = wish;
  const entry = await records.index(index);
  if (entry === null) throw unknownIndex(index);
  if (shard !== null && shard >= entry.shards) {
    throw new InvalidInputError(`index ${index} has no shard ${shard}`, {
      field: 'shard',
      remedy: `give 0 to ${entry.shards - 1}`,
    });
  }
  const numbers = shard === null ? Array.from({ length: entry.shards }, (_, at) => at) : [shard];
  const silent = new Map<string, string>();
  const done: ReplicaCheck[] = [];
  const limit = pLimit(AT_A_TIME);
  const look = async (number: number): Promise<ReplicaCheck> => {
    const check = await replicas.check(entry, number, silent, signal);
    done.push(check);
    onShard?.(done, numbers.length);
    return check;
  };
  const checks = await Promise.all(numbers.map((number) => limit(() => look(number))));
  const sum = (of: (check: ReplicaCheck) => number): number => checks.reduce((total, check) => total + of(check), 0);
  return {
    index,
    equal: silent.size === 0 && checks.every(({ result }) => result === 'equal' || result === 'one copy'),
    documents: sum(({ documents }) => documents),
    differing: sum(({ differing }) => differing),
    shards: checks,
  };
}
