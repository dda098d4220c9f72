// Under clients' writes: `npm run chaos -- --minutes N …`, see writes/main.ts. Without clients:
// `npm run chaos -- [--matrix [--seconds N] [--part I/N] [--resume] | --sample [--seconds N] [--seed N] | --case NAME] [--json FILE] [--only TEXT] [--keep] [--list]`
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Case, caseNamed, enumerate, sampleOrder } from './cases.ts';
import { caseLine, failedLine, provesRefusals, summary, table, writeBetweenMarkers } from './report.ts';
import { type CaseResult, record, runCase } from './run.ts';
import { Fleet } from './workload.ts';
import { writesMain } from './writes/main.ts';

const DOCS = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url));
const SAMPLE_SECONDS = 240;
/** A slow machine gets this much more time for the cases that cover everything; then it does without the last of them. */
const SLACK = 0.5;
/** What a case takes at most in general; a sample does not begin one that it cannot end. */
const CASE_SECONDS = 12;
const TRIES = 2;
const USAGE = 64;

const { values } = parseArgs({
  options: {
    matrix: { type: 'boolean' },
    sample: { type: 'boolean' },
    case: { type: 'string' },
    only: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'string' },
    list: { type: 'boolean' },
    keep: { type: 'boolean' },
    part: { type: 'string' },
    resume: { type: 'boolean' },
    writes: { type: 'boolean' },
    minutes: { type: 'string' },
    rf: { type: 'string' },
    troubles: { type: 'string' },
    calls: { type: 'string' },
    deaths: { type: 'boolean' },
    still: { type: 'boolean' },
    output: { type: 'string', short: 'o' },
  },
});

/** Ctrl-C ends after the case at hand, with the table of those that ran; a second one ends at once. */
function untilInterrupted(): () => boolean {
  let asked = false;
  process.once('SIGINT', () => {
    asked = true;
  });
  return () => asked;
}

/** A fleet that a failed case has left behind is not used again. */
class Runner {
  readonly results: CaseResult[] = [];
  #fleet: Fleet | null = null;

  async fleet(): Promise<Fleet> {
    this.#fleet ??= await Fleet.start(true);
    return this.#fleet;
  }

  async run(one: Case): Promise<void> {
    let result = await runCase(await this.fleet(), one, values.keep);
    for (let attempt = 1; result.outcome === 'not reached' && attempt < TRIES; attempt += 1) {
      result = await runCase(await this.fleet(), { ...one, pass: 1 }, values.keep);
    }
    this.results.push(result);
    console.log(caseLine(result));
    for (const fault of result.faults) console.log(`            ${fault}`);
    if (result.evidence !== undefined) console.log(`            kept: ${result.evidence}`);
    if (result.outcome === 'failed') await this.stop();
  }

  async stop(): Promise<void> {
    await this.#fleet?.stop();
    this.#fleet = null;
  }
}

/** What an earlier run of the matrix wrote with --json: its cases that passed are not run again with --resume. */
async function earlier(file: string | undefined): Promise<CaseResult[]> {
  if (values.resume !== true || file === undefined || !existsSync(file)) return [];
  const results = JSON.parse(await readFile(file, 'utf8')) as CaseResult[];
  return results.filter(({ outcome }) => outcome === 'passed');
}

/** Whether a case belongs to this process: `--part 1/2` and `--part 2/2` beside each other run everything once. */
function isMine(at: number): boolean {
  const [part = 1, parts = 1] = (values.part ?? '1/1').split('/').map(Number);
  return at % parts === part - 1;
}

async function main(): Promise<number> {
  const runner = new Runner();
  const interrupted = untilInterrupted();
  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1_000;
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  const fleet = await runner.fleet();
  let cases = enumerate(await record(fleet, false), await record(fleet, true));
  console.log(`${cases.length} cases from the recorded runs`);
  if (values.only !== undefined) cases = cases.filter(({ name }) => name.includes(values.only ?? ''));
  if (values.list === true) {
    for (const { name } of cases) console.log(name);
  } else if (values.case !== undefined) {
    const one = caseNamed(values.case, cases);
    if (one === undefined) {
      console.error(`no case ${values.case}; --list names them`);
      await runner.stop();
      return USAGE;
    }
    await runner.run(one);
  } else {
    const seconds = Number(values.seconds ?? (values.matrix === true ? Infinity : SAMPLE_SECONDS));
    runner.results.push(...(await earlier(values.json)));
    const done = new Set(runner.results.map(({ case: one }) => one.name));
    const { order, needed } = sampleOrder(cases, seed);
    console.log(`in the order of --seed ${seed}: ${needed} cases that cover all kinds and places, then more`);
    for (const [at, one] of order.entries()) {
      if (!isMine(at) || done.has(one.name)) continue;
      const rest = seconds - elapsed() - CASE_SECONDS;
      // However slow the recorded runs were: a sample of nothing would show nothing.
      const hasTime = runner.results.length === 0 || (at >= needed ? rest : rest + seconds * SLACK) >= 0;
      if (interrupted() || !hasTime) break;
      await runner.run(one);
    }
  }
  await runner.stop();
  const { results } = runner;
  const failed = results.filter(({ outcome }) => outcome === 'failed');
  const text = `${table(results)}\n\n${summary(results)}, of ${cases.length} in the matrix, ${elapsed().toFixed(0)} s.`;
  console.log(`\n${text}\n`);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
  if (values.matrix === true && values.only === undefined) await writeBetweenMarkers(DOCS, text);
  for (const one of failed) console.log(failedLine(one, seed));
  const proves = values.case !== undefined || provesRefusals(results);
  if (!proves) console.log(`failed: no write of a process frozen for 3 TTLs was refused (--seed ${seed})`);
  const passed = results.filter(({ outcome }) => outcome === 'passed').length;
  console.log(`${passed} passed, ${failed.length + (proves ? 0 : 1)} failed`);
  return failed.length === 0 && proves ? 0 : 1;
}

process.exitCode = values.writes === true || values.minutes !== undefined ? await writesMain(values) : await main();
