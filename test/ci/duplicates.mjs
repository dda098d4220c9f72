// @ts-check
// Finds runs of identical lines in src and workers, across files and within one; fails above a low count.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const RUN_LINES = 12;
/** So few are borne, because some twins are cheaper than what would join them; lower it when there are fewer. */
export const RUNS_MAX = 2;

/** @typedef {{ text: string, line: number }} Line */
/** @typedef {{ lines: number, first: string, second: string }} Run */

/**
 * Lines that count: without indentation, blank lines, comments, imports, and lines of brackets alone.
 * @param {string} source
 * @returns {Line[]}
 */
export function normalise(source) {
  const blanked = source
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ''))
    .replaceAll(/^import\b[^;]*;/gm, (statement) => statement.replaceAll(/[^\n]/g, ''));
  return blanked
    .split('\n')
    .map((text, index) => ({ text: text.replace(/^\s*\/\/.*$/, '').trim(), line: index + 1 }))
    .filter(({ text }) => /[\w$]/.test(text));
}

/**
 * Every longest run of RUN_LINES or more equal lines.
 * @param {ReadonlyMap<string, string>} files path → source
 * @returns {Run[]}
 */
export function duplicateRuns(files) {
  const all = [...files].map(([path, source]) => ({ path, lines: normalise(source) }));
  /** Where each window of RUN_LINES lines begins. @type {Map<string, { file: number, at: number }[]>} */
  const windows = new Map();
  /** Pairs that an earlier, longer run covers already. @type {Set<string>} */
  const covered = new Set();
  /** @type {Run[]} */
  const runs = [];
  for (const [file, { lines }] of all.entries()) {
    for (let at = 0; at + RUN_LINES <= lines.length; at += 1) {
      const key = lines
        .slice(at, at + RUN_LINES)
        .map(({ text }) => text)
        .join('\n');
      const earlier = windows.get(key) ?? [];
      for (const other of earlier) {
        if (other.file === file && at - other.at < RUN_LINES) continue; // overlaps itself: one repetitive table
        const pair = (/** @type {number} */ step) => `${other.file} ${other.at + step} ${file} ${at + step}`;
        if (covered.has(pair(0))) continue;
        const length = commonLength(all[other.file]?.lines ?? [], other.at, lines, at);
        for (let step = 0; step + RUN_LINES <= length; step += 1) covered.add(pair(step));
        runs.push({
          lines: length,
          first: `${all[other.file]?.path}:${all[other.file]?.lines[other.at]?.line}`,
          second: `${all[file]?.path}:${lines[at]?.line}`,
        });
      }
      windows.set(key, [...earlier, { file, at }]);
    }
  }
  return runs;
}

/** @param {Line[]} one @param {number} from @param {Line[]} two @param {number} other */
function commonLength(one, from, two, other) {
  let length = 0;
  while (one[from + length] !== undefined && one[from + length]?.text === two[other + length]?.text) length += 1;
  return length;
}

function main() {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  /** @type {Map<string, string>} */
  const files = new Map();
  for (const top of ['src', 'workers'].filter((folder) => existsSync(join(root, folder)))) {
    for (const entry of readdirSync(join(root, top), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(?:tsx?|mts|mjs)$/.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      files.set(relative(root, path), readFileSync(path, 'utf8'));
    }
  }
  const runs = duplicateRuns(files);
  for (const run of runs) console.log(`${run.lines} lines: ${run.first} and ${run.second}`);
  console.log(`${runs.length} runs of ${RUN_LINES} or more equal lines, ${RUNS_MAX} at most`);
  if (runs.length > RUNS_MAX) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
