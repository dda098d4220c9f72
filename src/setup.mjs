// Makes a fresh clone runnable: the locked npm packages, and a Redis server binary. Runs before `npm test` and
// `npm run demo`, so it uses Node built-ins only, says one line for each thing it does, and is silent otherwise.
// With --tests it also fetches what only tests need: promtool, which checks the alert rules, and a browser for the page.
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MIN_NODE = [20, 19];
/** What BSD's sysexits calls EX_UNAVAILABLE: a program that is needed is not there. */
const EXIT_UNAVAILABLE = 69;
/** Debian ships the server inside redis-tools under the last name; started as `redis-server` it is the server. */
const REDIS_BINARIES = ['redis-server', 'valkey-server', 'redis-check-rdb'];
/** Where test/support/promtool.ts and test/support/browser.ts look as well. */
const CACHE = join(ROOT, 'node_modules', '.cache', 'miroir');
/** What tests of the page start, by its names. */
const BROWSERS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];
const BROWSER = 'chromium-headless-shell';
const FETCH_LIMIT_MS = 120_000;

function fail(message, code = 1) {
  console.error(`set-up: ${message}`);
  process.exit(code);
}

function say(message) {
  console.error(`set-up: ${message}`);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not ours to run: both mean "look further"
  }
}

function findOnPath(names) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    const folder = folders.find((candidate) => isExecutable(join(candidate, name)));
    if (folder !== undefined) return join(folder, name);
  }
  return undefined;
}

function run(command, args, env = process.env) {
  const result = spawnSync(command, args, { cwd: ROOT, env, stdio: ['ignore', 2, 2] });
  const shown = [command, ...args].join(' ');
  if (result.error) fail(`\`${shown}\` could not be started: ${result.error.message}`);
  if (result.signal) fail(`\`${shown}\` was ended by ${result.signal}`);
  if (result.status !== 0) fail(`\`${shown}\` failed with exit code ${result.status}; its output is above`);
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch (error) {
    return fail(`${file} cannot be read: ${error.message}`);
  }
}

/**
 * Why `npm ci` has to run, or undefined. Compares what is installed with what is locked: file times alone would
 * reinstall after every checkout, and miss a lockfile that was restored with an old time.
 */
function reasonToInstall() {
  const installedFile = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return 'node_modules is missing';
  const installed = readPackages(installedFile);
  const locked = readPackages(join(ROOT, 'package-lock.json'));
  for (const [path, wanted] of Object.entries(locked)) {
    if (path === '' || wanted.link) continue;
    const found = installed[path];
    if (found === undefined) {
      // npm leaves out what other platforms need; everything else has to be there.
      if (wanted.optional || wanted.devOptional) continue;
      return `${path.replace('node_modules/', '')} is locked but not installed`;
    }
    const same = found.version === wanted.version && (found.integrity ?? '') === (wanted.integrity ?? '');
    if (!same) return `${path.replace('node_modules/', '')} is ${found.version}, the lockfile says ${wanted.version}`;
  }
  const stray = Object.keys(installed).find((path) => locked[path] === undefined);
  return stray === undefined ? undefined : `${stray.replace('node_modules/', '')} is installed but no longer locked`;
}

function installPackages() {
  const reason = reasonToInstall();
  if (reason === undefined) return;
  say(`npm ci, because ${reason}`);
  // Tests and the build need the development packages, also where NODE_ENV says production.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund'];
  const npmCli = process.env.npm_execpath;
  if (npmCli?.endsWith('.js')) run(process.execPath, [npmCli, ...args]);
  else run('npm', args);
}

function isDebian() {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false; // no such file: not a Linux that describes itself
  }
}

function redisInstallLine() {
  if (process.platform === 'darwin') return 'brew install redis';
  const lines = [
    ['apt-get', 'sudo apt-get update && sudo apt-get install -y --no-install-recommends redis-tools'],
    ['apk', 'sudo apk add redis'],
    ['dnf', 'sudo dnf install -y redis'],
    ['pacman', 'sudo pacman -S --noconfirm redis'],
    ['zypper', 'sudo zypper install -y redis'],
  ];
  const known = lines.find(([tool]) => findOnPath([tool]) !== undefined);
  if (known === undefined) return undefined;
  return process.getuid?.() === 0 ? known[1].replaceAll('sudo ', '') : known[1];
}

function installRedis() {
  if (findOnPath(REDIS_BINARIES) !== undefined) return;
  const wanted = `none of ${REDIS_BINARIES.join(', ')} is on PATH`;
  if (isDebian() && process.getuid?.() === 0 && findOnPath(['apt-get']) !== undefined) {
    say(`apt-get install redis-tools, because ${wanted} (it holds the server and starts no service)`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['-qq', 'update'], env);
    run('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', 'redis-tools'], env);
    if (findOnPath(REDIS_BINARIES) === undefined)
      fail(`redis-tools was installed, but still ${wanted}`, EXIT_UNAVAILABLE);
    return;
  }
  const line = redisInstallLine();
  const remedy = line === undefined ? 'install Redis 6.2 or newer with your package manager' : `run: ${line}`;
  fail(`a Redis server is needed and ${wanted}; ${remedy}`, EXIT_UNAVAILABLE);
}

/** When the newest file in the folder was written; 0 when there is none. */
function newestMs(folder) {
  if (!existsSync(folder)) return 0;
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Math.max(0, ...entries.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}

/** The one part of a checkout that does not run from its sources. */
function buildPage() {
  const sourcesMs = newestMs(join(ROOT, 'src', 'page'));
  const built = statSync(join(ROOT, 'dist', 'page', 'index.html'), { throwIfNoEntry: false });
  if (sourcesMs === 0 || (built !== undefined && built.mtimeMs >= sourcesMs)) return;
  say(`building the page, because ${built === undefined ? 'it is not built' : 'its sources are newer'}`);
  run(process.execPath, [join('src', 'build-page.mjs')]);
}

/** Whether a command for packages ended well; it works in a folder of its own. */
const isDone = (folder, command, ...args) =>
  spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 2], timeout: FETCH_LIMIT_MS }).status === 0;

/** Unpacks Debian packages that apt-get brings with these arguments, and installs none of them. */
function unpackPackages(name, args, keep) {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, `${name}-`));
  // As root apt would download as a user who cannot write here.
  const options = ['APT::Sandbox::User=root', 'Debug::NoLocking=1', `Dir::Cache::archives=${folder}`];
  const flags = options.flatMap((option) => ['-o', option]);
  const download = () => isDone(folder, 'apt-get', '-qq', ...flags, ...args, name);
  try {
    mkdirSync(join(folder, 'partial'));
    if (!download() && !(process.getuid?.() === 0 && isDone(folder, 'apt-get', '-qq', 'update') && download())) {
      return false;
    }
    const files = readdirSync(folder).filter((file) => file.endsWith('.deb'));
    if (files.length === 0 || !files.every((file) => isDone(folder, 'dpkg', '-x', file, 'unpacked'))) return false;
    keep(join(folder, 'unpacked'));
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Debian packs promtool with a server whose package starts a service: it is unpacked into the cache, not installed. */
const unpackPromtool = () =>
  unpackPackages('prometheus', ['download'], (unpacked) =>
    renameSync(join(unpacked, 'usr', 'bin', 'promtool'), join(CACHE, 'promtool')),
  );

/** Only some tests need it, and say so themselves: without it everything else goes on. */
function fetchPromtool() {
  if (isExecutable(join(CACHE, 'promtool')) || findOnPath(['promtool']) !== undefined) return;
  const wanted = 'promtool is not on PATH';
  if (findOnPath(['apt-get']) !== undefined && findOnPath(['dpkg']) !== undefined) {
    say(`apt-get download prometheus, because ${wanted} (it is unpacked for tests and not installed)`);
    if (unpackPromtool()) return;
  }
  const line = process.platform === 'darwin' ? 'run: brew install prometheus' : 'put the one of your Prometheus there';
  say(`tests of alert rules will fail: ${wanted}; ${line}`);
}

/** The browser without a window, with the libraries that this machine lacks: some 100 MB. */
const unpackBrowser = () =>
  unpackPackages(BROWSER, ['install', '--download-only', '-y', '--no-install-recommends'], (unpacked) =>
    renameSync(unpacked, join(CACHE, 'chromium')),
  );

/** As above: tests of the page say themselves that they need it. */
function fetchBrowser() {
  if (existsSync(join(CACHE, 'chromium')) || findOnPath(BROWSERS) !== undefined) return;
  const wanted = `none of ${BROWSERS.join(', ')} is on PATH`;
  if (findOnPath(['apt-get']) !== undefined && findOnPath(['dpkg']) !== undefined) {
    say(`apt-get download ${BROWSER}, because ${wanted} (it is unpacked for tests and not installed)`);
    if (unpackBrowser()) return;
  }
  say(`tests of the page will fail: ${wanted}; install Chromium`);
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
  fail(`Node ${MIN_NODE.join('.')} or newer is needed, this is ${process.versions.node}`);
}
installPackages();
installRedis();
buildPage();
if (process.argv.includes('--tests')) {
  fetchPromtool();
  fetchBrowser();
}
