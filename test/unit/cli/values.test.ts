import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { errorText, EXIT, exitCodeOf } from '../../../src/cli/exit-codes.ts';
import { groupsText } from '../../../src/cli/group-commands.ts';
import { tableText } from '../../../src/cli/output.ts';
import { planText, resumedText } from '../../../src/cli/plan-text.ts';
import { topologyText } from '../../../src/cli/topology-text.ts';
import { duration, json, list, whole, wholes } from '../../../src/cli/values.ts';
import * as errors from '../../../src/errors.ts';

describe('option values', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
  ])('%s is %i ms', (text, ms) => {
    expect(duration(text)).toBe(ms);
  });

  it.each(['5', 's', '-1s', '5 s', ''])('refuses the duration %j', (text) => {
    expect(() => duration(text)).toThrow(InvalidArgumentError);
  });

  it('reads whole numbers, lists and JSON', () => {
    expect(whole('64')).toBe(64);
    expect(wholes('0, 1')).toEqual([0, 1]);
    expect(list('a, b,')).toEqual(['a', 'b']);
    expect(json('{"a":1}')).toEqual({ a: 1 });
    for (const read of [() => whole('-1'), () => whole('1e3'), () => list(' ,'), () => json('{oops')]) {
      expect(read).toThrow(InvalidArgumentError);
    }
  });
});

describe('a plan that is resumed', () => {
  it('does not go on while all are paused, and says who has done that', () => {
    const paused = { by: 'operator', sinceMs: 0, actor: 'cli:ann', isOfAll: true } as const;
    expect(resumedText({ plan: 'p1', held: null, paused })).toBe(
      'plan p1 does not go on: all plans are paused since 1970-01-01T00:00:00.000Z by cli:ann',
    );
    expect(resumedText({ plan: 'p1', held: null, paused: null })).toBe('plan p1 goes on');
  });
});

describe('the topology', () => {
  it('tells of shards that failed nodes have left, as the status tells of blocked ones', () => {
    const view = { version: 7, covered: false, nodes: [], groups: [] };
    const lacking = [
      { index: 'cities', lack: 'every_copy', count: 3, shards: [2, 5, 9], nodes: ['n2', 'n3'] },
      { index: 'cities', lack: 'a_copy', count: 1, shards: [4], nodes: ['n2'] },
    ] as const;
    const lines = topologyText({ ...view, lacking }).split('\n');
    expect(lines[0]).toBe('topology version 7, and shards that nobody can read');
    expect(lines.slice(-2)).toEqual([
      'blocked cities/2 and 2 more: no copy answers: n2, n3 failed',
      'blocked cities/4: too few copies: n2 failed',
    ]);
    expect(topologyText({ ...view, lacking: [] })).not.toContain('blocked');
  });
});

describe('errors at a terminal', () => {
  it('have one exit code each', () => {
    expect(exitCodeOf(new errors.TimeoutError('late'))).toBe(EXIT.timeout);
    expect(exitCodeOf(new errors.ConfigError('wrong'))).toBe(EXIT.config);
    // What there is not is one case, whatever it is.
    const { NodeUnknownError, GroupUnknownError, IndexUnknownError, PlanUnknownError, MoveUnknownError } = errors;
    for (const Unknown of [NodeUnknownError, GroupUnknownError, IndexUnknownError, PlanUnknownError, MoveUnknownError])
      expect([Unknown.name, exitCodeOf(new Unknown('who'))]).toEqual([Unknown.name, EXIT.error]);
    expect(exitCodeOf(new Error('defect'))).toBe(EXIT.error);
  });

  it('say what, where and what to do; a stack only for what is not ours', () => {
    expect(errorText(new errors.InvalidInputError('no id', { field: 'node_id', remedy: 'give one' }))).toBe(
      'error miroir_invalid_input: no id\nfield: node_id\nremedy: give one',
    );
    expect(errorText(new errors.TimeoutError('late'))).toBe('error miroir_timeout: late');
    expect(errorText(new Error('defect'))).toContain('values.test.ts');
  });
});

describe('tables', () => {
  it('have no lines and no colours', () => {
    expect(
      tableText(
        ['node', 'shards'],
        [
          ['n1', 16],
          ['n10', null],
        ],
      ),
    ).toBe('NODE  SHARDS\nn1    16\nn10   -');
  });

  it('show a plan with what changes per node', () => {
    const held = (shards: number, documents: number, bytes: number) => ({ shards, documents, bytes });
    const text = planText({
      id: 'p1',
      why: 'NodeAdded n4',
      moves: 2,
      minimum: 2,
      documents: 1_234,
      bytes: 2_000_000,
      nodes: [
        { id: 'n1', state: 'active', before: held(8, 4_000, 6_000_000), after: held(6, 2_766, 4_000_000) },
        { id: 'n2', state: 'active', before: held(8, 4_000, 6_000_000), after: held(8, 4_000, 6_000_000) },
      ],
      blocked: [{ index: 'books', shard: 3, reason: 'no room' }],
    });
    expect(text.split('\n')).toEqual([
      'plan p1 (NodeAdded n4): 2 moves (minimum 2), 1,234 documents, about 2 MB',
      'NODE  STATE   SHARDS  DOCUMENTS       SIZE',
      'n1    active  8 -> 6  4,000 -> 2,766  6 MB -> 4 MB',
      'n2    active  8       4,000           6 MB',
      'blocked books/3: no room',
    ]);
  });
});

describe('a table of groups', () => {
  const view = {
    group: 1,
    nodes: ['n2'],
    progressPercent: 0,
    shards: { total: 24, pending: 24, syncing: 0, complete: 0, failed: 0 },
    compared: 0,
    owned: 3,
    startedAtMs: null,
    sinceMs: null,
    why: null,
  };

  it('shows how far it has got, and nothing of that where it was given up', () => {
    const cells = (phase: 'syncing' | 'draining'): string[] | undefined =>
      groupsText([{ ...view, phase }])
        .split('\n')
        .at(-1)
        ?.trim()
        .split(/\s+/);
    expect(cells('syncing')?.slice(1)).toEqual('syncing n2 0% 24 24 0 0 0 0 3 - -'.split(' '));
    expect(cells('draining')?.slice(1)).toEqual('draining n2 - - - - - - - 3 - -'.split(' '));
  });
});
