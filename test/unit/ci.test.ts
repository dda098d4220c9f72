import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countsLine, countSteps, countVitest, readCountsLine, sum, summarise, whatFailed } from '../ci/counts.mjs';
import type { StepResult } from '../ci/counts.mjs';
import { duplicateRuns, RUN_LINES } from '../ci/duplicates.mjs';
import { stepsWith } from '../ci/steps.mjs';
import { SLOW, slowFirst } from '../support/slow-first.ts';

const test = (status: string, fullName = status) => ({
  status,
  fullName,
  failureMessages: status === 'failed' ? ['it broke\n    at some line'] : [],
});
const step = (status: StepResult['status'], reason?: string): StepResult => ({
  name: `a ${status} step`,
  status,
  seconds: 1.25,
  ...(reason === undefined ? {} : { reason }),
});

describe('countVitest', () => {
  it('counts passed, failed and switched-off tests', () => {
    const report = {
      testResults: [
        {
          status: 'passed',
          assertionResults: [test('passed'), test('passed'), test('pending', 'later'), test('todo')],
        },
        { status: 'failed', assertionResults: [test('passed'), test('failed'), test('failed')] },
      ],
    };
    expect(countVitest(report)).toEqual({
      passed: 3,
      failed: 2,
      skipped: 2,
      skippedNames: ['later', 'todo'],
      failures: ['failed: it broke', 'failed: it broke'],
    });
  });

  it('counts a file that does not load, or whose hook fails, as a failure', () => {
    const report = {
      testResults: [
        { status: 'failed', name: 'a file', message: 'no such import', assertionResults: [] },
        { status: 'failed', assertionResults: [test('passed')] },
      ],
    };
    expect(countVitest(report)).toMatchObject({ passed: 1, failed: 2 });
    expect(countVitest(report).failures[0]).toBe('a file: no such import');
  });

  it('refuses what is not a report', () => {
    expect(() => countVitest({})).toThrow(TypeError);
  });
});

describe('readCountsLine', () => {
  it('takes the last line of counts', () => {
    expect(readCountsLine('1 passed, 2 failed\ntalk\n30 passed, 0 failed, 4 skipped\n')).toEqual({
      passed: 30,
      failed: 0,
      skipped: 4,
    });
  });

  it.each(['', 'all 3 passed, 0 failed', '3 passed', '3 passed, 0 failed, more'])('finds none in %j', (output) => {
    expect(readCountsLine(output)).toBeUndefined();
  });
});

describe('whatFailed', () => {
  it('is every line that says so, without colours', () => {
    const output =
      'failed   one case\n\u001b[31mfailed: npm run chaos -- --seed 7: lost 1\u001b[39m\nfailed: more\n1 passed, 2 failed\n';
    expect(whatFailed(output)).toEqual(['npm run chaos -- --seed 7: lost 1', 'more']);
  });

  it('is else the end of the output', () => {
    const lines = Array.from({ length: 30 }, (_, at) => `line ${at}\n`);
    expect(whatFailed(lines.join('\n'))).toEqual(Array.from({ length: 12 }, (_, at) => `line ${18 + at}`));
    expect(whatFailed('')).toEqual([]);
  });
});

describe('countsLine', () => {
  it('names skipped only when there are any', () => {
    expect(countsLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
    expect(countsLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });
});

describe('summarise', () => {
  it('sums tests, scenarios and steps, and ends with the counts', () => {
    const inner = [
      { passed: 10, failed: 0, skipped: 0 },
      { passed: 5, failed: 0, skipped: 1 },
    ];
    expect(sum(inner)).toEqual({ passed: 15, failed: 0, skipped: 1 });
    expect(summarise([step('passed'), step('passed')], inner, [], [])).toEqual({
      isOk: true,
      lines: [
        'a passed step     1.3 s  passed',
        'a passed step     1.3 s  passed',
        'did not run: nothing',
        '17 passed, 0 failed, 1 skipped',
      ],
    });
  });

  it('bears a missing optional folder, and names it', () => {
    const { isOk, lines } = summarise([step('passed'), step('skipped', 'no folder')], [], [], []);
    expect(isOk).toBe(true);
    expect(lines.slice(-2)).toEqual(['did not run: a skipped step (no folder)', '1 passed, 0 failed, 1 skipped']);
  });

  it('fails on a step that did not run for another reason', () => {
    expect(countSteps([step('not run', 'no time')])).toEqual({ passed: 0, failed: 1, skipped: 0 });
    const { isOk, lines } = summarise([step('passed'), step('not run', 'no time')], [], [], []);
    expect(isOk).toBe(false);
    expect(lines.slice(-2)).toEqual(['did not run: a not run step (no time)', '1 passed, 1 failed']);
  });

  it('fails on a switched-off test, and names it', () => {
    const { isOk, lines } = summarise([step('passed')], [{ passed: 1, failed: 0, skipped: 1 }], ['tests: later'], []);
    expect(isOk).toBe(false);
    expect(lines.at(-2)).toBe('did not run: test "tests: later"');
  });

  it.each(['failed', 'not run'] as const)('is not ok with a step that %s', (status) => {
    expect(summarise([step(status, 'why')], [], [], []).isOk).toBe(false);
  });

  it('says again what failed, before the steps', () => {
    const { lines } = summarise([step('failed', 'exit code 1')], [], [], ['tests: a move: expected 1 to be 2']);
    expect(lines[0]).toBe('failed: tests: a move: expected 1 to be 2');
  });

  it('is not ok with a failed test', () => {
    expect(summarise([step('passed')], [{ passed: 1, failed: 1, skipped: 0 }], [], []).isOk).toBe(false);
  });
});

describe('the steps', () => {
  it('have names of their own and a limit each', () => {
    const steps = stepsWith('/reports');
    expect(new Set(steps.map(({ name }) => name)).size).toBe(steps.length);
    expect(steps.every(({ limitS }) => limitS > 0)).toBe(true);
  });

  it('run every test once: what the first leaves out the others run', () => {
    const [unit, integration] = stepsWith('/reports');
    const folders = unit?.command.filter((word) => word.startsWith('test/')) ?? [];
    expect(folders.length).toBeGreaterThan(0);
    const { command = [] } = integration ?? {};
    const left = command.flatMap((word, at) => (command[at - 1] === '--exclude' ? [word] : []));
    expect(left).toEqual(folders.map((folder) => `${folder}/**`));
  });

  it('name slow files that are there', () => {
    const isThere = (name: string): boolean => existsSync(join(import.meta.dirname, `../${name}.test.ts`));
    expect(SLOW.filter((name) => !isThere(name))).toEqual([]);
  });

  it('run them before all others', () => {
    const files = ['unit/a', SLOW[1], 'integration/b', SLOW[0]].map((name) => ({
      moduleId: `/x/test/${name}.test.ts`,
    }));
    expect(slowFirst(files)).toEqual([files[3], files[1], files[0], files[2]]);
  });
});

describe('duplicateRuns', () => {
  const code = (count: number, word = 'value'): string =>
    Array.from({ length: count }, (_, index) => `const ${word}${index} = ${index};`).join('\n');
  const run = (files: Record<string, string>): ReturnType<typeof duplicateRuns> =>
    duplicateRuns(new Map(Object.entries(files)));

  it('finds a run across files once, at its full length, whatever its indentation and comments', () => {
    const twin = code(15)
      .split('\n')
      .map((line) => `  ${line}\n  // why`)
      .join('\n');
    expect(run({ 'a.ts': `start();\n${code(15)}`, 'b.ts': twin })).toEqual([
      { lines: 15, first: 'a.ts:2', second: 'b.ts:1' },
    ]);
  });

  it('finds a run within a file', () => {
    expect(run({ 'a.ts': `${code(RUN_LINES)}\nmiddle();\n${code(RUN_LINES)}` })).toEqual([
      { lines: RUN_LINES, first: 'a.ts:1', second: `a.ts:${RUN_LINES + 2}` },
    ]);
  });

  it('does not count shorter runs, imports, brackets and blank lines', () => {
    const shorter = code(RUN_LINES - 1);
    const imports = Array.from({ length: 20 }, (_, index) => `import { a } from './${index}.ts';`).join('\n');
    const brackets = '}\n\n);\n'.repeat(10);
    const text = `${imports}\n${shorter}\n${brackets}`;
    expect(run({ 'a.ts': text, 'b.ts': text })).toEqual([]);
  });
});
