// A gateway with its router and a Redis of its own in front of one development node, as one process that takes the
// replay tool's flags. What it keeps stands in `--dir`, so that a restart goes on with it.
import { readFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '../../src/config.ts';
import { createIndex } from '../../src/control/indexes.ts';
import { startDevNode } from '../../src/devnode/index.ts';
import { startRedis } from '../../src/fleet/redis.ts';
import { closeBase, openBase } from '../../src/service/base.ts';
import { openControl } from '../../src/service/control.ts';
import { openGateway } from '../../src/service/gateway.ts';

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
const number = (name: 'batched-tasks' | 'queue' | 'per-core', option: string): Record<string, number> =>
  values[name] === undefined ? {} : { [option]: Number(values[name]) };

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
