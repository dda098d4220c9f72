/** The tables as reads see them: one epoch to read by, counted as in flight while it is read by (R1, R2). */
import type { ReadTables } from '../search/tables.ts';
import type { InFlight } from './in-flight.ts';
import type { Registration } from './registration.ts';
import type { Tables } from './tables.ts';

export function readTables(registration: Registration, tables: Tables, inFlight: InFlight): ReadTables {
  return {
    snapshot(index) {
      const session = registration.session();
      const { table, entry, nodes, settings } = tables.get(index);
      return { table, entry, nodes, settings, registration: session.id };
    },
    sure: (signal) => registration.sure(signal),
    indexes: () => tables.all().map(({ entry }) => entry.uid),
    reading(index, shards, tableEpoch) {
      const { table } = tables.get(index);
      // Called in the turn in which the snapshot was taken; a table that is newer all the same counts nothing as older.
      const epochOf = (shard: number): number => Math.min(table.shards[shard]?.epoch ?? tableEpoch, tableEpoch);
      const chosen = shards.map((shard) => ({ shard, epoch: epochOf(shard) }));
      return { done: inFlight.begin(index, 'read', chosen) };
    },
  };
}
