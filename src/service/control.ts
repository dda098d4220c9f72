/** What commands work with: the records, what may be written without a lease, the public queue, and nodes. */
import type { Config } from '../config.ts';
import type { ControlParts } from '../control/parts.ts';
import { openPermit } from '../nodes/open-permit.ts';
import { type Producer, createProducer } from '../queue/producer.ts';
import { keys, rebalanceScope } from '../redis/keys.ts';
import { createFleetWriter } from '../redis/plan-writer.ts';
import { closeBase, openBase } from './base.ts';

export interface Control extends ControlParts {
  readonly config: Config;
  readonly producer: Producer;
  /** `host/pid` of the process that holds the index's lease now, for people; null when nobody does. */
  holderOf(index: string): Promise<string | null>;
  close(): Promise<void>;
}

/** A command stands before a node no longer than this; it holds no lease that would bound it. */
const REQUEST_MS = 30_000;

/** Commands tell of trouble themselves; their connection's own log lines would come between. */
export async function openControl(config: Config): Promise<Control> {
  const base = await openBase({ ...config, logLevel: 'silent' }, 'cli');
  const { redis, records, scripts, nodes, clock, failpoint } = base;
  const producer = createProducer({ redis: config.redisUrl, capacity: config.eventChannelCapacity, failpoint });
  return {
    config,
    records,
    settings: base.settings,
    fleet: createFleetWriter(scripts, config.auditMaxEntries),
    producer,
    clock,
    clientOf: (node) => nodes.client(node, openPermit(REQUEST_MS)),
    async holderOf(index) {
      const [state, holder] = await redis.hmget(keys.lease(rebalanceScope(index)), 'state', 'holder');
      return state === 'held' ? (holder ?? null) : null;
    },
    async close() {
      await producer.close();
      await closeBase(base);
    },
  };
}
