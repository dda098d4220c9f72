// The users of docs/deploy/redis/users.acl, over TLS: with their rights a whole fleet works and another service tells of a
// node, and nothing that is dangerous is among them.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doctor } from '../../src/control/doctor.ts';
import { freePort } from '../../src/fleet/port.ts';
import { type RedisProcess, startRedis } from '../../src/fleet/redis.ts';
import { createProducer } from '../../src/index.ts';
import { connect, untilReady } from '../../src/redis/connection.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { said } from '../support/observed.ts';
import { startSentinel, stopAll } from '../support/redis-sets.ts';
import { untilTrue } from '../support/until.ts';
import { WholeFleet } from '../support/whole-fleet.ts';

const PASSWORD = 'p@ss/word:%';
const USERS = new URL('../../docs/deploy/redis/users.acl', import.meta.url);

let folder: string;
let files: Certificates;
let redis: RedisProcess;
let admin: Redis;
let tlsPort: number;
let passwordFile: string;
const url = (user: string): string => `rediss://${user}@localhost:${tlsPort}`;

const tlsFiles = () => ({ redisCaFile: files.ca, redisCertFile: files.cert, redisKeyFile: files.key });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'miroir-users-'));
  files = await makeCertificates(folder);
  passwordFile = join(folder, 'password');
  await writeFile(passwordFile, `${PASSWORD}\n`);
  const aclFile = join(folder, 'users.acl');
  // The server is awaited by its default user, whom the documented file then switches off.
  await writeFile(aclFile, 'user default on nopass ~* &* +@all\n');
  tlsPort = await freePort();
  const tls = ['--tls-port', String(tlsPort), '--tls-ca-cert-file', files.ca, '--tls-auth-clients', 'yes'];
  const own = ['--tls-cert-file', files.cert, '--tls-key-file', files.key];
  redis = await startRedis({ args: [...tls, ...own, '--aclfile', aclFile] });
  const hash = createHash('sha256').update(PASSWORD).digest('hex');
  const users = (await readFile(USERS, 'utf8')).replaceAll('SHA256_OF_THE_PASSWORD', hash);
  await writeFile(aclFile, `${users}user admin on >admin ~* &* +@all\n`);
  const first = new Redis(redis.port);
  await first.acl('LOAD');
  first.disconnect();
  admin = new Redis(redis.port, { username: 'admin', password: 'admin' });
});
afterAll(async () => {
  admin.disconnect();
  await redis.stop();
  await rm(folder, { recursive: true });
});

/** How the driver lists what was denied: pairs. */
const denied = async (): Promise<string[]> =>
  ((await admin.acl('LOG')) as string[][]).map((entry) => {
    const of = (name: string): string => entry[entry.indexOf(name) + 1] ?? '';
    return `${of('username')} ${of('reason')} ${of('object')}`;
  });

describe('the documented users', () => {
  it('have every right that a whole fleet and a producer need, over TLS', async () => {
    const fleet = await WholeFleet.start({
      MIROIR_REDIS_URL: url('miroir'),
      MIROIR_REDIS_PASSWORD_FILE: passwordFile,
      MIROIR_REDIS_CA_FILE: files.ca,
      MIROIR_REDIS_CERT_FILE: files.cert,
      MIROIR_REDIS_KEY_FILE: files.key,
    });
    const config = {
      redis_password_file: passwordFile,
      redis_ca_file: files.ca,
      redis_cert_file: files.cert,
      redis_key_file: files.key,
    };
    const producer = createProducer({ redis: url('miroir-producer'), config });
    try {
      const clients = fleet.clients();
      const { jobId } = await producer.nodeAdded({ nodeId: 'n3', url: fleet.nodes[2]!.url });
      expect((await producer.result(jobId)).moves).toBeGreaterThan(0);
      await untilTrue(async () => (await fleet.base.records.unfinishedMoves()).length > 0);
      await fleet.untilQuiet(40_000);
      await clients.end();
      expect((await fleet.judged()).faults).toBe('');
      // The board asks who works on each queue.
      expect((await fetch(`${fleet.apiUrl}/queues/api/queues`)).status).toBe(200);
      const findings = await doctor(fleet.control);
      expect(findings.filter(({ level, subject }) => subject === 'redis' && level === 'fail')).toEqual([]);
    } finally {
      await producer.close();
      await fleet.stop();
    }
    // Both are looks that do without.
    const known = ['miroir command config|get', 'miroir key bull:topology-events:wait'];
    expect((await denied()).filter((one) => !known.includes(one))).toEqual([]);
  }, 90_000);

  it('may run nothing that is dangerous, and touch nothing that is not theirs', async () => {
    const dryRun = async (user: string, ...words: readonly string[]): Promise<string> =>
      String(await admin.call('ACL', 'DRYRUN', user, ...words).catch((error: unknown) => error));
    const dangerous = new Set(
      (await Promise.all(['dangerous', 'admin'].map((name) => admin.acl('CAT', name) as Promise<string[]>))).flat(),
    );
    const stray = ['script|flush', 'script|kill', 'function|load', 'function|delete', 'function|flush', 'config|set'];
    const allowed: Record<string, string[]> = { miroir: [], 'miroir-producer': [] };
    for (const command of [...dangerous, ...stray]) {
      for (const [user, list] of Object.entries(allowed)) {
        const words = command.split('|');
        let answer = '';
        // As many arguments as it wants.
        for (let more = 0; more < 10; more += 1) {
          answer = await dryRun(user, ...words, ...Array.from({ length: more }, () => '1'));
          if (!answer.includes('wrong number of arguments') && !answer.includes('Unknown subcommand')) break;
        }
        if (!answer.includes('has no permissions to run the')) list.push(command);
      }
    }
    // `INFO` for the run id, `CLIENT LIST` for the board.
    expect(allowed).toEqual({ miroir: expect.any(Array), 'miroir-producer': ['info'] });
    expect([...(allowed['miroir'] ?? [])].sort()).toEqual(['client|list', 'info']);
    expect(await dryRun('miroir', 'SET', 'other', '1')).toContain("access the 'other' key");
    expect(await dryRun('miroir', 'PUBLISH', 'other', '1')).toContain("access the 'other' channel");
    expect(await dryRun('miroir-producer', 'DEL', '{miroir}:topology')).toContain("access the '{miroir}:topology' key");
    expect(await dryRun('miroir-producer', 'PUBLISH', '{miroir}:nudge', 'x')).toContain('no permissions');
    // What a connection asks nodes of a cluster.
    for (const words of [['KEYSLOT', '{miroir}'], ['SLOTS'], ['NODES']])
      expect(await dryRun('miroir', 'CLUSTER', ...words)).toBe('OK');
    expect(await dryRun('default', 'PING')).toContain('no permissions');
  });
});

describe('sentinels over TLS', () => {
  it('tell of a master that is reached over TLS, too', async () => {
    const port = await freePort();
    const lines = [`tls-port ${port}`, `tls-ca-cert-file ${files.ca}`];
    const own = [`tls-cert-file ${files.cert}`, `tls-key-file ${files.key}`, 'tls-replication yes'];
    const sentinel = await startSentinel({ port: tlsPort }, [...lines, ...own]);
    const at = `rediss+sentinel://miroir@localhost:${port}/miroir`;
    const connection = connect({
      url: at,
      files: { ...tlsFiles(), redisPasswordFile: passwordFile },
      kind: 'commands',
      logger: said().logger,
    });
    try {
      await untilReady(connection, at, 5_000);
      expect(await connection.acl('WHOAMI').catch((error: Error) => error.message)).toContain("'acl|whoami' command");
      expect(await connection.exists('{miroir}:topology')).toBeTypeOf('number');
    } finally {
      connection.disconnect();
      await stopAll([sentinel]);
    }
  });
});

describe('a Redis that does not let us in', () => {
  const refused = async (more: { readonly url: string } & Parameters<typeof connect>[0]['files']) => {
    const { logger, lines } = said();
    const connection = connect({ url: more.url, files: more, kind: 'commands', logger });
    const error = await untilReady(connection, more.url, 500).catch((thrown: unknown) => thrown as Error);
    connection.disconnect();
    return { error, log: JSON.stringify(lines) };
  };
  it('is told of with what it said, what to do, and no secret', async () => {
    const wrong = await refused({ url: `rediss://miroir:geheim@localhost:${tlsPort}`, ...tlsFiles() });
    expect(wrong.error).toMatchObject({
      message: expect.stringContaining(`rediss://***@localhost:${tlsPort} within 500 ms: WRONGPASS`) as string,
      remedy: expect.stringContaining('redis_password_file') as string,
    });
    expect(wrong.log).toContain('WRONGPASS');
    expect(`${String(wrong.error)} ${wrong.log}`).not.toContain('geheim');
    const unknown = await refused({ url: url('miroir'), redisPasswordFile: passwordFile });
    expect(unknown.error).toMatchObject({ remedy: expect.stringContaining('redis_ca_file') as string });
    const plain = await refused({ url: `redis://miroir@localhost:${tlsPort}`, redisPasswordFile: passwordFile });
    expect(plain.error).toMatchObject({ remedy: expect.stringContaining('wants TLS') as string });
    const noFile = refused({ url: url('miroir'), ...tlsFiles(), redisPasswordFile: join(folder, 'nothing') });
    await expect(noFile).rejects.toMatchObject({ code: 'miroir_config', field: 'redis_password_file' });
  });
});
