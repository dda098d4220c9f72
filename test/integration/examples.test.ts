// The examples of docs/ as their readers run them: those that send an event, and those that write and search.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type WorkerProcess, startWorker } from '../../src/fleet/processes.ts';
import { type TestFleet, startTestFleet } from '../support/fleet.ts';
import { withRedis } from '../support/redis.ts';
import { untilTrue } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');
const URL_OF_NODE = 'http://127.0.0.1:7799';
const redis = withRedis();

/** In a checkout the package's name stands for the sources; in an installed one it is the package. */
const ALIAS = `data:text/javascript,${encodeURIComponent(`
import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(
  'export const resolve = (name, context, next) => next(name === "miroir-rebalancer" ? ' +
  ${JSON.stringify(JSON.stringify(pathToFileURL(join(ROOT, 'src/index.ts')).href))} + ' : name, context);'));
`)}`;

const queue = (): Queue => new Queue('topology-events', { prefix: '{miroir}', connection: { url: redis.url } });

afterEach(async () => {
  const events = queue();
  await events.obliterate({ force: true });
  await events.close();
});

async function runExample(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      MIROIR_REDIS_URL: redis.url,
      MIROIR_ALLOW_VOLATILE_REDIS: '1',
      NODE_URL: URL_OF_NODE,
      ...env,
    },
  });
  let out = '';
  let talk = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (talk += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code, talk).toBe(0);
  return out.trim();
}

it.each([
  ['library.mjs', process.execPath, ['--import', ALIAS, '--import', 'tsx', 'docs/examples/library.mjs']],
  ['plain-bullmq.mjs', process.execPath, ['docs/examples/plain-bullmq.mjs']],
  ['cli.sh', 'sh', ['docs/examples/cli.sh']],
])('docs/examples/%s puts its event where the planner looks', async (_, command, args) => {
  const out = await runExample(command, args);
  const events = queue();
  try {
    const [job, ...more] = await events.getWaiting();
    expect(more).toEqual([]);
    expect(job?.name).toBe('NodeAdded');
    expect(job?.data).toMatchObject({ node_id: 'n4', url: URL_OF_NODE });
    const printed = out.startsWith('{') ? (JSON.parse(out) as { jobId: string }).jobId : out;
    expect(printed).toBe(job?.id);
  } finally {
    await events.close();
  }
});

describe('examples that write and search', { timeout: 60_000 }, () => {
  let fleet: TestFleet;
  let gateway: WorkerProcess;

  beforeAll(async () => {
    // The clocks of an example are the defaults, and those of a fleet are the same everywhere.
    fleet = await startTestFleet({ nodes: 2, config: { lease_ttl_secs: 10, lease_renewal_interval_ms: 2_000 } });
    gateway = await startWorker('gateway', { ...fleet.env, MIROIR_GATEWAY_PORT: '0' });
    await untilTrue(async () => (await fetch(`${gateway.ready.gateway}/health`)).status === 200, 20_000);
  }, 60_000);
  afterAll(async () => {
    await gateway.child.stop();
    await fleet.stop();
  });
  afterEach(async () => {
    await fetch(`${gateway.ready.gateway}/indexes/cities/documents`, { method: 'DELETE' });
  });

  it.each([
    ['router.mjs', ['--import', ALIAS, '--import', 'tsx', 'docs/examples/router.mjs']],
    ['gateway.mjs', ['docs/examples/gateway.mjs']],
  ])('docs/examples/%s finds what it has written', async (_, args) => {
    if ((await fleet.base.records.table('cities')) === null) {
      await fleet.createIndex({ uid: 'cities', primaryKey: 'cityId', documents: [] });
    }
    const env = { MIROIR_REDIS_URL: fleet.redis.url, GATEWAY_URL: gateway.ready.gateway };
    const [names = '', ...document] = (await runExample(process.execPath, args, env)).split('\n');
    expect(names.split(', ').sort()).toEqual(['Lille', 'Lisbon']);
    expect(document.join('')).toMatch(/cityId: 2.*name: 'Lille'.*country: 'FR'.*population: 236710/);
  });
});
