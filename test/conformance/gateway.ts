// A gateway in front of one development node, as one process that takes the replay tool's flags.
import { parseArgs } from 'node:util';
import { startDevNode } from '../../src/devnode/index.ts';
import { startGateway } from '../../src/gateway/server.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { oneNodeRouter } from '../support/one-node-router.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    dir: { type: 'string' },
    'body-limit': { type: 'string' },
    'batched-tasks': { type: 'string' },
    queue: { type: 'string' },
    'per-core': { type: 'string' },
  },
});
const bodyMaxBytes = Number(values['body-limit'] ?? 100_000_000);
const number = (name: 'batched-tasks' | 'queue' | 'per-core', option: string): Record<string, number> =>
  values[name] === undefined ? {} : { [option]: Number(values[name]) };
const node = await startDevNode({
  ...(values.dir === undefined ? {} : { dir: values.dir }),
  ...number('batched-tasks', 'batchedTasks'),
  ...number('queue', 'queue'),
  ...number('per-core', 'perCore'),
});
const gateway = await startGateway({
  router: oneNodeRouter({ url: node.url }),
  host: '127.0.0.1',
  port: Number(values.port ?? 0),
  keysFile: '',
  bodyMaxBytes,
  waitingMaxBytes: 2 * bodyMaxBytes,
  inFlightMax: 1_000,
  connectionsMax: 1_000,
  metrics: createMetrics({ withProcess: false }),
  logger: createLogger({ level: 'warn', role: 'gateway' }),
});
process.once('SIGTERM', () => {
  void gateway
    .close()
    .then(() => node.close())
    .then(() => process.exit(0));
});
