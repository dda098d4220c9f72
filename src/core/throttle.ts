/** What an operator allows copies: documents a second and tasks in flight, in all and into single nodes. */
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';

export interface CopyLimits {
  /** Of all workers together. */
  readonly documentsPerSecond: number | null;
  /** Of each worker process. */
  readonly tasksInFlight: number | null;
}

/** Null: no limit of the operator's. What the configuration allows is never exceeded. */
export interface Throttle extends CopyLimits {
  readonly nodes: Readonly<Record<string, CopyLimits>>;
}

export const NO_LIMITS: CopyLimits = { documentsPerSecond: null, tasksInFlight: null };
export const NO_THROTTLE: Throttle = { ...NO_LIMITS, nodes: {} };

const LIMIT_MAX = 1_000_000_000;
/** Nobody throttles more nodes than a fleet has. */
const NODES_MAX = 10_000;

const limit = z.number().int().min(1).max(LIMIT_MAX).nullable();
const limits = { documentsPerSecond: limit, tasksInFlight: limit };
const throttleSchema = z.strictObject({
  ...limits,
  nodes: z.record(z.string().max(200), z.strictObject(limits)),
});

const isNone = ({ documentsPerSecond, tasksInFlight }: CopyLimits): boolean =>
  documentsPerSecond === null && tasksInFlight === null;

/** Without nodes that have no limit. Throws `InvalidInputError`. */
export function parseThrottle(value: unknown): Throttle {
  const parsed = throttleSchema.safeParse(value);
  const [issue] = parsed.error?.issues ?? [];
  if (!parsed.success || Object.keys(parsed.data.nodes).length > NODES_MAX) {
    throw new InvalidInputError(`the throttle has a missing or wrong ${issue?.path.join('.') ?? 'nodes'}`, {
      field: issue?.path.join('.') ?? 'nodes',
      remedy: `give whole numbers from 1, or null for no limit; to stop copies pause their plans`,
    });
  }
  const nodes = Object.fromEntries(Object.entries(parsed.data.nodes).filter(([, of]) => !isNone(of)));
  return { ...parsed.data, nodes };
}

/** What copies into that node may do in all, whichever limit is lower; null: no limit. */
export function documentsInto(node: string, { documentsPerSecond, nodes }: Throttle): number | null {
  const own = nodes[node]?.documentsPerSecond ?? null;
  return own === null || documentsPerSecond === null ? (own ?? documentsPerSecond) : Math.min(own, documentsPerSecond);
}

/** What holds for windows into that node, by themselves. */
export const limitsInto = (node: string, throttle: Throttle): CopyLimits => ({
  documentsPerSecond: documentsInto(node, throttle),
  tasksInFlight: throttle.nodes[node]?.tasksInFlight ?? null,
});

/** Whether it limits nothing. */
export const isUnlimited = (throttle: Throttle): boolean =>
  isNone(throttle) && Object.keys(throttle.nodes).length === 0;

/** The throttle with other limits in all, or into one node; what is not named stays. */
export function changedThrottle(throttle: Throttle, node: string | null, change: Partial<CopyLimits>): Throttle {
  if (node === null) return { ...throttle, ...change };
  return { ...throttle, nodes: { ...throttle.nodes, [node]: { ...NO_LIMITS, ...throttle.nodes[node], ...change } } };
}
