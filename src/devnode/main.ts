import { parseArgs } from 'node:util';

import { runDevNode } from './command.ts';
import type { DevNodeOptions } from './index.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    host: { type: 'string' },
    dir: { type: 'string' },
    'master-key': { type: 'string' },
    'body-limit': { type: 'string' },
    'batched-tasks': { type: 'string' },
    queue: { type: 'string' },
    'per-core': { type: 'string' },
    'batch-ms': { type: 'string' },
    'docs-per-s': { type: 'string' },
    switches: { type: 'boolean' },
  },
});

function count(name: keyof DevNodeOptions, text: string | undefined): Partial<DevNodeOptions> {
  if (text === undefined) return {};
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} must be a number, not ${text}`);
  return { [name]: value };
}

await runDevNode({
  ...count('port', values.port),
  ...count('bodyLimit', values['body-limit']),
  ...count('batchedTasks', values['batched-tasks']),
  ...count('queue', values.queue),
  ...count('perCore', values['per-core']),
  ...count('batchMs', values['batch-ms']),
  ...count('docsPerS', values['docs-per-s']),
  ...(values.host === undefined ? {} : { host: values.host }),
  ...(values.dir === undefined ? {} : { dir: values.dir }),
  ...(values['master-key'] === undefined ? {} : { masterKey: values['master-key'] }),
  switches: values.switches ?? false,
});
process.exit(0);
