/** Reads that want nodes at some version of the index's settings, or later (`X-Miroir-Min-Settings-Version`). */
import { SettingsStaleError } from '../../errors.ts';
import type { ReadSnapshot } from './tables.ts';

/** The same with the nodes that are at the version alone. Throws `SettingsStaleError` where they do not cover the shards. */
export function atSettingsVersion(snapshot: ReadSnapshot, floor: number, shards: readonly number[]): ReadSnapshot {
  const { version = 0, nodeVersions = {} } = snapshot.settings ?? {};
  // A node that is not listed was given the present settings when it joined.
  const nodes = new Map([...snapshot.nodes].filter(([id]) => (nodeVersions[id] ?? version) >= floor));
  const uncovered = shards.filter(
    (shard) => !(snapshot.table.shards[shard]?.readers ?? []).some((id) => nodes.has(id)),
  );
  if (uncovered.length === 0) return { ...snapshot, nodes };
  const { index } = snapshot.table;
  throw new SettingsStaleError(
    `index ${index} is at settings version ${version}; ${uncovered.length} of its shards have no node at ${floor}`,
    {
      remedy: 'send it again in a moment, or ask for an earlier version',
      details: { index, version, floor, shards: uncovered.length },
    },
  );
}
