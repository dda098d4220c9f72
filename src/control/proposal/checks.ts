/** What speaks for and against a plan: the doctor's looks at what it needs, and what it would come to. */
import { NODE_FULL } from '../../core/node-figures.ts';
import type { Plan } from '../../core/planner.ts';
import { mayOwn, type Topology, type TopologyNode } from '../../core/topology.ts';
import type { Finding, ProposedNode } from '../../ports.ts';
import { fail, ok, warn } from '../doctor/finding.ts';
import { nodeChecks } from '../doctor/node-checks.ts';
import type { DoctorParts } from '../doctor/parts.ts';
import { redisChecks } from '../doctor/redis-checks.ts';
import { workChecks } from '../doctor/work-checks.ts';

export interface ToCheck {
  readonly after: Topology;
  readonly plan: Plan;
  /** Unfinished moves of other plans. */
  readonly others: number;
  /** Nodes that take part. */
  readonly involved: readonly TopologyNode[];
  readonly nodes: readonly ProposedNode[];
  /** Nodes that did not tell what they hold, and why. */
  readonly silent: ReadonlyMap<string, string>;
}

export async function planChecks(parts: DoctorParts, about: ToCheck): Promise<Finding[]> {
  const { plan, others, silent } = about;
  return [
    ...[...(await redisChecks(parts)), ...(await workChecks(parts, []))].map(asWarning),
    ...(await nodeChecks(parts, about.involved)),
    ...[...silent].map(([id, why]) =>
      warn(`node ${id}`, `does not tell what it holds: ${why}`, 'figures leave it out'),
    ),
    ...roomChecks(about, parts.nodeMaxBytes),
    blockedCheck(plan),
    others === 0
      ? ok('moves', 'no other plan is under way')
      : warn(
          'moves',
          `${others} of other plans are under way, ${plan.cancel.length} of them are withdrawn`,
          'see `miroir status`',
        ),
  ];
}

/** What is wrong with the fleet as it is does not speak against this plan more than against any other. */
const asWarning = (check: Finding): Finding => (check.level === 'fail' ? { ...check, level: 'warn' } : check);

function blockedCheck({ blocked }: Plan): Finding {
  const [first] = blocked;
  if (first === undefined) return ok('shards', 'every one can go where it should be');
  const found = `${blocked.length} cannot be moved as things are: ${first.index}/${first.shard}: ${first.reason}`;
  return warn('shards', found, 'they stay where they are; see the plan with -o json for each');
}

const percent = (part: number): string => `${Math.round(part * 100)} %`;

/** Room after the plan, and after it if one more node of the group failed. None where a node's room is not known. */
function roomChecks({ after, nodes }: ToCheck, nodeMaxBytes: number): Finding[] {
  if (nodeMaxBytes === 0) return [];
  const held = new Map(nodes.map((node) => [node.id, node.after.bytes]));
  const checks: Finding[] = [];
  for (const node of after.nodes.filter(mayOwn)) {
    const bytes = held.get(node.id) ?? null;
    if (bytes === null) continue;
    const used = bytes / nodeMaxBytes;
    const found = `${percent(used)} full after the plan`;
    const subject = `node ${node.id}`;
    if (used > NODE_FULL) {
      checks.push(fail(subject, found, `more than ${percent(NODE_FULL)}: give it more room, or add another node`));
      continue;
    }
    const peers = after.nodes.filter((other) => other.group === node.group && other.id !== node.id && mayOwn(other));
    const largest = peers.reduce<{ id: string; bytes: number } | null>((most, { id }) => {
      const theirs = held.get(id) ?? 0;
      return most === null || theirs > most.bytes ? { id, bytes: theirs } : most;
    }, null);
    // What the one that fails holds goes to the others in equal parts.
    const ifOneFails = largest === null ? used : used + largest.bytes / peers.length / nodeMaxBytes;
    checks.push(
      ifOneFails > NODE_FULL && largest !== null
        ? warn(
            subject,
            `${found}, ${percent(ifOneFails)} if ${largest.id} fails`,
            'add a node, or give nodes more room',
          )
        : ok(subject, found),
    );
  }
  return checks;
}
