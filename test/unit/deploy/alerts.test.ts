// The alert rules as Prometheus' own tool judges them: each fires on what it is for, and not on a near miss.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { ROOT, textOf } from '../../docs/tables.ts';
import { ALERTS, RULES_FILE, type Alert } from '../../support/deployed.ts';
import { promtool } from '../../support/promtool.ts';
import { ALERT_CASES, type AlertCase } from './alert-cases.ts';

/** All cases are judged in the first of them, which takes a busy machine a while. */
vi.setConfig({ testTimeout: 120_000 });

const RUNBOOKS_FILE = 'docs/runbooks.md';
const dir = mkdtempSync(join(tmpdir(), 'miroir-alerts-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** An annotation as Prometheus fills it in; ours take labels and nothing else. */
const filledIn = (text: string, labels: Readonly<Record<string, string>>): string =>
  text.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '');

function expectedOf({ labels, annotations }: Alert, { fires }: AlertCase): object[] {
  if (fires === null) return [];
  return [
    {
      exp_labels: { ...labels, ...fires },
      exp_annotations: Object.fromEntries(
        Object.entries(annotations).map(([name, text]) => [name, filledIn(text, fires)]),
      ),
    },
  ];
}

function testOf(one: AlertCase): object {
  const alert = ALERTS.find(({ name }) => name === one.alert);
  const expected = alert === undefined ? [] : expectedOf(alert, one);
  return {
    interval: `${one.everyMinutes}m`,
    input_series: Object.entries(one.series).map(([series, values]) => ({ series, values })),
    alert_rule_test: [{ eval_time: `${one.atMinute}m`, alertname: one.alert, exp_alerts: expected }],
  };
}

/** What promtool says of all cases that go by the same clock. */
function judge(cases: readonly AlertCase[], everyMinutes: number): string {
  const file = join(dir, 'cases.json');
  const tests = cases.filter((one) => one.everyMinutes === everyMinutes).map(testOf);
  // JSON is YAML.
  const rules = { rule_files: [join(ROOT, RULES_FILE)], evaluation_interval: `${everyMinutes}m` };
  writeFileSync(file, JSON.stringify({ ...rules, tests }));
  const { code, text } = promtool(['test', 'rules', file]);
  return code === 0 ? 'as expected' : text;
}

/** All at once is quick; only when that fails is each judged alone, so that the test that fails names it. */
const together = new Map<number, string>();
function verdictOf(one: AlertCase): string {
  const verdict = together.get(one.everyMinutes) ?? judge(ALERT_CASES, one.everyMinutes);
  together.set(one.everyMinutes, verdict);
  return verdict === 'as expected' ? verdict : judge([one], one.everyMinutes);
}

describe('the alert rules', () => {
  it('are in order, says promtool', () => {
    expect(promtool(['check', 'rules', '--lint=all', '--lint-fatal', join(ROOT, RULES_FILE)])).toMatchObject({
      code: 0,
    });
  });

  it('all have cases', () => {
    expect(ALERTS.map(({ name }) => name)).toEqual([...new Set(ALERT_CASES.map(({ alert }) => alert))]);
  });

  it.each(ALERT_CASES.map((one) => [one.alert, one.fires === null ? 'rests' : 'fires', one] as const))(
    '%s %s',
    (_alert, _what, one) => {
      expect(verdictOf(one)).toBe('as expected');
    },
  );

  it.each(ALERTS)('$name says how urgent it is and what it means', ({ labels, annotations }) => {
    expect(['critical', 'warning']).toContain(labels['severity']);
    expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook_url']);
  });

  it('each have a runbook, and each runbook is of an alert', () => {
    const runbooks = textOf(RUNBOOKS_FILE);
    expect([...runbooks.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual(ALERTS.map(({ name }) => name));
    for (const { name, annotations } of ALERTS) {
      expect(annotations['runbook_url']).toBe(`${RUNBOOKS_FILE}#${name.toLowerCase()}`);
      const told = runbooks.split(`\n## ${name}\n`)[1]?.split('\n## ')[0] ?? '';
      expect(
        [...told.matchAll(/^- \*\*(\w+):\*\* /gm)].map(([, part]) => part),
        name,
      ).toEqual(['Means', 'Look', 'Do']);
    }
  });
});
