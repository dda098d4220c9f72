/** What speaks for and against a plan: the doctor's looks at what it needs, and what it would come to. */
import type { Plan } from '../../core/planner.ts';
import type { Topology, TopologyNode } from '../../core/topology.ts';
import type { Finding, PlanRecord, ProposedNode } from '../../ports.ts';
import { ok, warn } from '../doctor/finding.ts';
import { nodeChecks } from '../doctor/node-checks.ts';
import type { DoctorParts } from '../doctor/parts.ts';
import { redisChecks } from '../doctor/redis-checks.ts';
import { workChecks } from '../doctor/work-checks.ts';
import { roomChecks } from './room.ts';

export interface ToCheck {
  readonly after: Topology;
  readonly plan: Pick<Plan, 'cancel'> & Pick<PlanRecord, 'blocked'>;
  /** Unfinished moves of other plans. */
  readonly others: number;
  /** Nodes that take part. */
  readonly involved: readonly TopologyNode[];
  readonly nodes: readonly ProposedNode[];
  /** By node: bytes that moves bring it; null where nobody tells. */
  readonly arriving: ReadonlyMap<string, number | null>;
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
    ...(await roomChecks(parts, about)),
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

function blockedCheck({ blocked }: Pick<PlanRecord, 'blocked'>): Finding {
  const [first] = blocked;
  if (first === undefined) return ok('shards', 'every one can go where it should be');
  const found = `${blocked.length} cannot be moved as things are: ${first.index}/${first.shard}: ${first.reason}`;
  return warn('shards', found, 'they stay where they are; see the plan with -o json for each');
}
