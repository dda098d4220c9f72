// @ts-check
// Runs the steps of CI, also after a failed one, and counts: some by themselves, of which the first sets the clone up,
// then two lanes beside each other, the steps of each one after the other. Node built-ins only: it starts in a clone where
// nothing is installed.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countVitest, readCountsLine, summarise, whatFailed } from './counts.mjs';
import { stepsWith, TOTAL_LIMIT_S } from './steps.mjs';

/** @import { Counts, StepResult } from './counts.mjs' */
/** @import { Step } from './steps.mjs' */

const KILL_AFTER_MS = 10_000;
/** What is kept of an output, to find the counts line in; it is near the end. */
const OUTPUT_CHARS = 100_000;
/** A script that ends so says: what I need is not to be had here. */
const EXIT_UNAVAILABLE = 69;

/** @type {Set<number>} */
const running = new Set();

/** Ends a step with all that it started (it leads a process group). @param {number} pid @param {NodeJS.Signals} signal */
function endStep(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/**
 * @param {readonly string[]} command
 * @param {number} limitMs
 * @param {(text: string) => void} say
 * @returns {Promise<{ code: number | null, isLate: boolean, output: string }>}
 */
function execute([program = '', ...args], limitMs, say) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CI: 'true' };
    const child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const { pid = 0 } = child;
    running.add(pid);
    let output = '';
    let isLate = false;
    /** @param {Buffer} chunk */
    const collect = (chunk) => {
      say(chunk.toString());
      output = (output + chunk.toString()).slice(-OUTPUT_CHARS);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    /** @type {NodeJS.Timeout[]} */
    const timers = [];
    timers.push(
      setTimeout(() => {
        isLate = true;
        endStep(pid, 'SIGTERM');
        timers.push(setTimeout(() => endStep(pid, 'SIGKILL'), KILL_AFTER_MS));
      }, limitMs),
    );
    child.on('error', reject);
    child.on('exit', (code) => {
      // What the step left behind must not hold its output open, nor run on beside the next one.
      const sweep = setTimeout(() => {
        endStep(pid, 'SIGKILL');
        child.stdout.destroy();
        child.stderr.destroy();
      }, 2_000);
      child.on('close', () => {
        for (const timer of [sweep, ...timers]) clearTimeout(timer);
        running.delete(pid);
        resolve({ code, isLate, output });
      });
    });
  });
}

/** @type {Counts[]} */
const inner = [];
/** @type {string[]} */
const skippedTests = [];
/** @type {string[]} */
const failures = [];

/** Adds what the step counted; says what is wrong with the counts. @param {Step} step @param {string} output */
function collectCounts(step, output) {
  if (step.vitestReport !== undefined) {
    if (!existsSync(step.vitestReport)) return 'vitest wrote no report';
    const {
      skippedNames,
      failures: failed,
      ...counts
    } = countVitest(JSON.parse(readFileSync(step.vitestReport, 'utf8')));
    inner.push(counts);
    skippedTests.push(...skippedNames.map((name) => `${step.name}: ${name}`));
    failures.push(...failed.map((text) => `${step.name}: ${text}`));
    if (counts.passed + counts.failed === 0) return 'no test ran';
  }
  if (step.hasCountsLine === true) {
    const counts = readCountsLine(output);
    if (counts === undefined) return 'its output has no line of counts';
    inner.push(counts);
    if (counts.passed + counts.failed === 0) return 'nothing was counted';
  }
  return undefined;
}

/**
 * @param {Step} step
 * @param {number} leftMs
 * @param {(text: string) => void} say
 * @returns {Promise<Omit<StepResult, 'name' | 'seconds'>>}
 */
async function runStep(step, leftMs, say) {
  if (leftMs <= 0) return { status: 'not run', reason: `no time left of ${TOTAL_LIMIT_S} s` };
  if (step.optionalFolder !== undefined && !existsSync(step.optionalFolder)) {
    return { status: 'skipped', reason: `there is no ${step.optionalFolder} here` };
  }
  if (step.needs !== undefined && !existsSync(step.needs)) {
    return { status: 'failed', reason: `${step.needs} is missing` };
  }
  say(`$ ${step.command.join(' ')}\n`);
  const limitMs = Math.min(step.limitS * 1_000, leftMs);
  const { code, isLate, output } = await execute(step.command, limitMs, say);
  const told = failures.length;
  const problem = collectCounts(step, output);
  if (isLate || code !== 0) {
    // A report of vitest has named what failed already, unless that was no test.
    const ofStep = failures.length > told ? [] : whatFailed(output);
    failures.push(...ofStep.map((text) => `${step.name}: ${text}`));
  }
  if (isLate) return { status: 'failed', reason: `ended after its ${Math.round(limitMs / 1_000)} s` };
  if (code === EXIT_UNAVAILABLE) return { status: 'not run', reason: output.trimEnd().split('\n').at(-1) ?? '' };
  if (code !== 0) return { status: 'failed', reason: `exit code ${code}` };
  return problem === undefined ? { status: 'passed' } : { status: 'failed', reason: problem };
}

/**
 * One step, timed. What a step of the second lane says comes when it has ended, so that two of them do not mix.
 * @param {Step} step
 * @param {number} leftMs
 * @returns {Promise<StepResult>}
 */
async function timed(step, leftMs) {
  /** @type {string[]} */
  const kept = [];
  const write = (/** @type {string} */ text) => process.stdout.write(text);
  const say = step.isBeside === true ? (/** @type {string} */ text) => void kept.push(text) : write;
  say(`\n=== ${step.name} ===\n`);
  const begin = performance.now();
  /** @type {Omit<StepResult, 'name' | 'seconds'>} */
  let result;
  try {
    result = await runStep(step, leftMs, say);
  } catch (error) {
    result = { status: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
  const seconds = (performance.now() - begin) / 1_000;
  if (result.status !== 'passed') say(`${step.name}: ${result.status}, ${result.reason}\n`);
  write(kept.join(''));
  return { name: step.name, seconds, ...result };
}

async function main() {
  const asked = process.argv.slice(2);
  const reports = mkdtempSync(join(tmpdir(), 'miroir-ci-'));
  process.on('exit', () => {
    for (const pid of running) endStep(pid, 'SIGKILL');
    rmSync(reports, { recursive: true, force: true });
  });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => process.exit(130));
  }
  const steps = stepsWith(reports);
  const unknown = asked.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`no such step: ${unknown.join(', ')}; there are ${steps.map((step) => step.name).join(', ')}`);
    process.exit(64);
  }
  const until = performance.now() + TOTAL_LIMIT_S * 1_000;
  /** @type {Map<string, StepResult>} */
  const done = new Map();
  /** @param {readonly Step[]} lane */
  const runLane = async (lane) => {
    for (const step of lane) {
      /** @type {StepResult} */
      const skipped = { name: step.name, status: 'not run', seconds: 0, reason: 'not asked for' };
      const isAsked = asked.length === 0 || asked.includes(step.name);
      done.set(step.name, isAsked ? await timed(step, until - performance.now()) : skipped);
    }
  };
  await runLane(steps.filter(({ isAlone }) => isAlone === true));
  const others = steps.filter(({ isAlone }) => isAlone !== true);
  await Promise.all(
    [false, true].map((isBeside) => runLane(others.filter((one) => (one.isBeside === true) === isBeside))),
  );
  const results = steps.flatMap(({ name }) => done.get(name) ?? []);
  const { isOk, lines } = summarise(results, inner, skippedTests, failures);
  console.log(`\n=== summary ===\n${lines.join('\n')}`);
  process.exitCode = isOk ? 0 : 1;
}

await main();
