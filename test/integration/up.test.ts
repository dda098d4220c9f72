// `miroir up` as its user runs it: what it prints can be used, it ends in order, and its data is there the next time.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { type Child, startChild } from '../../src/fleet/child.ts';
import { startDevNode } from '../../src/fleet/nodes.ts';
import { openControl } from '../../src/service.ts';
import { untilTrue } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let dir = '';
let running: Child | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'miroir-up-test-'));
});
afterEach(async () => {
  await running?.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Starts it and waits for its last line; gives its lines by their first word. */
async function up(args: readonly string[]): Promise<{ child: Child; of: (word: string) => readonly string[] }> {
  const child = await startChild(
    { command: process.execPath, args: ['src/cli/bin.mjs', 'up', ...args] },
    { name: 'up', cwd: ROOT, env: { ...process.env, MIROIR_API_PORT: '0', MIROIR_GATEWAY_PORT: '0' } },
  );
  running = child;
  await untilTrue(() => !child.running || child.tail().some((line) => line.startsWith('Ctrl-C')), 60_000);
  const of = (word: string): readonly string[] =>
    child.tail().flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length).trim()] : []));
  return { child, of };
}

/** Of the process that was given this folder. */
async function pidIn(folder: string): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''); // gone meanwhile
    if (words.split('\0').includes(folder)) return Number(pid);
  }
  throw new Error(`no process was given ${folder}`);
}

const urlIn = (text = ''): string => /(?:redis|https?):\/\/\S+/.exec(text)?.[0] ?? '';

describe('miroir up', { timeout: 120_000 }, () => {
  it('runs everything, stops in order, and goes on with its data', async () => {
    const first = await up(['--nodes', '2', '--workers', '2', '--dir', dir]);
    const redisUrl = urlIn(first.of('redis')[0]);
    const nodes = first.of('node').map(urlIn);
    expect(nodes).toHaveLength(2);
    expect((await fetch(urlIn(first.of('board')[0]))).status).toBe(200);
    expect(await (await fetch(urlIn(first.of('page')[0]))).text()).toContain('<title>Miroir');
    const metrics = first.of('metrics').map(urlIn);
    expect(metrics).toHaveLength(4);
    for (const url of metrics) expect(await (await fetch(url)).text()).toContain('miroir_leader');
    const said = first.child.tail();
    expect(said.slice(said.indexOf('next:') + 1, -1)).toHaveLength(6);
    const gateway = urlIn(first.of('gateway')[0]);
    await untilTrue(async () => (await fetch(`${gateway}/health`)).status === 200);
    expect(await (await fetch(`${gateway}/indexes`)).json()).toMatchObject({ results: [], total: 0 });

    const config = loadConfig({ MIROIR_REDIS_URL: redisUrl });
    const control = await openControl(config);
    const topology = await control.records.topology();
    expect(topology.nodes.map(({ id, url, state }) => [id, url, state])).toEqual([
      ['n1', nodes[0], 'active'],
      ['n2', nodes[1], 'active'],
    ]);
    await control.close();
    // A node that dies is what a fleet is for: it is told, with what brings it back, and the rest goes on.
    const [, port2 = ''] = /:(\d+)$/.exec(nodes[1] ?? '') ?? [];
    process.kill(await pidIn(`${dir}/n2`), 'SIGKILL');
    await untilTrue(() => first.child.tail().some((line) => line.startsWith('node n2 ended by itself (SIGKILL)')));
    await untilTrue(() => first.child.tail().some((line) => line.includes(`devnode --port ${port2} --dir ${dir}/n2`)));
    expect((await fetch(`${gateway}/health`)).status).toBe(200);
    const startedMs = performance.now();
    first.child.kill('SIGINT');
    expect((await first.child.exited).code, first.child.tail().join('\n')).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    for (const url of [...nodes, ...metrics, gateway]) await expect(fetch(url)).rejects.toThrow('fetch failed');

    const port = new URL(gateway).port;
    const second = await up(['--nodes', '3', '--workers', '1', '--dir', dir, '--gateway-port', port]);
    expect(urlIn(second.of('gateway')[0])).toBe(gateway);
    expect(urlIn(second.of('redis')[0])).toBe(redisUrl);
    expect(second.of('node').map(urlIn).slice(0, 2)).toEqual(nodes);
    // The third is new to the fleet that was there; how to add it is what to do next.
    expect(second.child.tail().some((line) => / node add n3 --url http/.test(line))).toBe(true);
  });

  it('keeps the port of its Redis for the next time with nodes of others, too', async () => {
    const node = await startDevNode({ id: 'n1' });
    try {
      const { of } = await up(['--nodes', node.url, '--workers', '1', '--dir', dir]);
      const ports: unknown = JSON.parse(await readFile(join(dir, 'ports.json'), 'utf8'));
      expect(ports).toEqual({ redis: Number(new URL(urlIn(of('redis')[0])).port), nodes: {} });
    } finally {
      await node.stop();
    }
  });

  it('says what is wrong with what it is given', async () => {
    const { child } = await up(['--nodes', '0']);
    expect((await child.exited).code).toBe(64);
    expect(child.tail().join('\n')).toContain('0 nodes cannot be started');
  });
});
