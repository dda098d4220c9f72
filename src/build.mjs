// Builds `dist`: compiled code beside the files that it reads at run time (Lua scripts and the like). Plain JavaScript
// of Node built-ins, so that it runs before anything is built.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
/** What tsc compiles, and plain JavaScript that belongs to a checkout only. */
const NOT_ASSETS = /\.(?:ts|mts|cts|mjs)$/;
/** Code for browsers, which is built on its own. */
const PAGE = join(ROOT, 'src', 'page');

function fail(message) {
  console.error(`build: ${message}`);
  process.exit(1);
}

function run(name, ...args) {
  const result = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (result.error) fail(`${name} could not be started: ${result.error.message}`);
  if (result.status !== 0) fail(`${name} failed (${result.signal ?? `exit code ${result.status}`})`);
}

function compile() {
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  run('tsc', join(typescript, 'bin', 'tsc'), '--project', join(ROOT, 'tsconfig.json'), '--noEmitOnError');
}

function copyAssets() {
  const entries = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile() || NOT_ASSETS.test(entry.name) || entry.parentPath.startsWith(PAGE)) continue;
    const source = join(entry.parentPath, entry.name);
    const target = join(DIST, relative(ROOT, source));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(source, target);
  }
}

async function checkImport() {
  const index = new URL('../dist/src/index.js', import.meta.url);
  if (!existsSync(new URL('./index.ts', import.meta.url))) return;
  if (Object.keys(await import(index.href)).length === 0) fail('dist/src/index.js exports nothing');
}

rmSync(DIST, { recursive: true, force: true });
compile();
copyAssets();
run('the build of the page', join(ROOT, 'src', 'build-page.mjs'));
await checkImport();
