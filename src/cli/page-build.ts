/** The page of a checkout: its browser code is built, unlike all else, which runs from its sources. */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../errors.ts';
import { startChild } from '../fleet/child.ts';
import { say } from './output.ts';

export interface PageBuild {
  /** An installed package has no script, and its page. */
  readonly script: string;
  readonly index: string;
}

const OURS: PageBuild = {
  script: fileURLToPath(new URL('../build-page.mjs', import.meta.url)),
  index: fileURLToPath(new URL('../../dist/page/index.html', import.meta.url)),
};

const LAST_WORDS = 5;

/** Builds it where it is missing; what cannot be built is told, with what to run, and keeps nothing else from running. */
export async function buildMissingPage({ script, index }: PageBuild = OURS): Promise<void> {
  if (!existsSync(script) || existsSync(index)) return;
  say('building the page, once');
  try {
    const child = await startChild({ command: process.execPath, args: [script] }, { name: 'the build of the page' });
    const { code } = await child.exited;
    if (code === 0 && existsSync(index)) return;
    throw new Error(child.tail().slice(-LAST_WORDS).join('\n  '));
  } catch (error) {
    const again = `npm ci && node ${relative(process.cwd(), script)}`;
    say(
      `the page could not be built, all else goes on without it: ${messageOf(error)}\nnext: ${again}, then start again`,
    );
  }
}
