/** What an event comes to, and the first thing that is asked of a node that it names. */
import type { TopologyNode } from '../core/topology.ts';
import { NodeUnreachableError } from '../errors.ts';
import type { EventOutcome } from '../ports.ts';
import type { Carried } from './inspect.ts';
import type { PlanningParts } from './parts.ts';

export interface Decision {
  /** Nodes as they shall be; none: repeated, everything stays as it is. */
  readonly changed: readonly TopologyNode[];
  /** Of whom a repeated event tells what is under way. */
  readonly nodeId: string;
  readonly version: number;
  readonly why: string;
  /** What has to be planned because of it; null: nothing. */
  readonly plan: string | null;
  /** Somebody has looked at the plan: it begins at once. */
  readonly isApproved?: boolean;
  /** What the plan's moves carry; left out where nobody has looked. */
  readonly carried?: Carried | null;
  /** What is told of a plan that runs already. */
  readonly outcome?: EventOutcome;
  /** Looks at what can wait until the change is made, or what was left half done is finished. */
  readonly afterwards?: () => Promise<Carried | null>;
}

/** Its URL is within the allowed origins, its key is here, and it answers. */
export async function assertAnswers(
  { nodes, permit }: PlanningParts,
  node: TopologyNode,
  field = 'url',
): Promise<void> {
  nodes.assertAllowed(node);
  try {
    await nodes.client(node, permit).version();
  } catch (error) {
    if (!(error instanceof NodeUnreachableError)) throw error;
    throw new NodeUnreachableError(error.message, {
      field,
      remedy: `start the node, or correct its url, then send the event again`,
      details: error.details,
      cause: error,
    });
  }
}
