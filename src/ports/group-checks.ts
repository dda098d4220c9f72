/** Which shards of a replica group that is not read yet were compared with those that are. */
import type { Lease } from './lease.ts';

export interface GroupChecks {
  /** `<index>/<shard>` → what was compared and found equal (`comparedText`). */
  read(group: number): Promise<ReadonlyMap<string, string>>;
  /** Under the lease of whoever compared. Throws `StaleFenceError`. */
  write(lease: Lease, group: number, shard: string, compared: string): Promise<void>;
}
