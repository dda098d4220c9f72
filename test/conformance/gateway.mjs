// @ts-check
// A gateway with its router and a Redis of its own in front of one development node, as one process that takes the
// replay tool's flags. What it keeps stands in `--dir`, so that a restart goes on with it.
import { readFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** Built code, since one starts for every conversation. @param {string} name */
const built = (name) => import(new URL(`../../dist/src/${name}.js`, import.meta.url).href);

/** @type {typeof import('../../src/config.ts')} */
const { loadConfig } = await built('config');
/** @type {typeof import('../../src/control/indexes.ts')} */
const { createIndex } = await built('control/indexes');
/** @type {typeof import('../../src/devnode/index.ts')} */
const { startDevNode } = await built('devnode/index');
/** @type {typeof import('../../src/fleet/redis.ts')} */
const { startRedis } = await built('fleet/redis');
/** @type {typeof import('../../src/service/base.ts')} */
const { closeBase, openBase } = await built('service/base');
/** @type {typeof import('../../src/service/control.ts')} */
const { openControl } = await built('service/control');
/** @type {typeof import('../../src/service/gateway.ts')} */
const { openGateway } = await built('service/gateway');

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    dir: { type: 'string' },
    'body-limit': { type: 'string', default: '100000000' },
    'batched-tasks': { type: 'string' },
    queue: { type: 'string' },
    'per-core': { type: 'string' },
    /** `uid:primaryKey,…`: what stands before the first request. */
    indexes: { type: 'string', default: '' },
  },
});
const { dir } = values;
if (dir === undefined) throw new Error('give --dir, a folder for what Redis and the node keep');
/** @param {'batched-tasks' | 'queue' | 'per-core'} name @param {string} option @returns {Record<string, number>} */
const number = (name, option) => (values[name] === undefined ? {} : { [option]: Number(values[name]) });

await Promise.all(['redis', 'node'].map((name) => mkdir(join(dir, name), { recursive: true })));
/** The fleet knows its node by address, so a restart takes the same port: one that the system gives to nobody itself. */
const portFile = join(dir, 'node-port');
const knownPort = Number(await readFile(portFile, 'utf8').catch(() => '0'));
const redis = await startRedis({ dir: join(dir, 'redis'), aof: 'always' });
const node = await startDevNode({
  dir: join(dir, 'node'),
  port: knownPort === 0 ? 20_000 + (process.pid % 10_000) : knownPort,
  ...number('batched-tasks', 'batchedTasks'),
  ...number('queue', 'queue'),
  ...number('per-core', 'perCore'),
});
await writeFile(portFile, new URL(node.url).port);
const config = loadConfig({
  MIROIR_REDIS_URL: redis.url,
  MIROIR_ALLOW_VOLATILE_REDIS: '1',
  MIROIR_LOG_LEVEL: 'warn',
  MIROIR_GATEWAY_PORT: values.port,
  MIROIR_GATEWAY_BODY_MAX_BYTES: values['body-limit'],
  // One shard keeps the order in which a node lists documents; how several are merged is compared elsewhere.
  MIROIR_NEW_INDEX_SHARDS: '1',
});
const base = await openBase(config, 'gateway');
if (knownPort === 0) {
  const control = await openControl(config);
  await control.fleet.initTopology([{ id: 'n1', url: node.url, group: 0, state: 'active' }]);
  for (const text of values.indexes.split(',').filter(Boolean)) {
    const [uid = '', primaryKey = ''] = text.split(':');
    await createIndex(control, { uid, primaryKey, shards: config.newIndexShards, replicationFactor: 1 });
  }
  await control.close();
}
const gateway = await openGateway(base);
process.once('SIGTERM', () => {
  void gateway
    .close()
    .then(() => closeBase(base))
    .then(() => Promise.all([node.close(), redis.stop()]))
    .then(() => process.exit(0));
});
