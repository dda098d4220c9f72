// A private redis-server for `up`, the demo, tests and chaos runs: loopback, a free port, a folder of its own.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { delimiter, join } from 'node:path';
import { ProcessStartError, RestartableProcess, startChild, waitUntilReady } from './child.ts';
import type { Child } from './child.ts';
import { openFolder } from './folder.ts';
import type { DataFolder, FolderOptions } from './folder.ts';
import { freePort } from './port.ts';

export interface RedisOptions extends FolderOptions {
  /** Default: any free port. */
  readonly port?: number;
  /** When the append-only file reaches the disk; `off` keeps nothing over a restart and starts fastest. */
  readonly aof?: 'everysec' | 'always' | 'off';
  /** How long it may take until PING is answered, loading included. */
  readonly deadlineMs?: number;
  /** More options for the server, as on its command line. */
  readonly args?: readonly string[];
  /** A sentinel, with this file as its configuration, which it writes into. */
  readonly sentinelFile?: string;
}

/** In the order we prefer them. The last one is the server under the name of its checker: Debian's redis-tools. */
const BINARIES = ['redis-server', 'valkey-server', 'redis-check-rdb'];
const READY_DEADLINE_MS = 10_000;
const PROBE_TIMEOUT_MS = 500;
/** A free port can be taken before the server binds it; five in a row is not bad luck any more. */
const PORT_ATTEMPTS = 5;
const PORT_TAKEN = /Address already in use/;

export class RedisProcess extends RestartableProcess {
  readonly url: string;
  readonly port: number;

  constructor(launch: () => Promise<Child>, child: Child, folder: DataFolder, port: number) {
    super(launch, child, folder);
    this.url = `redis://127.0.0.1:${port}`;
    this.port = port;
  }
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisProcess> {
  const binary = await findBinary();
  const folder = await openFolder('miroir-redis-', options);
  try {
    for (let attempt = 1; ; attempt += 1) {
      const port = options.port ?? (await freePort());
      const launch = (): Promise<Child> => launchRedis(binary, port, folder.path, options);
      try {
        return new RedisProcess(launch, await launch(), folder, port);
      } catch (error) {
        const isBadLuck = error instanceof ProcessStartError && PORT_TAKEN.test(error.message);
        if (options.port !== undefined || !isBadLuck || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

async function launchRedis(binary: string, port: number, dir: string, options: RedisOptions): Promise<Child> {
  const aof = options.aof ?? 'everysec';
  const settings: Record<string, string> = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    daemonize: 'no',
    logfile: '',
    'maxmemory-policy': 'noeviction',
    // No snapshots beside the append-only file: a second, older copy only confuses what a crash test reads.
    save: '',
    appendonly: aof === 'off' ? 'no' : 'yes',
    appendfsync: aof === 'off' ? 'no' : aof,
  };
  const { sentinelFile, args: more = [] } = options;
  const given = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const args = [...(sentinelFile === undefined ? [] : [sentinelFile]), ...given, ...more];
  const child = await startChild(
    { command: binary, args },
    // LC_ALL: the server refuses to start when the environment names a locale that this machine does not have.
    {
      name: `redis-server on port ${port}`,
      // By its name it decides what it is.
      argv0: sentinelFile === undefined ? 'redis-server' : 'redis-sentinel',
      cwd: dir,
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    },
  );
  await waitUntilReady(child, () => answersAs(port, child.pid), options.deadlineMs ?? READY_DEADLINE_MS);
  return child;
}

/**
 * Whether the server on this port is the one with this process id and answers PING with PONG (while it still loads
 * its data it answers with an error). The id matters: somebody else's Redis on the port would answer just as well.
 */
function answersAs(port: number, pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    let text = '';
    const socket = createConnection({ port, host: '127.0.0.1' });
    const finish = (isReady: boolean): void => {
      socket.destroy();
      resolve(isReady);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => {
      finish(false);
    });
    socket.on('error', () => {
      finish(false); // not listening yet
    });
    socket.on('close', () => {
      finish(false);
    });
    socket.on('connect', () => {
      socket.write('PING\r\nINFO server\r\n');
    });
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const id = /process_id:(\d+)\r\n/.exec(text)?.[1];
      if (id !== undefined) finish(text.startsWith('+PONG\r\n') && id === String(pid));
    });
  });
}

async function findBinary(): Promise<string> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const path of BINARIES.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    if (await isExecutable(path)) return path;
  }
  throw new ProcessStartError(`no Redis server found: none of ${BINARIES.join(', ')} is on PATH`, [], {
    remedy: 'install Redis 6.2 or newer; in a checkout `node src/setup.mjs` does it or says how',
  });
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not ours to run
  }
}
