// Queries speak of metrics, labels and values that our processes have, and of nothing else.
import { describe, expect, it } from 'vitest';
import { ALERTS } from '../../support/deployed.ts';
import { openCounters, spokenIn, strangeWords } from '../../support/promql.ts';
import { cellsOf, textOf } from '../../docs/tables.ts';

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
