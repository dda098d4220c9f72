/** What commands work with: the records, what may be written without a lease, the public queue, and nodes. */
import type { Config } from '../config.ts';
import type { TopologyNode } from '../core/topology.ts';
import { openPermit } from '../nodes/open-permit.ts';
import type { Clock, FleetWriter, NodeClient, Records } from '../ports.ts';
import { type Producer, createProducer } from '../queue/producer.ts';
import { createFleetWriter } from '../redis/plan-writer.ts';
import { closeBase, openBase } from './base.ts';

export interface Control {
  readonly config: Config;
  readonly records: Records;
  readonly fleet: FleetWriter;
  readonly producer: Producer;
  readonly clock: Clock;
  clientOf(node: TopologyNode): NodeClient;
  close(): Promise<void>;
}

/** A command stands before a node no longer than this; it holds no lease that would bound it. */
const REQUEST_MS = 30_000;

/** Commands tell of trouble themselves; their connection's own log lines would come between. */
export async function openControl(config: Config): Promise<Control> {
  const base = await openBase({ ...config, logLevel: 'silent' }, 'cli');
  const { records, scripts, nodes, clock, failpoint } = base;
  const producer = createProducer({ redis: config.redisUrl, capacity: config.eventChannelCapacity, failpoint });
  return {
    config,
    records,
    fleet: createFleetWriter(scripts, config.auditMaxEntries),
    producer,
    clock,
    clientOf: (node) => nodes.client(node, openPermit(REQUEST_MS)),
    async close() {
      await producer.close();
      await closeBase(base);
    },
  };
}
