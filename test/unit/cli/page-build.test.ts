// A checkout has no page until it is built: `miroir up` does that once, and goes on where it cannot.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { buildMissingPage, type PageBuild } from '../../../src/cli/page-build.ts';

let dir = '';
let build: PageBuild;
let talk = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'miroir-page-build-'));
  build = { script: join(dir, 'build.mjs'), index: join(dir, 'index.html') };
  talk = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((talk += String(text)), true));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

it('is built where it is missing, once', async () => {
  await writeFile(
    build.script,
    `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(build.index)}, 'x')`,
  );
  await buildMissingPage(build);
  expect(existsSync(build.index)).toBe(true);
  await buildMissingPage(build);
  expect(talk).toBe('building the page, once\n');
});

it('is told with what to run where it cannot be built', async () => {
  await writeFile(build.script, `console.error('no vite here'); process.exit(1)`);
  await buildMissingPage(build);
  expect(talk).toContain('no vite here');
  expect(talk).toMatch(/^next: npm ci && node \S*build\.mjs, then start again$/m);
});

it('is there in an installed package, which cannot build it', async () => {
  await buildMissingPage(build);
  expect(talk).toBe('');
});
