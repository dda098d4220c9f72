// The scripts that run before anything is installed or built: each in a process of its own, in a made-up surrounding.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const INSTALLED = join(ROOT, 'node_modules/.package-lock.json');

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'miroir-scripts-'));
  write('package.json', '{"type":"module"}');
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text, { mode });
}

function program(name: string, script = ''): void {
  write(`bin/${name}`, `#!/bin/sh\n${script}\n`, 0o755);
}

/** Runs a script of ours, copied to where nothing else is, with only our made-up programs on PATH. */
function run(script: string, args: string[] = []): { status: number | null; stdout: string; stderr: string } {
  cpSync(join(ROOT, script), join(dir, script));
  mkdirSync(join(dir, 'bin'), { recursive: true });
  return spawnSync(process.execPath, [join(dir, script), ...args], {
    encoding: 'utf8',
    env: { PATH: join(dir, 'bin'), MIROIR_REDIS_URL: 'redis://elsewhere:6379' },
  });
}

describe('set-up', () => {
  const lock = (version: string, more: object = {}): string =>
    JSON.stringify({ packages: { '': {}, 'node_modules/a': { version, integrity: `sha-${version}` }, ...more } });
  const installed = (version: string): void => write('node_modules/.package-lock.json', lock(version));

  it('is silent and does nothing when everything is there, whatever the times of the files', () => {
    installed('1.0.0');
    const other = { 'node_modules/for-another-platform': { version: '1.0.0', optional: true } };
    write('package-lock.json', lock('1.0.0', other));
    program('redis-check-rdb');
    expect(run('src/setup.mjs')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  it.each([
    ['node_modules is missing', undefined, lock('1.0.0')],
    ['a is 1.0.0, the lockfile says 2.0.0', '1.0.0', lock('2.0.0')],
    ['b is locked but not installed', '1.0.0', lock('1.0.0', { 'node_modules/b': { version: '1.0.0' } })],
    ['a is installed but no longer locked', '1.0.0', JSON.stringify({ packages: { '': {} } })],
  ])('runs npm ci because %s', (reason, version, locked) => {
    if (version !== undefined) installed(version);
    write('package-lock.json', locked);
    program('redis-server');
    program('npm', 'echo "npm $*"');
    const { status, stderr } = run('src/setup.mjs');
    expect(stderr).toBe(`set-up: npm ci, because ${reason}\nnpm ci --include=dev --no-audit --no-fund\n`);
    expect(status).toBe(0);
  });

  it('says what failed when npm ci does', () => {
    write('package-lock.json', lock('1.0.0'));
    program('npm', 'exit 7');
    const { status, stderr } = run('src/setup.mjs');
    expect(stderr).toContain('`npm ci --include=dev --no-audit --no-fund` failed with exit code 7');
    expect(status).toBe(1);
  });

  it('ends with 69 and the line to type when it cannot install Redis, also when MIROIR_REDIS_URL is set', () => {
    installed('1.0.0');
    write('package-lock.json', lock('1.0.0'));
    program('apk');
    const { status, stderr } = run('src/setup.mjs');
    expect(stderr).toMatch(
      /none of redis-server, valkey-server, redis-check-rdb is on PATH; run: .*(apk add|brew install) redis/,
    );
    expect(status).toBe(69);
  });

  it('builds the page when its sources are newer than what is built, and says so', () => {
    installed('1.0.0');
    write('package-lock.json', lock('1.0.0'));
    program('redis-server');
    write('src/page/main.tsx', '');
    write(
      'src/build-page.mjs',
      "import { mkdirSync, writeFileSync } from 'node:fs'; mkdirSync('dist/page', { recursive: true }); writeFileSync('dist/page/index.html', '');",
    );
    expect(run('src/setup.mjs')).toMatchObject({
      status: 0,
      stderr: 'set-up: building the page, because it is not built\n',
    });
    expect(run('src/setup.mjs').stderr).toBe('');
    utimesSync(join(dir, 'src/page/main.tsx'), new Date(), new Date(Date.now() + 5_000));
    expect(run('src/setup.mjs').stderr).toBe('set-up: building the page, because its sources are newer\n');
  });

  describe('with --tests', () => {
    const ARCHIVE = `case "$*" in
      *download*) echo deb > prometheus_2.deb ;;
      *) exit 3 ;;
    esac`;
    const BROWSER = `case "$*" in
      *download-only*) echo deb > chromium-headless-shell_2.deb; echo deb > libnss3_2.deb ;;
      *) exit 3 ;;
    esac`;
    // Only PATH of the made-up surrounding is seen, so the real programs are named whole.
    const UNPACK =
      '/bin/mkdir -p "$3/usr/bin" && echo tool > "$3/usr/bin/promtool" && /bin/chmod 755 "$3/usr/bin/promtool"';
    const UNPACK_LIBRARY = '/bin/mkdir -p "$3/usr/lib" && echo $2 >> "$3/usr/lib/unpacked"';
    const CACHE = 'node_modules/.cache/miroir';

    beforeEach(() => {
      installed('1.0.0');
      write('package-lock.json', lock('1.0.0'));
      program('redis-server');
    });

    it('unpacks promtool once, says so, and leaves nothing else behind', () => {
      program('chromium');
      program('apt-get', ARCHIVE);
      program('dpkg', UNPACK);
      expect(run('src/setup.mjs')).toMatchObject({ status: 0, stderr: '' });
      const { status, stderr } = run('src/setup.mjs', ['--tests']);
      expect(stderr).toMatch(/^set-up: apt-get download prometheus, because promtool is not on PATH .*\n$/);
      expect(status).toBe(0);
      expect(readdirSync(join(dir, CACHE))).toEqual(['promtool']);
      expect(run('src/setup.mjs', ['--tests'])).toMatchObject({ status: 0, stderr: '' });
    });

    it('unpacks a browser once with its libraries, says so, and leaves nothing else behind', () => {
      program('promtool');
      program('apt-get', BROWSER);
      program('dpkg', UNPACK_LIBRARY);
      const { status, stderr } = run('src/setup.mjs', ['--tests']);
      expect(stderr).toMatch(/^set-up: apt-get download chromium-headless-shell, because none of chromium-head.*\n$/);
      expect(status).toBe(0);
      expect(readdirSync(join(dir, CACHE))).toEqual(['chromium']);
      expect(
        readFileSync(join(dir, CACHE, 'chromium/usr/lib/unpacked'), 'utf8')
          .trim()
          .split('\n'),
      ).toHaveLength(2);
      expect(run('src/setup.mjs', ['--tests'])).toMatchObject({ status: 0, stderr: '' });
    });

    it.each([
      ['there is no apt', ''],
      ['the archive is out of reach', 'exit 100'],
    ])('says what to do when %s, and goes on', (_why, aptGet) => {
      if (aptGet !== '') program('apt-get', aptGet);
      program('dpkg', UNPACK);
      const { status, stderr } = run('src/setup.mjs', ['--tests']);
      expect(stderr).toMatch(/set-up: tests of alert rules will fail: promtool is not on PATH; (run|put) .*\n/);
      expect(stderr).toMatch(/set-up: tests of the page will fail: none of .* is on PATH; install Chromium\n$/);
      expect(status).toBe(0);
    });
  });

  it('finds the packages of this checkout installed', () => {
    const packages = (file: string): Record<string, { version: string }> =>
      (JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, { version: string }> }).packages;
    const locked = packages(join(ROOT, 'package-lock.json'));
    for (const [path, { version }] of Object.entries(packages(INSTALLED))) expect(locked[path]?.version).toBe(version);
  });
});

describe('the bin', () => {
  const BIN = 'src/cli/bin.mjs';

  it('runs the sources in a checkout', () => {
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    write('src/cli/main.ts', 'const words: string[] = process.argv.slice(2); console.log(words.join());');
    write('dist/src/cli/main.js', 'console.log("built")');
    expect(run(BIN, ['status', '-w'])).toMatchObject({ status: 0, stdout: 'status,-w\n', stderr: '' });
  });

  it('runs the built code where there are no sources', () => {
    write('dist/src/cli/main.js', 'console.log("built", process.argv[2])');
    expect(run(BIN, ['status'])).toMatchObject({ status: 0, stdout: 'built status\n' });
  });

  it('says what to do when packages are missing, or there is nothing to run', () => {
    expect(run(BIN)).toMatchObject({ status: 1, stderr: expect.stringContaining('npm run build') as string });
    write('src/cli/main.ts', '');
    expect(run(BIN)).toMatchObject({ status: 1, stderr: expect.stringContaining('run: npm ci') as string });
  });
});
