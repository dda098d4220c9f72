/** What planning works with, and what its files share. */
import type { Config } from '../config.ts';
import { withCancels } from '../core/plan-hold.ts';
import type { PlannerIndex } from '../core/planner.ts';
import type { Topology } from '../core/topology.ts';
import { InvariantError } from '../errors.ts';
import type {
  Clock,
  GroupChecks,
  Logger,
  MoveQueue,
  MoveState,
  Nodes,
  Observations,
  Observer,
  Permit,
  PlanHolds,
  PlanWriter,
  ProgressHistory,
  Records,
  RepairLists,
  Runs,
  Turns,
} from '../ports.ts';

export interface PlanningParts {
  readonly records: Records;
  readonly writer: PlanWriter;
  readonly queue: MoveQueue;
  readonly planHolds: Pick<PlanHolds, 'all' | 'release'>;
  readonly nodes: Nodes;
  readonly observations: Pick<Observations, 'read'>;
  readonly runs: Runs;
  readonly progress: Pick<ProgressHistory, 'of' | 'predicted'>;
  readonly repairs: Pick<RepairLists, 'sizes' | 'scores' | 'clear'>;
  readonly turns: Pick<Turns, 'endAllDead'>;
  readonly groupChecks: Pick<GroupChecks, 'read'>;
  readonly clock: Clock;
  readonly config: Pick<
    Config,
    | 'graceMs'
    | 'groupAutoActivate'
    | 'healthEnabled'
    | 'nodeFailedAfterMs'
    | 'nodeFlapQuietMs'
    | 'planApproval'
    | 'repairDelayMs'
  >;
  readonly logger: Logger;
  readonly observer: Pick<Observer, 'event'>;
  /** The lease under which this planner acts; requests to nodes are bounded by it. */
  readonly permit: Permit;
}

/** Stands for every index where a name of one is asked for. */
export const EVERY_INDEX = '*';

/** Everything that planning depends on, as it was read. */
export interface Fleet {
  readonly topology: Topology;
  readonly indexes: readonly PlannerIndex[];
  /** Moves without an outcome. */
  readonly unfinished: readonly MoveState[];
}

/** Reads the topology first: what comes later can only be newer, and a newer topology refuses the plan. */
export async function readFleet({ records }: PlanningParts, uids: readonly string[] | null = null): Promise<Fleet> {
  const topology = await records.topology();
  const entries = (await records.indexes()).filter(({ uid }) => uids === null || uids.includes(uid));
  const indexes: PlannerIndex[] = [];
  for (const entry of entries) {
    const table = await records.table(entry.uid);
    if (table === null) throw new InvariantError(`index ${entry.uid} is registered and has no routing table`);
    indexes.push({ entry, table });
  }
  const plans = await records.plans(0);
  return { topology, indexes, unfinished: withCancels(await records.unfinishedMoves(), plans) };
}

export type Serial = <T>(act: () => Promise<T>) => Promise<T>;

/** Runs what it is given one after the other: an event never meets a half-done sweep. */
export function createSerial(): Serial {
  let last: Promise<unknown> = Promise.resolve();
  return (act) => {
    const turn = last.then(act);
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** Takes every step, since one that keeps failing must not keep the others from their work. Throws the first error. */
export async function takeEach(
  { permit }: Pick<PlanningParts, 'permit'>,
  steps: readonly (() => Promise<void>)[],
): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
      if (permit.signal.aborted) break;
    }
  }
  if (errors.length > 0) throw errors[0];
}
