// The demo as its user runs it, and the check that decides how it ends: planted faults must be found.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Findings, checkEverything } from '../../src/cli/demo/check.ts';
import { type City, readCities } from '../../src/cli/demo/cities.ts';
import { Truth } from '../../src/cli/demo/truth.ts';
import { startChild } from '../../src/fleet/child.ts';
import { type DevNodeProcess, startDevNode } from '../../src/fleet/nodes.ts';
import { untilTrue } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const OPTIONS = { name: 'demo', cwd: ROOT, env: { ...process.env, MIROIR_NODE_ORIGINS: 'http://nowhere:1' } };

const demo = (args: readonly string[]) =>
  startChild({ command: process.execPath, args: ['src/cli/bin.mjs', 'demo', ...args] }, OPTIONS);

describe('the demo', () => {
  // A takeover and forgetting a dead gateway take 11 s each by design; the rest is start-up of ten processes on what may
  // be a busy machine.
  it(
    'moves 20,000 documents while clients write, survives three deaths and ends with 0',
    { timeout: 180_000 },
    async () => {
      const args = ['run', '-s', 'demo', '--', '--docs', '20000'];
      const child = await startChild({ command: 'npm', args }, { ...OPTIONS, tailLines: 2_000 });
      const { code } = await child.exited;
      const said = child.tail().join('\n');
      expect(code, said).toBe(0);
      expect(said).toMatch(/kill -9 \d+: worker [12] held the lease and ran \d moves/);
      expect(said).toMatch(/worker [12] took over: lease after [\d.]+ s, at work after [\d.]+ s/);
      expect(said).toMatch(/kill -9 \d+: gateway 1 served half of the clients/);
      expect(said).toMatch(/all clients of gateway 1 went on at the other one after [\d.]+ s/);
      expect(said).toMatch(/kill -9 \d+: node n2/);
      expect(said).toMatch(/node n2 is back after [\d.]+ s/);
      expect(said).toMatch(/([\d,]+) of \1 documents equal, each on its owner and nowhere else/);
      expect(said).toMatch(/acknowledged writes +[1-9]/);
      for (const fault of ['lost', 'stale', 'doubled', 'resurrected'])
        expect(said).toMatch(new RegExp(`${fault} +0\n`));
      expect(said).toMatch(/search p95 before \/ during \/ after +\d+ ms \/ \d+ ms \/ \d+ ms/);
      expect(said).toMatch(/n1 drained +0 /);
      expect(said).not.toMatch(/NaN|undefined|-\d+ (?:s|docs)|Infinity/);
      // Without a terminal nothing moves the cursor.
      expect(said).not.toContain('\u001b');
      for (const line of child.tail()) expect(line.length, line).toBeLessThan(110);
    },
  );

  it('makes a fleet of three of one node with 1,000 documents, and ends with 0', { timeout: 120_000 }, async () => {
    const child = await demo(['--adopt', '--docs', '1000']);
    const { code } = await child.exited;
    const said = child.tail().join('\n');
    expect(code, said).toBe(0);
    expect(said).toContain('1,000 documents lack our fields');
    expect(said).toMatch(/1,000 of 1,000 documents equal, each on its owner and nowhere else/);
    expect(said).toMatch(/differences: 0/);
    for (const id of ['n1', 'n2', 'n3']) expect(said).toMatch(new RegExp(`${id}  [1-9]\\d* documents`));
    expect(said).not.toMatch(/NaN|undefined|Infinity/);
    for (const line of child.tail()) expect(line.length, line).toBeLessThan(110);
  });

  it.each([
    [['--nodes', 'http://127.0.0.1:1,http://127.0.0.1:2'], 64, 'the demo needs 4 different nodes'],
    [['--docs', '0'], 64, 'there is nothing to move'],
    [['--api-key-env', 'NO_SUCH_VARIABLE'], 64, 'NO_SUCH_VARIABLE is not set'],
  ])('refuses %j', async (args, code, words) => {
    const child = await demo(args);
    expect((await child.exited).code).toBe(code);
    expect(child.tail().join('\n')).toContain(words);
  });

  it.each([
    [[], 5, 'clients write'],
    [['--no-load'], 3, 'documents loaded into'],
  ])('%j stops on Ctrl-C and leaves no process behind', { timeout: 90_000 }, async (args, processes, words) => {
    const child = await demo(['--docs', '2000', ...args]);
    await untilTrue(() => child.tail().some((said) => said.includes(words)), 60_000);
    const pids = child.tail().flatMap((line) => /process (\d+),/.exec(line)?.[1] ?? []);
    expect(pids).toHaveLength(processes);
    child.kill('SIGINT');
    expect((await child.exited).code).toBe(130);
    for (const pid of pids) expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
  });
});

describe('the check of the demo', () => {
  const cities = readCities(40);
  const half = (parity: number): readonly City[] => cities.filter(({ cityId }) => cityId % 2 === parity);
  const stamped = (city: City): object => ({ ...city, _miroir_shard: 1, _miroir_slot: 2, _miroir_updated_at: 3 });
  let nodes: DevNodeProcess[];

  beforeAll(async () => {
    nodes = await Promise.all(['n0', 'n1'].map((id) => startDevNode({ id, switches: true, batchMs: 0, docsPerS: 0 })));
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });

  const send = async (node: number, method: string, path: string, body: unknown): Promise<void> => {
    const response = await fetch(`${nodes[node]?.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.ok, await response.text()).toBe(true);
  };
  const mutate = (node: number, change: object): Promise<void> =>
    send(node, 'POST', '/_dev/mutate', { index: 'cities', ...change });

  const check = (tolerance = 0, truth = new Truth(cities)): Promise<Findings> =>
    checkEverything({
      nodes: nodes.map(({ id, url }) => ({ id, url })),
      index: 'cities',
      truth,
      ownersOf: (cityId) => [`n${cityId % 2}`],
      tolerance,
      signal: new AbortController().signal,
    });

  beforeEach(async () => {
    for (const parity of [0, 1]) {
      await send(parity, 'POST', '/_dev/wipe', {});
      await send(parity, 'POST', '/indexes/cities/documents?primaryKey=cityId', half(parity).map(stamped));
    }
    await untilTrue(async () => (await check()).good === cities.length);
  });

  /** A city on node 0. */
  const [city] = half(0);
  if (city === undefined) throw new Error('no city with an even id');

  it('passes when each document is equal and on its owner alone', async () => {
    const { perNode, wanted, good, tally } = await check();
    expect({ wanted, good, problems: tally.problems }).toEqual({ wanted: 40, good: 40, problems: 0 });
    expect([...perNode.values()]).toEqual([half(0).length, half(1).length]);
  });

  it.each([
    ['a text', { name: `${city.name} ` }],
    ['a number deep inside', { loc: { type: 'Point', coordinates: [1.5, 2.5] } }],
    ['a field too many', { extra: null }],
    ['the type of a number', { population: String(city['population']) }],
  ])('fails when one document is altered: %s', async (_what, change) => {
    await mutate(0, { op: 'put', document: { ...stamped(city), ...change } });
    const { good, tally } = await check();
    expect({ good, ...tally.counts }).toEqual({ good: 39, lost: 0, stale: 1, doubled: 0, resurrected: 0 });
    expect(tally.examples).toEqual([expect.stringMatching(`^document ${city.cityId} \\(.*\\) on n0 differs`)]);
  });

  it('fails when one document lacks a field', async () => {
    const { altName: _altName, ...rest } = stamped(city) as City & Record<string, unknown>;
    await mutate(0, { op: 'put', document: rest });
    expect((await check()).tally.problems).toBe(1);
  });

  it('fails when one document is missing', async () => {
    await mutate(0, { op: 'delete', id: city.cityId });
    const { good, tally } = await check();
    expect({ good, ...tally.counts }).toEqual({ good: 39, lost: 1, stale: 0, doubled: 0, resurrected: 0 });
    expect(tally.examples[0]).toContain('is on no node, not on n0');
  });

  it('fails when one document is on a wrong node, alone or as well', async () => {
    await mutate(1, { op: 'put', document: stamped(city) });
    const both = (await check()).tally;
    expect(both.examples).toEqual([`document ${city.cityId} (${city.name}) is on n0 and n1, not on n0`]);
    expect(both.counts.doubled).toBe(1);
    await mutate(0, { op: 'delete', id: city.cityId });
    const { good, tally } = await check();
    expect(good).toBe(39);
    expect(tally.counts.lost).toBe(1);
    expect(tally.examples).toEqual([`document ${city.cityId} (${city.name}) is on n1, not on n0`]);
  });

  it('fails when there is a document that was never loaded', async () => {
    await mutate(1, { op: 'put', document: { cityId: 1 } });
    expect((await check()).tally.examples).toEqual(['n1 holds document 1, which was never written']);
  });

  it('excuses the last place of a double only where it is told to', async () => {
    const [x = 0, y] = (city['loc'] as { coordinates: number[] }).coordinates;
    const moved = { ...stamped(city), loc: { type: 'Point', coordinates: [x * (1 + 2e-16 * 2), y] } };
    await mutate(0, { op: 'put', document: moved });
    expect((await check(0)).tally.problems).toBe(1);
    expect((await check(1e-12)).tally.problems).toBe(0);
  });

  describe('takes what clients wrote into account', () => {
    const { cityId } = city;
    const written = { cityId, altName: 'fresh' };
    const counts = async (truth: Truth): Promise<object> => {
      const { wanted, good, tally } = await check(0, truth);
      return { wanted, good, ...Object.fromEntries(Object.entries(tally.counts).filter(([, many]) => many > 0)) };
    };

    it('an acknowledged write that is not there, and one that is', async () => {
      const truth = new Truth(cities);
      truth.acknowledged({ kind: 'update', documents: [written] });
      expect(await counts(truth)).toEqual({ wanted: 40, good: 39, stale: 1 });
      await mutate(0, { op: 'put', document: { ...stamped(city), ...written } });
      expect(await counts(truth)).toEqual({ wanted: 40, good: 40 });
      truth.acknowledged({ kind: 'put', documents: [written] });
      expect(await counts(truth)).toEqual({ wanted: 40, good: 39, stale: 1 });
    });

    it('an acknowledged delete', async () => {
      const truth = new Truth(cities);
      truth.acknowledged({ kind: 'delete', documents: [{ cityId }] });
      expect(await counts(truth)).toEqual({ wanted: 39, good: 39, resurrected: 1 });
      await mutate(0, { op: 'delete', id: cityId });
      expect(await counts(truth)).toEqual({ wanted: 39, good: 39 });
    });

    it('a write without an answer may be there or not, until it is acknowledged', async () => {
      const truth = new Truth(cities);
      const gone = { kind: 'delete', documents: [{ cityId }] } as const;
      truth.unanswered(gone);
      expect(await counts(truth)).toEqual({ wanted: 40, good: 40 });
      await mutate(0, { op: 'delete', id: cityId });
      expect(await counts(truth)).toEqual({ wanted: 39, good: 39 });
      await mutate(0, { op: 'put', document: { ...stamped(city), altName: 'neither' } });
      expect(await counts(truth)).toEqual({ wanted: 40, good: 39, stale: 1 });
      truth.acknowledged(gone);
      expect(await counts(truth)).toEqual({ wanted: 39, good: 39, resurrected: 1 });
    });
  });
});
