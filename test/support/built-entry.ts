// Takes the place of src/fleet/entry.ts in tests (vitest.config.ts): built code where there is some (build-once.ts).
import { fileURLToPath } from 'node:url';
import type { Command } from '../../src/fleet/child.ts';
import { entryCommand as ofSources } from '../../src/fleet/entry.ts';

const DIST = new URL('../../dist/', import.meta.url);

export function entryCommand(entry: string): Command {
  if (process.env['TEST_BUILT'] === undefined) return ofSources(entry);
  return { command: process.execPath, args: [fileURLToPath(new URL(`${entry}.js`, DIST))] };
}
