// @ts-check
// What CI counts: tests from vitest's JSON report, scenarios from a counts line, and the steps themselves.
import { stripVTControlCharacters } from 'node:util';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */
/** @typedef {{ name: string, status: 'passed' | 'failed' | 'skipped' | 'not run', seconds: number, reason?: string }} StepResult */

/** @type {Counts} */
export const NOTHING = { passed: 0, failed: 0, skipped: 0 };

/** @param {readonly Counts[]} list */
export function sum(list) {
  const total = { ...NOTHING };
  for (const counts of list) {
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  }
  return total;
}

/**
 * Counts of a vitest JSON report. A file that failed outside its tests (it does not load, or a hook of it throws) has
 * no failed test to show for it: it counts as one.
 * @param {any} report
 * @returns {Counts & { skippedNames: string[], failures: string[] }} `failures`: name and first line of what went wrong
 */
export function countVitest(report) {
  if (!Array.isArray(report?.testResults)) throw new TypeError('this is not a JSON report of vitest');
  const counts = { ...NOTHING };
  /** @type {string[]} */
  const skippedNames = [];
  /** @type {string[]} */
  const failures = [];
  for (const file of report.testResults) {
    let failedHere = 0;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') counts.passed += 1;
      else if (test.status === 'failed') {
        failedHere += 1;
        failures.push(`${test.fullName}: ${firstLine(test.failureMessages?.[0])}`);
      } else {
        counts.skipped += 1;
        skippedNames.push(test.fullName);
      }
    }
    if (file.status === 'failed' && failedHere === 0) failures.push(`${file.name}: ${firstLine(file.message)}`);
    counts.failed += file.status === 'failed' ? Math.max(failedHere, 1) : failedHere;
  }
  return { ...counts, skippedNames, failures };
}

const LINE_CHARS = 300;

/** @param {string | undefined} text */
const firstLine = (text = '') => text.split('\n', 1)[0]?.slice(0, LINE_CHARS) ?? '';

/**
 * The last `N passed, N failed` or `N passed, N failed, N skipped` line of an output, or undefined.
 * @param {string} output
 * @returns {Counts | undefined}
 */
export function readCountsLine(output) {
  const lines = output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/gm);
  const last = [...lines].at(-1);
  if (last === undefined) return undefined;
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) };
}

/** What is told of a step's end that says nothing of what failed. */
const END_LINES = 12;
/** A line of its own holds all that is known. */
const NAMED_CHARS = 1_000;

/**
 * What a failed step says went wrong: its lines `failed: …`, or else the end of its output.
 * @param {string} output
 * @returns {string[]}
 */
export function whatFailed(output) {
  const lines = stripVTControlCharacters(output)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  const named = lines.flatMap((line) => /^failed: (.+)$/.exec(line)?.[1] ?? []);
  return (named.length > 0 ? named : lines.slice(-END_LINES)).map((line) => line.slice(0, NAMED_CHARS));
}

/** @param {Counts} counts */
export function countsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** @param {readonly StepResult[]} results @returns {Counts} */
export function countSteps(results) {
  const count = (/** @type {StepResult['status']} */ status) =>
    results.filter((result) => result.status === status).length;
  // A step that should have run and did not is a failure; skipped is what may be missing.
  return { passed: count('passed'), failed: count('failed') + count('not run'), skipped: count('skipped') };
}

/**
 * The end of the run: one line per step, what did not run, and the counts as the very last line.
 * @param {readonly StepResult[]} results
 * @param {readonly Counts[]} inner counts of what the steps ran
 * @param {readonly string[]} skippedTests tests that were switched off: allowed for no reason
 * @param {readonly string[]} failures what failed, said again here: a log is long, and often only its end is kept
 */
export function summarise(results, inner, skippedTests, failures) {
  const width = Math.max(...results.map((result) => result.name.length));
  const lines = results.map(
    ({ name, status, seconds, reason }) =>
      `${name.padEnd(width)}  ${seconds.toFixed(1).padStart(6)} s  ${status}${reason === undefined ? '' : ` (${reason})`}`,
  );
  const missing = [
    ...results
      .filter(({ status }) => status === 'skipped' || status === 'not run')
      .map(({ name, reason }) => `${name} (${reason})`),
    ...skippedTests.map((test) => `test "${test}"`),
  ];
  const total = sum([...inner, countSteps(results)]);
  const isOk = total.failed === 0 && skippedTests.length === 0;
  return {
    isOk,
    lines: [
      ...failures.map((text) => `failed: ${text}`),
      ...lines,
      `did not run: ${missing.length === 0 ? 'nothing' : missing.join('; ')}`,
      countsLine(total),
    ],
  };
}
