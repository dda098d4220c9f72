// Needs the development node itself: its own tests say what it does, these that it is started, killed and found again.
import { access } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { startDevNode, startDevNodes } from '../../src/fleet/nodes.ts';
import type { DevNodeProcess } from '../../src/fleet/nodes.ts';

let nodes: DevNodeProcess[] = [];
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  nodes = [];
});

async function health(node: DevNodeProcess): Promise<number> {
  return (await fetch(`${node.url}/health`)).status;
}

it('starts nodes side by side, each on its own port and in its own folder', async () => {
  nodes = await startDevNodes(2, { batchMs: 0, docsPerS: 0 });
  expect(nodes.map(({ id }) => id)).toEqual(['n1', 'n2']);
  expect(new Set(nodes.flatMap(({ url, dir, pid }) => [url, dir, pid])).size).toBe(6);
  expect(await Promise.all(nodes.map(health))).toEqual([200, 200]);
});

it('kills a node and starts it again on its port and in its folder, and removes the folder in the end', async () => {
  const node = await startDevNode({ id: 'n1' });
  nodes.push(node);
  const { url, dir, pid, exited } = node;
  node.kill('SIGKILL');
  expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
  await expect(health(node)).rejects.toThrow('fetch failed');
  await node.restart();
  expect([node.url, node.dir]).toEqual([url, dir]);
  expect(node.pid).not.toBe(pid);
  expect(await health(node)).toBe(200);
  await node.stop();
  await expect(access(dir)).rejects.toThrow('ENOENT');
});

it('says why a node did not come up', async () => {
  const [first] = (nodes = await startDevNodes(1));
  await expect(startDevNode({ id: 'n2', port: first?.port ?? 0 })).rejects.toThrow(
    /development node n2 ended before it was ready[\s\S]*EADDRINUSE/,
  );
});
