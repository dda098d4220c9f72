import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ProcessStartError, startChild, waitUntilReady } from '../../src/fleet/child.ts';
import type { Child, Command } from '../../src/fleet/child.ts';
import { entryCommand } from '../../src/fleet/entry.ts';
import { freePort } from '../../src/fleet/port.ts';
import { startRedis } from '../../src/fleet/redis.ts';
import { withRedis } from '../support/redis.ts';

const node = (script: string): Command => ({ command: process.execPath, args: ['-e', script] });

async function command<T>(url: string, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH
  }
}

describe('startRedis', () => {
  it('starts a private server: loopback, append-only file, no eviction', async () => {
    const redis = await startRedis();
    try {
      const info = await command(redis.url, (client) => client.info());
      expect(info).toContain('aof_enabled:1');
      expect(info).toContain('maxmemory_policy:noeviction');
      expect(info).toContain(`process_id:${redis.pid}`);
      expect(await command(redis.url, (client) => client.config('GET', 'appendfsync'))).toEqual([
        'appendfsync',
        'everysec',
      ]);
      expect(await command(redis.url, (client) => client.config('GET', 'bind'))).toEqual(['bind', '127.0.0.1']);
    } finally {
      await redis.stop();
    }
  });

  it('keeps port, folder and every acknowledged write over SIGKILL and restart with appendfsync always', async () => {
    const redis = await startRedis({ aof: 'always' });
    try {
      await command(redis.url, (client) => client.set('{miroir}:k', 'v'));
      const { pid, port, exited } = redis;
      redis.kill('SIGKILL');
      expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
      expect(redis.running).toBe(false);
      await redis.restart();
      expect(redis.pid).not.toBe(pid);
      expect(redis.port).toBe(port);
      expect(await command(redis.url, (client) => client.get('{miroir}:k'))).toBe('v');
    } finally {
      await redis.stop();
    }
  });

  it('removes its folder when it stops, and leaves one that was given or is to be kept', async () => {
    const ours = await startRedis({ aof: 'off' });
    const kept = await startRedis({ keep: true });
    await Promise.all([ours.stop(), kept.stop()]);
    await expect(access(ours.dir)).rejects.toThrow('ENOENT');
    await expect(access(kept.dir)).resolves.toBeUndefined();
    const again = await startRedis({ dir: kept.dir });
    await again.stop();
    await expect(access(kept.dir)).resolves.toBeUndefined();
    await rm(kept.dir, { recursive: true });
  });

  it('stops a frozen server', async () => {
    const redis = await startRedis({ aof: 'off' });
    redis.kill('SIGSTOP');
    expect(await redis.stop()).toEqual({ code: 0, signal: null });
  });

  it('says why it did not come up, in the words of the server', async () => {
    const start = startRedis({ args: ['--maxmemory-policy', 'nonsense'] });
    await expect(start).rejects.toThrow(/ended before it was ready[\s\S]*argument\(s\) must be one of/);
    await expect(start).rejects.toBeInstanceOf(ProcessStartError);
  });

  it('does not take the server of somebody else on its port for its own', async () => {
    const other = await startRedis({ aof: 'off' });
    try {
      await expect(startRedis({ port: other.port })).rejects.toThrow(/Address already in use/);
    } finally {
      await other.stop();
    }
  });

  it('does not call a server ready that answers LOADING', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'miroir-loading-'));
    const first = await startRedis({ dir, aof: 'always' });
    await command(first.url, async (client) => {
      const pipeline = client.pipeline();
      for (let key = 0; key < 4_000; key += 1) pipeline.set(`{miroir}:${key}`, 'x'.repeat(100));
      await pipeline.exec();
    });
    await first.stop();
    // 500 µs a key make two seconds of loading.
    const start = startRedis({
      dir,
      aof: 'always',
      deadlineMs: 500,
      args: ['--key-load-delay', '500', '--loading-process-events-interval-bytes', '1024'],
    });
    await expect(start).rejects.toThrow(/was not ready after 500 ms/);
    await rm(dir, { recursive: true });
  });
});

describe('withRedis', () => {
  const redis = withRedis();

  it('gives the file one server and every caller keys of its own', async () => {
    const [one, two] = [redis.prefix(), redis.prefix()];
    expect(one).not.toBe(two);
    expect(one).toMatch(/^\{miroir\}:/);
    expect(await command(redis.url, (client) => client.set(`${one}:k`, '1'))).toBe('OK');
    expect(redis.process.port).toBe(redis.port);
  });
});

describe('startChild', () => {
  it('keeps the last lines only, and cuts long ones', async () => {
    const child = await startChild(
      node('for (let i = 0; i < 50; i++) console.log("line " + i); console.error("x".repeat(9000))'),
      { name: 'talker', tailLines: 3 },
    );
    expect(await child.exited).toEqual({ code: 0, signal: null });
    const tail = child.tail();
    expect(tail).toHaveLength(3);
    expect(Math.max(...tail.map((line) => line.length))).toBeLessThanOrEqual(4_001);
  });

  it('gives output line by line, with the stream it came from', async () => {
    const lines: string[] = [];
    const child = await startChild(node('console.log("out"); console.error("err")'), {
      name: 'talker',
      onLine: (line, stream) => lines.push(`${stream} ${line}`),
    });
    await child.exited;
    expect(lines.toSorted()).toEqual(['stderr err', 'stdout out']);
  });

  it('kills what does not stop within its deadline', async () => {
    const child = await startChild(
      node('process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1e6)'),
      {
        name: 'stubborn',
      },
    );
    await waitUntilReady(child, () => Promise.resolve(child.tail().includes('up')), 10_000);
    expect(await child.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
    expect(child.kill('SIGTERM')).toBe(false);
  });

  it('says that a program is missing', async () => {
    const start = startChild({ command: '/nowhere/redis-server', args: [] }, { name: 'redis-server' });
    await expect(start).rejects.toThrow(/redis-server could not be started: .*ENOENT/);
  });

  it('kills and reports what is not ready in time', async () => {
    const child = await startChild(node('console.log("thinking"); setInterval(() => {}, 1e6)'), { name: 'slow' });
    await expect(waitUntilReady(child, () => Promise.resolve(false), 2_500)).rejects.toThrow(
      /slow was not ready after 2500 ms\n {2}thinking/,
    );
    expect(child.running).toBe(false);
  });
});

describe('the watchdog', () => {
  const fleet = pathToFileURL(join(import.meta.dirname, '../../src/fleet/child.ts')).href;
  const folders = pathToFileURL(join(import.meta.dirname, '../../src/fleet/folder.ts')).href;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'miroir-watchdog-'));
    await writeFile(
      join(dir, 'owner.mts'),
      `import { startChild } from ${JSON.stringify(fleet)};
       import { openFolder } from ${JSON.stringify(folders)};
       const [left, given] = [await openFolder('miroir left-', {}), await openFolder('miroir-given-', {})];
       await given.remove();
       console.log('folder ' + left.path);
       const child = await startChild({ command: 'sleep', args: ['1000'] }, { name: 'sleeper' });
       const gone = await startChild({ command: 'true', args: [] }, { name: 'gone' });
       await gone.exited;
       console.log('sleeper ' + child.pid);
       if (process.argv[2] === 'exit') process.exit(0);
       setInterval(() => {}, 1e6);`,
    );
  });
  afterAll(() => rm(dir, { recursive: true }));

  const startOwner = async (how: string): Promise<{ owner: Child; sleeper: number; folder: string }> => {
    // Any entry will do: only the way to run TypeScript is of interest.
    const { command: program, args } = entryCommand('src/fleet/child');
    const owner = await startChild(
      { command: program, args: [...args.slice(0, -1), join(dir, 'owner.mts'), how] },
      {
        name: 'owner',
      },
    );
    const pidLine = (): string | undefined => owner.tail().find((line) => line.startsWith('sleeper '));
    await vi.waitFor(() => expect(pidLine(), owner.tail().join('\n')).toBeDefined(), { timeout: 15_000 });
    const folder = owner.tail().find((line) => line.startsWith('folder ')) ?? '';
    return { owner, sleeper: Number(pidLine()?.split(' ')[1]), folder: folder.slice('folder '.length) };
  };

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'ends the children of a process that went by %s, and removes its temporary folders',
    async (signal) => {
      const { owner, sleeper, folder } = await startOwner('stay');
      expect(isAlive(sleeper)).toBe(true);
      await access(folder);
      owner.kill(signal);
      await owner.exited;
      await vi.waitFor(() => expect(isAlive(sleeper)).toBe(false), { timeout: 5_000 });
      await vi.waitFor(() => expect(access(folder)).rejects.toThrow('ENOENT'), { timeout: 5_000 });
    },
  );

  it('ends the children of a process that exits by itself, and does not hold it up', async () => {
    const { owner, sleeper } = await startOwner('exit');
    expect(await owner.exited).toEqual({ code: 0, signal: null });
    await vi.waitFor(() => expect(isAlive(sleeper)).toBe(false), { timeout: 5_000 });
  });
});

describe('freePort', () => {
  it('names a port that can be listened on', async () => {
    const port = await freePort();
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    expect(server.address()).toMatchObject({ port });
    server.close();
  });
});

describe('entryCommand', () => {
  it('runs a TypeScript entry from any working directory', async () => {
    const { command: program, args } = entryCommand('src/fleet/port');
    const result = spawnSync(program, args, { cwd: tmpdir(), encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(result.status).toBe(0);
  });
});
