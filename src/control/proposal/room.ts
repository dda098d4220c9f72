/** Whether nodes have room for what a plan brings them, as the moves themselves will ask, and for one more node's failure. */
import pLimit from 'p-limit';
import { hasRoom, NODE_FULL } from '../../core/node-figures.ts';
import { mayOwn, type TopologyNode } from '../../core/topology.ts';
import { isMiroirError } from '../../errors.ts';
import type { Finding } from '../../ports.ts';
import { fail, ok, warn } from '../doctor/finding.ts';
import type { DoctorParts } from '../doctor/parts.ts';
import type { ToCheck } from './checks.ts';

/** Nodes asked at a time. */
const AT_A_TIME = 8;

type About = Pick<ToCheck, 'after' | 'nodes' | 'arriving'>;

interface Room {
  readonly node: TopologyNode;
  /** What its data takes once everything has arrived. */
  readonly bytes: number;
  /** What it has of indexes then: what goes to others when it fails. */
  readonly held: number;
}

/** Of nodes that are brought something, or have hardly any room as it is. None where a node's room is not known. */
export async function roomChecks(parts: DoctorParts, about: About): Promise<Finding[]> {
  const { nodeMaxBytes } = parts;
  if (nodeMaxBytes === 0) return [];
  const rooms = await roomsOf(parts, about);
  return rooms.map(({ node, bytes }) => {
    const subject = `node ${node.id}`;
    const found = `${percent(bytes / nodeMaxBytes)} full after the plan`;
    const isBrought = (about.arriving.get(node.id) ?? 0) > 0;
    if (isBrought && !hasRoom(bytes, 0, nodeMaxBytes))
      return fail(subject, found, `more than ${percent(NODE_FULL)}: give it more room, or add another node`);
    const peers = rooms.filter((other) => other.node.group === node.group && other.node.id !== node.id);
    const [largest] = peers.toSorted((a, b) => b.held - a.held);
    if (largest === undefined) return ok(subject, found);
    // What the one that fails holds goes to the others in equal parts.
    const more = largest.held / peers.length;
    if (hasRoom(bytes, more, nodeMaxBytes)) return ok(subject, found);
    const ifItFails = `${found}, ${percent((bytes + more) / nodeMaxBytes)} if ${largest.node.id} fails`;
    return warn(subject, ifItFails, 'add a node, or give nodes more room');
  });
}

/** Of those that may own shards and tell. */
async function roomsOf({ clientOf }: DoctorParts, { after, nodes, arriving }: About): Promise<Room[]> {
  const limit = pLimit(AT_A_TIME);
  const shown = new Map(nodes.map((node) => [node.id, node.after.bytes]));
  const asked = after.nodes
    .filter((node) => mayOwn(node) && shown.has(node.id))
    .map((node) =>
      limit(async (): Promise<Room[]> => {
        const more = arriving.has(node.id) ? (arriving.get(node.id) ?? null) : 0;
        if (more === null) return [];
        try {
          const { databaseBytes } = await clientOf(node).nodeStats();
          return [{ node, bytes: databaseBytes + more, held: shown.get(node.id) ?? 0 }];
        } catch (error) {
          // One that does not answer has its own line.
          if (!isMiroirError(error)) throw error;
          return [];
        }
      }),
    );
  return (await Promise.all(asked)).flat();
}

const percent = (part: number): string => `${Math.round(part * 100)} %`;
