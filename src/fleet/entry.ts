// How processes of our own are run, from sources as from built code.
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Command } from './child.ts';

const OWN_FILE = import.meta.url;
const ROOT = new URL('../../', OWN_FILE);

/**
 * How to run one of our own entries, named without its ending and relative to the project (`workers/planner`).
 * In a checkout this file is TypeScript, and so is the entry: it runs through tsx's loader, found from here so that
 * the working directory does not matter. Built, both are JavaScript and lie the same way to each other.
 */
export function entryCommand(entry: string): Command {
  const isSource = OWN_FILE.endsWith('.ts');
  const file = fileURLToPath(new URL(`${entry}${isSource ? '.ts' : '.js'}`, ROOT));
  if (!isSource) return { command: process.execPath, args: [file] };
  // Why not import.meta.resolve: test runners that transform modules do not offer it.
  const loader = pathToFileURL(createRequire(OWN_FILE).resolve('tsx')).href;
  return { command: process.execPath, args: ['--import', loader, file] };
}
