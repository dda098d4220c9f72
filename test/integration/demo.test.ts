// The demo as its user runs it, and the check that decides how it ends: planted faults must be found.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Findings, checkEverything } from '../../src/cli/demo/check.ts';
import { type City, readCities } from '../../src/cli/demo/cities.ts';
import { startChild } from '../../src/fleet/child.ts';
import { type DevNodeProcess, startDevNode } from '../../src/fleet/nodes.ts';
import { untilTrue } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const demo = (args: readonly string[]) =>
  startChild(
    { command: process.execPath, args: ['src/cli/bin.mjs', 'demo', ...args] },
    { name: 'demo', cwd: ROOT, env: { ...process.env, MIROIR_NODE_ORIGINS: 'http://nowhere:1' } },
  );

describe('the demo', () => {
  // A takeover alone takes 11 s by design; the rest is start-up of eight processes on what may be a busy machine.
  it('moves 2,000 documents, survives a dead worker and ends with 0', { timeout: 120_000 }, async () => {
    const child = await demo(['--docs', '2000']);
    const { code } = await child.exited;
    const said = child.tail().join('\n');
    expect(code, said).toBe(0);
    expect(said).toMatch(/kill -9 \d+: worker [12] held the lease and ran \d moves/);
    expect(said).toMatch(/worker [12] took over: lease after [\d.]+ s, at work after [\d.]+ s/);
    expect(said).toContain('2,000 of 2,000 documents equal, each on its owner and nowhere else');
    expect(said).toMatch(/n1 drained +0 /);
    expect(said).not.toMatch(/NaN|undefined|-\d+ (?:s|docs)|Infinity/);
    // Without a terminal nothing moves the cursor.
    expect(said).not.toContain('\u001b');
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

  it('stops on Ctrl-C and leaves no process behind', { timeout: 60_000 }, async () => {
    const child = await demo(['--docs', '2000']);
    await untilTrue(() => child.tail().some((line) => line.includes('started in')), 40_000);
    const pids = child.tail().flatMap((line) => /process (\d+),/.exec(line)?.[1] ?? []);
    expect(pids).toHaveLength(3);
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

  const check = (tolerance = 0): Promise<Findings> =>
    checkEverything({
      nodes: nodes.map(({ id, url }) => ({ id, url })),
      index: 'cities',
      cities,
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
    const { perNode, good, problems } = await check();
    expect({ good, problems }).toEqual({ good: 40, problems: 0 });
    expect([...perNode.values()]).toEqual([half(0).length, half(1).length]);
  });

  it.each([
    ['a text', { name: `${city.name} ` }],
    ['a number deep inside', { loc: { type: 'Point', coordinates: [1.5, 2.5] } }],
    ['a field too many', { extra: null }],
    ['the type of a number', { population: String(city['population']) }],
  ])('fails when one document is altered: %s', async (_what, change) => {
    await mutate(0, { op: 'put', document: { ...stamped(city), ...change } });
    const { good, problems, examples } = await check();
    expect({ good, problems }).toEqual({ good: 39, problems: 1 });
    expect(examples[0]).toContain(`document ${city.cityId} (${city.name}) on n0 differs`);
  });

  it('fails when one document lacks a field', async () => {
    const { altName: _altName, ...rest } = stamped(city) as City & Record<string, unknown>;
    await mutate(0, { op: 'put', document: rest });
    expect((await check()).problems).toBe(1);
  });

  it('fails when one document is missing', async () => {
    await mutate(0, { op: 'delete', id: city.cityId });
    const { good, problems, examples } = await check();
    expect({ good, problems }).toEqual({ good: 39, problems: 1 });
    expect(examples[0]).toContain('is on no node, not on n0');
  });

  it('fails when one document is on a wrong node, alone or as well', async () => {
    await mutate(1, { op: 'put', document: stamped(city) });
    expect((await check()).examples).toEqual([`document ${city.cityId} (${city.name}) is on n0 and n1, not on n0`]);
    await mutate(0, { op: 'delete', id: city.cityId });
    const { good, examples } = await check();
    expect(good).toBe(39);
    expect(examples).toEqual([`document ${city.cityId} (${city.name}) is on n1, not on n0`]);
  });

  it('fails when there is a document that was never loaded', async () => {
    await mutate(1, { op: 'put', document: { cityId: 1 } });
    expect((await check()).examples).toEqual(['n1 holds document 1, which was never loaded']);
  });

  it('excuses the last place of a double only where it is told to', async () => {
    const [x = 0, y] = (city['loc'] as { coordinates: number[] }).coordinates;
    const moved = { ...stamped(city), loc: { type: 'Point', coordinates: [x * (1 + 2e-16 * 2), y] } };
    await mutate(0, { op: 'put', document: moved });
    expect((await check(0)).problems).toBe(1);
    expect((await check(1e-12)).problems).toBe(0);
  });
});
