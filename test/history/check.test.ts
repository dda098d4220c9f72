import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Judge } from './check.ts';
import type { CheckOptions, EndState } from './check.ts';
import { Recorder, readHistory } from './record.ts';
import type { History, ReadCall, Seen, WriteCall, WriteKind } from './record.ts';
import { describeVerdict, isClean } from './verdict.ts';
import type { FaultKind, Verdict } from './verdict.ts';

/** A recorder whose clock the test sets: calls are told by `[invoked, answered, applied]`. */
class Script {
  readonly recorder: Recorder;
  #nowMs = 0;
  #tasks = 0;

  constructor(file?: string) {
    this.recorder = new Recorder({ now: () => this.#nowMs, ...(file === undefined ? {} : { file }) });
  }

  write(kind: WriteKind, keys: string, value: string | null, times: readonly number[]): WriteCall {
    const [invoked = 0, answered, applied] = times;
    this.#nowMs = invoked;
    const call = this.recorder.write({ client: 'c1', target: 'r1', kind, keys: keys.split(' '), value });
    if (answered === undefined) return call;
    this.#nowMs = answered;
    this.#tasks += 1;
    this.recorder.acknowledged(call, this.#tasks);
    if (applied === undefined) return call;
    this.#nowMs = applied;
    this.recorder.finished(call, true);
    return call;
  }

  put(keys: string, value: string, ...times: readonly number[]): WriteCall {
    return this.write('put', keys, value, times);
  }

  update(keys: string, value: string, ...times: readonly number[]): WriteCall {
    return this.write('update', keys, value, times);
  }

  remove(keys: string, ...times: readonly number[]): WriteCall {
    return this.write('delete', keys, null, times);
  }

  notWritten(call: WriteCall, outcome: 'refused' | 'unknown', atMs: number): void {
    this.#nowMs = atMs;
    this.recorder.notWritten(call, outcome, 'a test');
  }

  failed(call: WriteCall, atMs: number): void {
    this.#nowMs = atMs;
    this.recorder.finished(call, false);
  }

  /** `seen`: documents as `key=base/patch`. */
  read(covers: string, seen: string, invoked: number, answered: number): ReadCall {
    this.#nowMs = invoked;
    const call = this.recorder.read({ client: 'c2', target: 'r2', kind: 'list' });
    this.#nowMs = answered;
    this.recorder.answered(call, words(seen).map(toSeen), words(covers));
    return call;
  }
}

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
const toSeen = (text: string): Seen => {
  const [, key = '', base = '', patch = ''] = /^(\w+)=(\w*)\/(\w+)$/.exec(text) ?? [];
  return { key, base: base === '' ? null : base, patch };
};

const IDLE_MS = 1_000;
/** Nodes by name, their documents as `key=base/patch`; every key is owned by all of them. */
const ended = (nodes: Readonly<Record<string, string>>, isListed?: EndState['isListed']): EndState => ({
  idleAtMs: IDLE_MS,
  dumps: new Map(
    Object.entries(nodes).map(([node, documents]) => [
      node,
      new Map(
        words(documents)
          .map(toSeen)
          .map(({ key, base, patch }) => [key, JSON.stringify({ id: key, ...(base !== null && { base }), patch })]),
      ),
    ]),
  ),
  owners: () => Object.keys(nodes),
  ...(isListed === undefined ? {} : { isListed }),
});

const judged = (script: Script, end: EndState, options: Partial<CheckOptions> = {}): Verdict =>
  new Judge(script.recorder.history, { readsInOrder: true, ...options }).end(end);

/** The counts that are not 0. */
const faultsOf = ({ counts }: Verdict): Partial<Record<FaultKind, number>> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

/** Two documents, one rewritten and one deleted, everything applied. */
function plainHistory(): Script {
  const script = new Script();
  script.put('k1 k2', 'a', 0, 1, 5);
  script.put('k1', 'b', 10, 11, 15);
  script.remove('k2', 20, 21, 25);
  script.put('k3', 'c', 30, 31, 35);
  script.update('k3', 'd', 40, 41, 45);
  return script;
}
const PLAIN = 'k1=b/b k3=c/d';

describe('a clean history', () => {
  it('has no fault and counts what was done', () => {
    const script = plainHistory();
    script.read('k1 k2 k3', PLAIN, 50, 51);
    const verdict = judged(script, ended({ n1: PLAIN, n2: PLAIN }));
    expect(faultsOf(verdict)).toEqual({});
    expect(isClean(verdict)).toBe(true);
    expect(verdict).toMatchObject({
      acknowledged: 6,
      applied: 6,
      refused: 0,
      unknown: 0,
      failed: 0,
      reads: 1,
      examples: [],
    });
    expect(describeVerdict(verdict)).toBe('clean');
  });

  it('may read what is accepted and not applied, and may not', () => {
    const script = plainHistory();
    script.put('k1', 'z', 50, 51);
    script.read('k1', 'k1=b/b', 52, 53);
    script.read('k1', 'k1=z/z', 54, 55);
    expect(faultsOf(judged(script, ended({ n1: 'k1=z/z k3=c/d' })))).toEqual({});
  });

  it('leaves open what was never answered and what failed', () => {
    const script = plainHistory();
    script.notWritten(script.put('k1', 'u', 50), 'unknown', 60);
    script.failed(script.remove('k3', 50, 51), 70);
    script.put('k2', 'still open', 50);
    for (const documents of [PLAIN, 'k1=u/u k3=c/d', 'k1=b/b', 'k1=u/u']) {
      const verdict = judged(script, ended({ n1: documents }));
      expect(faultsOf(verdict)).toEqual({});
      expect(verdict).toMatchObject({ unknown: 2, failed: 1 });
    }
  });

  it('excuses what an owner has on its repair list', () => {
    const isListed = (node: string, key: string): boolean => node === 'n2' && key !== 'k3';
    expect(faultsOf(judged(plainHistory(), ended({ n1: PLAIN, n2: 'k1=a/a k2=a/a k3=c/d' }, isListed)))).toEqual({});
    expect(faultsOf(judged(plainHistory(), ended({ n1: PLAIN, n2: 'k1=a/a k2=a/a' }, isListed)))).toEqual({ lost: 1 });
  });

  it('takes no word of reads of a document that a copy is known to have missed, and looks at its owners all the same', () => {
    const script = plainHistory();
    script.read('k1 k3', 'k1=a/a k3=c/c', 50, 51);
    const isExcepted = (key: string): boolean => key === 'k1';
    const verdict = judged(script, ended({ n1: PLAIN, n2: PLAIN }), { isExcepted });
    expect(verdict.examples.map(({ kind, key }) => `${kind} ${key}`)).toEqual(['stale k3']);
    const judge = new Judge(script.recorder.history, { readsInOrder: false, isExcepted });
    expect(faultsOf(judge.look())).toEqual({ stale: 1 });
    expect(faultsOf(judged(plainHistory(), ended({ n1: 'k3=c/d' }), { isExcepted }))).toEqual({ lost: 1 });
  });

  it('takes the word of reads from before and after a copy had missed something', () => {
    const script = plainHistory();
    for (const at of [50, 60, 70]) script.read('k1', 'k1=a/a', at, at + 1);
    const between =
      (least: number, most: number): NonNullable<CheckOptions['isExcepted']> =>
      (_key, fromMs, toMs) =>
        fromMs <= most && toMs >= least;
    for (const [least, most] of [
      [45, 65],
      [55, 75],
    ] as const) {
      const isExcepted = between(least, most);
      const verdict = judged(script, ended({ n1: PLAIN }), { isExcepted });
      expect(faultsOf(verdict)).toEqual({ stale: 1 });
      const judge = new Judge(script.recorder.history, { readsInOrder: false, isExcepted });
      expect(faultsOf(judge.look())).toEqual({ stale: 1 });
    }
    expect(faultsOf(judged(script, ended({ n1: PLAIN }), { isExcepted: between(45, 75) }))).toEqual({});
  });

  it('excuses a value that came back only where its write may have been sent twice', () => {
    const script = new Script();
    script.put('k1', 'slow', 0, 900, 950);
    script.put('k1', 'quick', 100, 110, 120);
    script.read('k1', 'k1=slow/slow', 20, 30);
    script.read('k1', 'k1=quick/quick', 150, 160);
    const end = ended({ n1: 'k1=slow/slow' });
    expect(faultsOf(judged(script, end))).toEqual({ unordered: 1 });
    expect(faultsOf(judged(script, end, { sentAgainAfterMs: 800 }))).toEqual({});
    expect(faultsOf(judged(script, end, { sentAgainAfterMs: 901 }))).toEqual({ unordered: 1 });
  });
});

describe('at the end, each count goes up for its own kind', () => {
  it.each<[string, Readonly<Record<string, string>>, Partial<Record<FaultKind, number>>]>([
    ['a document is on no owner', { n1: 'k3=c/d' }, { lost: 1 }],
    ['a document is not on one owner', { n1: PLAIN, n2: 'k3=c/d' }, { lost: 1 }],
    ['both are not there', { n1: '' }, { lost: 2 }],
    ['an older value is there', { n1: 'k1=a/a k3=c/d' }, { stale: 1 }],
    ['an older value is on one owner', { n1: PLAIN, n2: 'k1=a/a k3=c/d' }, { stale: 1 }],
    ['the partial update is not there', { n1: 'k1=b/b k3=c/c' }, { stale: 1 }],
    ['the base is not there', { n1: 'k1=b/b k3=/d' }, { stale: 1 }],
    ['the deleted document is there', { n1: `${PLAIN} k2=a/a` }, { resurrected: 1 }],
    ['a value that nobody wrote is there', { n1: 'k1=x/x k3=c/d' }, { phantom: 1 }],
    ['everything at once', { n1: 'k1=a/a k2=a/a' }, { stale: 1, resurrected: 1, lost: 1 }],
  ])('when %s', (_, nodes, counts) => {
    const verdict = judged(plainHistory(), ended(nodes));
    expect(faultsOf(verdict)).toEqual(counts);
    expect(isClean(verdict)).toBe(false);
    expect(new Set(verdict.examples.map(({ kind }) => kind))).toEqual(new Set(Object.keys(counts)));
    expect(verdict.examples.every(({ kind, calls }) => kind === 'phantom' || calls.length > 0)).toBe(true);
  });

  it('when two owners keep different orders of writes at once', () => {
    const script = new Script();
    script.put('k1', 'a', 0, 10, 20);
    script.put('k1', 'b', 0, 10, 20);
    expect(faultsOf(judged(script, ended({ n1: 'k1=a/a', n2: 'k1=a/a' })))).toEqual({});
    expect(faultsOf(judged(script, ended({ n1: 'k1=a/a', n2: 'k1=b/b' })))).toEqual({ diverged: 1 });
  });

  it('when an accepted write that was not seen applied is not there', () => {
    const script = plainHistory();
    script.put('k1', 'z', 50, 51);
    expect(faultsOf(judged(script, ended({ n1: PLAIN })))).toEqual({ stale: 1 });
    script.put('k9', 'z', 50, 51);
    expect(faultsOf(judged(script, ended({ n1: 'k1=z/z k3=c/d' })))).toEqual({ lost: 1 });
  });

  it('when a delete by filter left something out', () => {
    const script = plainHistory();
    script.write('deleteByFilter', 'k1 k3', null, [50, 51, 55]);
    expect(faultsOf(judged(script, ended({ n1: '' })))).toEqual({});
    expect(faultsOf(judged(script, ended({ n1: 'k3=c/d' })))).toEqual({ resurrected: 1 });
  });

  it('when a refused value is there', () => {
    const script = plainHistory();
    script.notWritten(script.put('k1', 'no', 50), 'refused', 51);
    expect(faultsOf(judged(script, ended({ n1: 'k1=no/no k3=c/d' })))).toEqual({ phantom: 1 });
  });

  it('when an owner was not read, or nobody owns a document', () => {
    const end = ended({ n1: PLAIN });
    expect(faultsOf(judged(plainHistory(), { ...end, owners: () => ['n1', 'n2'] }))).toEqual({ undecided: 3 });
    expect(faultsOf(judged(plainHistory(), { ...end, owners: () => [] }))).toEqual({ undecided: 3 });
  });

  it('when the search for an order runs out of steps', () => {
    expect(faultsOf(judged(plainHistory(), ended({ n1: PLAIN }), { stepsMax: 1 }))).toEqual({ undecided: 3 });
  });
});

describe('all along, each count goes up for its own kind', () => {
  it.each<[string, string, Partial<Record<FaultKind, number>>]>([
    ['everything is as it should be', PLAIN, {}],
    ['a document is missing', 'k1=b/b', { missing: 1 }],
    ['an older value is read', 'k1=a/a k3=c/d', { stale: 1 }],
    ['a partial update is not read', 'k1=b/b k3=c/c', { stale: 1 }],
    ['a deleted document is read', `${PLAIN} k2=a/a`, { resurrected: 1 }],
    ['a document is read twice', `${PLAIN} k1=b/b`, { doubled: 1 }],
    ['a value is read that nobody wrote', 'k1=x/x k3=c/d', { phantom: 1 }],
  ])('when %s', (_, seen, counts) => {
    const script = plainHistory();
    const judge = new Judge(script.recorder.history, { readsInOrder: true });
    expect(faultsOf(judge.look())).toEqual({});
    script.read('k1 k2 k3', seen, 50, 51);
    expect(faultsOf(judge.look())).toEqual(counts);
    expect(faultsOf(judge.look())).toEqual(counts);
    expect(faultsOf(judge.end(ended({ n1: PLAIN })))).toEqual(counts);
  });

  it('says nothing about documents that an answer may have left out', () => {
    const script = plainHistory();
    script.read('', 'k3=c/d', 50, 51);
    expect(faultsOf(judged(script, ended({ n1: PLAIN })))).toEqual({});
  });

  it('judges a read by what was applied when it began', () => {
    const script = plainHistory();
    // Begun before the second value of k1 was applied and before k2's delete was.
    script.read('k1 k2 k3', 'k1=a/a k2=a/a', 14, 60);
    script.read('k1 k2', 'k1=b/b k2=a/a', 24, 60);
    expect(faultsOf(judged(script, ended({ n1: PLAIN }), { readsInOrder: false }))).toEqual({});
  });

  it('judges a read that was answered late when its answer is there', () => {
    const script = plainHistory();
    const judge = new Judge(script.recorder.history, { readsInOrder: true });
    const call = script.recorder.read({ client: 'c2', target: 'r2', kind: 'get' });
    expect(faultsOf(judge.look())).toEqual({});
    script.recorder.answered(call, [], ['k1']);
    expect(faultsOf(judge.look())).toEqual({ missing: 1 });
  });

  it('knows later what earlier looks have left behind', () => {
    const script = new Script();
    const judge = new Judge(script.recorder.history, { readsInOrder: true });
    script.put('k1 k2 k3', 'a', 0, 1, 5);
    script.update('k1 k3', 'b', 6, 7, 9);
    script.put('k1 k2', 'c', 10, 11, 15);
    script.remove('k2', 20, 21, 25);
    script.update('k3', 'd', 26, 27, 29);
    script.read('k1 k2 k3', 'k1=c/c k3=a/d', 30, 31);
    expect(faultsOf(judge.look())).toEqual({});
    script.read('k1 k2 k3', 'k1=c/c k3=a/d', 40, 41);
    expect(faultsOf(judge.look())).toEqual({});
    script.read('k1 k2 k3', 'k1=a/b k2=c/c k3=a/b', 50, 51);
    expect(faultsOf(judge.look())).toEqual({ stale: 2, resurrected: 1 });
    script.read('k1 k3', 'k3=/d', 60, 61);
    expect(faultsOf(judge.look())).toEqual({ stale: 2, resurrected: 1, missing: 1 });
    expect(faultsOf(judge.end(ended({ n1: 'k1=c/c k3=a/d' })))).toEqual({ stale: 2, resurrected: 1, missing: 1 });
  });

  it('finds by the search what no rule names', () => {
    const script = new Script();
    script.put('k1', 'a', 0, 10, 20);
    script.put('k1', 'b', 0, 10, 20);
    script.read('k1', 'k1=a/a', 21, 22);
    script.read('k1', 'k1=b/b', 23, 24);
    const verdict = judged(script, ended({ n1: 'k1=b/b' }));
    expect(faultsOf(verdict)).toEqual({ unordered: 1 });
    expect(verdict.examples[0]?.calls.length).toBeGreaterThan(0);
  });
});

describe('a recorder', () => {
  it('writes a file from which the same history is read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'miroir-history-'));
    try {
      const script = new Script(join(folder, 'calls.jsonl'));
      script.put('k1 k2', 'a', 0, 1, 5);
      script.notWritten(script.update('k1', 'b', 6), 'unknown', 7);
      script.read('k1 k2', 'k1=a/a', 8, 9);
      script.remove('k1', 10);
      script.recorder.close();
      const history: History = readHistory(join(folder, 'calls.jsonl'));
      expect(history).toEqual(script.recorder.history);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is full at its bound and takes no call more', () => {
    const recorder = new Recorder({ callsMax: 1 });
    expect(recorder.isFull).toBe(false);
    recorder.read({ client: 'c', target: 't', kind: 'get' });
    expect(recorder.isFull).toBe(true);
    expect(() => recorder.read({ client: 'c', target: 't', kind: 'get' })).toThrow(/full: 1 calls/);
  });
});
