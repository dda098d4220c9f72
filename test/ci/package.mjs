// @ts-check
// Packs what would be published, and installs nothing: the build runs by itself (prepack), every file that package.json
// names has to be in the list, and the built exports have to import.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const packed = spawnSync('npm', ['pack', '--dry-run', '--json'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
  maxBuffer: 64 * 1024 * 1024,
});
if (packed.status !== 0) {
  process.stdout.write(packed.stdout);
  console.error(`npm pack failed (exit code ${packed.status})`);
  process.exit(1);
}
// The build may talk before the list.
const list = JSON.parse(packed.stdout.slice(packed.stdout.search(/^[[{]/m)));
const [entry] = Array.isArray(list) ? list : Object.values(list);
const files = new Set(entry.files.map((/** @type {{ path: string }} */ file) => file.path));

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const paths = /** @param {unknown} value @returns {string[]} */ (value) =>
  typeof value === 'string' ? [value.replace(/^\.\//, '')] : Object.values(value ?? {}).flatMap(paths);
const missing = paths([manifest.exports, manifest.bin, 'dist/page/index.html'])
  .filter((path) => path !== 'package.json')
  .filter((path) => !files.has(path));
const stray = [...files].filter((path) => /(^|\/)(test|node_modules|coverage)\//.test(path));

for (const [name, target] of Object.entries(manifest.exports)) {
  if (typeof target === 'object') await import(`miroir-rebalancer/${name.slice(2)}`.replace(/\/$/, ''));
}
console.log(`${files.size} files, ${entry.size} bytes packed`);
if (missing.length > 0) console.error(`named in package.json, but not packed: ${missing.join(', ')}`);
if (stray.length > 0) console.error(`packed, but not for users: ${stray.join(', ')}`);
process.exit(missing.length + stray.length === 0 ? 0 : 1);
