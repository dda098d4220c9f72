/** What is known of indexes that are being taken over, so that a run that was cut off is gone on with. */
import type { Lease } from './lease.ts';

/** Documents come home and get our fields; or they have, and the index is registered and has to be planned. */
export type AdoptionState = 'begun' | 'registered';

export interface Adoption {
  readonly state: AdoptionState;
  readonly primaryKey: string;
  /** Documents carry what this count gives, so it stays. */
  readonly shards: number;
  readonly replicationFactor: number;
  readonly groups: readonly number[];
  /** The node that has all documents in the end, and owns every shard at first. */
  readonly home: string;
  /** Whose document wins where two nodes differ; null: nowhere do they. */
  readonly keep: string | null;
}

export interface Adoptions {
  read(index: string): Promise<Adoption | null>;
  /** Under the adoption's lease; null forgets it. Throws `StaleFenceError`. */
  write(lease: Lease, index: string, adoption: Adoption | null): Promise<void>;
}
