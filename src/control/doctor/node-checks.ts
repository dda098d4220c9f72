/** Each node: whether it answers us, runs the version of the others, has room, and indexes small batches fast. */
import pLimit from 'p-limit';
import { BATCHES_LOOKED_AT, SLOW_BATCH_MS, hasRoom, smallBatchMs } from '../../core/node-figures.ts';
import type { TopologyNode } from '../../core/topology.ts';
import { isMiroirError } from '../../errors.ts';
import type { NodeBatch, NodeClient } from '../../ports.ts';
import { clockFinding, skewMs } from './clocks.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import type { DoctorParts } from './parts.ts';

/** Nodes asked at a time. */
const AT_A_TIME = 8;

interface Seen {
  readonly node: TopologyNode;
  readonly version: string | null;
  readonly findings: readonly Finding[];
}

export async function nodeChecks(parts: DoctorParts, nodes: readonly TopologyNode[]): Promise<Finding[]> {
  const limit = pLimit(AT_A_TIME);
  const seen = await Promise.all(nodes.map((node) => limit(() => look(parts, node))));
  const versions = new Map(
    seen.flatMap(({ node, version }) => (version === null ? [] : [[node.id, version] as const])),
  );
  const different = [...new Set(versions.values())].sort();
  return [
    ...seen.flatMap(({ findings }) => findings),
    ...(different.length > 1
      ? [
          fail(
            'nodes',
            `run different versions: ${[...versions].map(([id, version]) => `${id} ${version}`).join(', ')}`,
            'bring all nodes to one version: no shard moves between different ones',
          ),
        ]
      : []),
  ];
}

async function look(parts: DoctorParts, node: TopologyNode): Promise<Seen> {
  const subject = `node ${node.id}`;
  if (node.state === 'failed') {
    const [found, then] = node.drainWished
      ? ['has failed while it was drained', 'it goes on with that']
      : ['has failed', 'it is restored'];
    // Whom observers failed, their word brings back; whom an event failed, only an event does.
    const isTakenBack = node.seen?.failed === true && parts.healthEnabled;
    const back = isTakenBack
      ? `bring it back: once it answers, ${then}`
      : `bring it back and send NodeRecovered: ${then}`;
    const remedy = `${back}; or \`miroir node remove ${node.id}\` when it owns nothing`;
    return { node, version: null, findings: [warn(subject, found, remedy)] };
  }
  try {
    const client = parts.clientOf(node);
    const version = await client.version();
    const findings = [
      ok(subject, `answers, ${node.state}, version ${version ?? 'hidden from its key'}`),
      ...(await clockOf(parts, client, subject)),
      await roomOf(parts, client, subject),
      ...batchCost(await client.batches(BATCHES_LOOKED_AT), subject),
    ];
    return { node, version, findings };
  } catch (error) {
    if (!isMiroirError(error)) throw error;
    const remedy = error.remedy ?? 'look at the node, its url and its key';
    return { node, version: null, findings: [fail(subject, error.message, remedy)] };
  }
}

/** No guarantee rests on it, but times of its tasks and logs do. None where the node, or a proxy before it, tells no time. */
async function clockOf({ clock }: DoctorParts, client: NodeClient, subject: string): Promise<Finding[]> {
  const beforeMs = clock.now();
  const toldMs = await client.clockMs();
  if (toldMs === null) return [];
  const offMs = skewMs({ least: toldMs, most: toldMs + 1_000 }, { least: beforeMs, most: clock.now() });
  return [clockFinding(subject, offMs)];
}

async function roomOf({ nodeMaxBytes }: DoctorParts, client: NodeClient, subject: string): Promise<Finding> {
  const { databaseBytes } = await client.nodeStats();
  if (nodeMaxBytes === 0) {
    const remedy = 'set node_max_bytes: a node does not tell, and one that is full makes its moves wait';
    return warn(subject, `${databaseBytes} bytes are used; its room is not known`, remedy);
  }
  const found = `${databaseBytes} of ${nodeMaxBytes} bytes are used`;
  if (hasRoom(databaseBytes, 0, nodeMaxBytes)) return ok(subject, found);
  return warn(subject, found, 'add a node, or give it more room and raise node_max_bytes: it is given no more shards');
}

/** Median of its recent small batches; none, no finding. */
function batchCost(batches: readonly NodeBatch[], subject: string): Finding[] {
  const median = smallBatchMs(batches);
  if (median === null) return [];
  const found = `a small batch takes ${Math.round(median)} ms`;
  return median > SLOW_BATCH_MS
    ? [warn(subject, found, 'start it with --max-indexing-memory of 1 GiB or so')]
    : [ok(subject, found)];
}
