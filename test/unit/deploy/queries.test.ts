// Queries speak of metrics, labels and values that our processes have, and of nothing else.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../../src/config.ts';
import { dashboard, DASHBOARD_FILE } from '../../docs/dashboard.ts';
import { cellsOf, textOf } from '../../docs/tables.ts';
import { ALERTS, PANELS } from '../../support/deployed.ts';
import { openCounters, spokenIn, strangeWords } from '../../support/promql.ts';
import { promtool } from '../../support/promtool.ts';

const metricsIn = (query: string): string[] =>
  spokenIn(query).selectors.map(({ metric }) => metric.replace(/_(?:bucket|sum|count)$/, ''));

describe('alerts', () => {
  it.each(ALERTS)('$name speaks of what there is', ({ expr }) => {
    expect(spokenIn(expr).selectors.length).toBeGreaterThan(0);
    expect(strangeWords(expr)).toEqual([]);
  });

  it.each(ALERTS.filter(({ expr }) => openCounters(expr).length > 0))(
    '$name sees the first event of a series, or needs more than one',
    ({ name, expr }) => {
      // A duty that fails for half an hour fails more than once.
      const needsMore = name === 'MiroirDutyFails';
      expect(needsMore || openCounters(expr).every((metric) => expr.includes(`unless ${metric}`))).toBe(true);
    },
  );

  it('MiroirMoveNeedsHelp names reasons for which moves wait', () => {
    const { expr } = ALERTS.find(({ name }) => name === 'MiroirMoveNeedsHelp') ?? { expr: '' };
    const reasons = spokenIn(expr).selectors[0]?.matchers[0]?.value.split('|') ?? [];
    const named = ['docs/operations.md', 'docs/errors.md']
      .flatMap((path) => cellsOf(textOf(path)))
      .map(([first = '']) => first.replaceAll('`', ''));
    expect(reasons.filter((reason) => !named.includes(reason))).toEqual([]);
    expect(reasons.length).toBeGreaterThan(5);
  });
});

describe('the dashboard', () => {
  const queries = PANELS.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));

  it('is what test/docs/dashboard.ts says (else: node --import tsx test/docs/write.ts)', () => {
    expect(JSON.parse(textOf(DASHBOARD_FILE))).toEqual(dashboard());
  });

  it.each(queries)('%s: %s', (_title, expr) => {
    expect(spokenIn(expr).selectors.length).toBeGreaterThan(0);
    expect(strangeWords(expr)).toEqual([]);
  });

  it('has queries that promtool can read', () => {
    // A query is no rule, but the rule of a new series may be any query. JSON is YAML.
    const rules = queries.map(([, expr], at) => ({
      record: `query:number_${at}`,
      expr: expr.replaceAll('$__rate_interval', '1m'),
    }));
    const dir = mkdtempSync(join(tmpdir(), 'miroir-queries-'));
    const file = join(dir, 'queries.json');
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
    const { code, text } = promtool(['check', 'rules', file]);
    rmSync(dir, { recursive: true });
    expect(code, text).toBe(0);
  });

  it('has a place of its own for each panel', () => {
    expect(new Set(PANELS.map(({ id }) => id)).size).toBe(PANELS.length);
    const cells = PANELS.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(PANELS.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });

  it('draws whatever an alert is about', () => {
    const drawn = new Set(queries.flatMap(([, expr]) => metricsIn(expr)));
    const alerted = ALERTS.flatMap(({ expr }) => metricsIn(expr));
    const elsewhere = ['miroir_replica_group_state', 'up'];
    expect([...new Set(alerted.filter((name) => !drawn.has(name)))].sort()).toEqual(elsewhere);
  });
});

describe('docs/kubernetes.md', () => {
  it('scales by what there is, at as many indexes as a process serves', () => {
    const [, yaml = ''] = /```yaml\n(apiVersion: keda[\s\S]*?)```/.exec(textOf('docs/kubernetes.md')) ?? [];
    const { spec } = parse(yaml) as { spec: { triggers: { metadata: { query: string; threshold: string } }[] } };
    const [metadata] = spec.triggers.map((trigger) => trigger.metadata);
    expect(metricsIn(metadata?.query ?? '')).toEqual(['miroir_moves_runnable']);
    expect(strangeWords(metadata?.query ?? '')).toEqual([]);
    expect(Number(metadata?.threshold)).toBe(loadConfig({}).indexesPerProcess);
  });
});

describe('a query', () => {
  it.each([
    ['miroir_move', ['there is no metric miroir_move']],
    ['miroir_hold_seconds', ['there is no metric miroir_hold_seconds']],
    ['sum by (le) (rate(miroir_hold_seconds_bucket[5m]))', []],
    ['rate(miroir_moves_bucket[5m])', ['there is no metric miroir_moves_bucket']],
    ['miroir_moves{fase="Idle"}', ['miroir_moves has no label fase']],
    ['miroir_moves{phase="idle"}', ['phase of miroir_moves is never idle']],
    ['miroir_moves{phase=~"Idle|Ended"}', ['phase of miroir_moves is never Ended']],
    ['max by (node) (miroir_node_healthy)', ['no metric here has a label node']],
    ['sum(up{job="miroir"}) by (instance) > 1e3 offset 5m', []],
    ['process_resident_memory_bytes / 1024 and on (instance) miroir_observers', []],
  ])('%s', (query, strange) => {
    expect(strangeWords(query)).toEqual(strange);
  });
});
