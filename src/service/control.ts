/** What commands work with: the records, what may be written without a lease, the public queue, and nodes. */
import { userInfo } from 'node:os';
import type { Config } from '../config.ts';
import type { AdoptParts, HeldAdoption } from '../control/adopt.ts';
import type { Asker } from '../control/audited.ts';
import type { ExplainParts } from '../control/explain.ts';
import type { GroupParts } from '../control/groups.ts';
import type { DeletionParts } from '../control/index-delete.ts';
import type { ProposalParts } from '../control/proposal/figures.ts';
import type { ThrottleParts } from '../control/throttle.ts';
import type { VerifyParts } from '../control/verify.ts';
import { ConflictError } from '../errors.ts';
import type { AuditTrail } from '../ports.ts';
import { openPermit } from '../nodes/open-permit.ts';
import { type Producer, createProducer } from '../queue/producer.ts';
import { createMoveQueue } from '../queue/flows.ts';
import { createLiveWorkers } from '../queue/live-workers.ts';
import { createStrayJobs } from '../queue/strays.ts';
import { createAdoptions } from '../redis/adoptions.ts';
import { createAudit } from '../redis/audit.ts';
import { accessOf, driverOptions } from '../redis/access.ts';
import { connect } from '../redis/connection.ts';
import { createRedisHealth } from '../redis/health.ts';
import { keepRecords } from '../redis/kept-records.ts';
import { adoptionScope, keys, rebalanceScope } from '../redis/keys.ts';
import { createFleetWriter } from '../redis/plan-writer.ts';
import { createProgressHistory } from '../redis/progress.ts';
import { createProposals } from '../redis/proposals.ts';
import { createSurroundings } from '../redis/surroundings.ts';
import { createTaskMarks } from '../redis/task-marks.ts';
import { openReplicaChecks } from './anti-entropy.ts';
import { type Base, closeBase, openBase, openLeases, openRegistry } from './base.ts';

export interface Control
  extends ExplainParts, ProposalParts, AdoptParts, GroupParts, ThrottleParts, DeletionParts, VerifyParts, Asker {
  readonly audit: AuditTrail;
  readonly config: Config;
  readonly producer: Producer;
  close(): Promise<void>;
}

/** A command stands before a node no longer than this; it holds no lease that would bound it. */
const REQUEST_MS = 30_000;

/** Commands tell of trouble themselves; their connection's own log lines would come between. */
export async function openControl(config: Config, options: { readonly anyRedis?: boolean } = {}): Promise<Control> {
  const base = await openBase({ ...config, logLevel: 'silent' }, 'cli', options);
  const control = controlOf(base, `cli:${userName()}`);
  return {
    ...control,
    async close() {
      await control.close();
      await closeBase(base);
    },
  };
}

/** Of the system; a container may run as a user who has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SYSTEM_ERROR') throw error;
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}

/** In a process that has its base already; `close` leaves the base open. */
export function controlOf(base: Base, actor: string): Control {
  const { config, redis, repairs, passes, scripts, nodes, clock, failpoint, logger } = base;
  const records = keepRecords(base);
  const producer = createProducer({
    redis: driverOptions(accessOf(config)),
    capacity: config.eventChannelCapacity,
    failpoint,
  });
  const scopeHolder = async (scope: string): Promise<string | null> => {
    const [state, holder, ends] = await redis.hmget(keys.lease(scope), 'state', 'holder', 'until');
    // Who died with it stands there until somebody else has it.
    return state === 'held' && Number(ends) >= (await passes.nowMs()) ? (holder ?? null) : null;
  };
  return {
    config,
    actor,
    audit: createAudit({
      redis,
      maxEntries: config.auditMaxEntries,
      openFollower: () => connect({ ...accessOf(config), kind: 'queue', logger }),
      logger,
    }),
    records,
    planHolds: base.planHolds,
    throttles: base.throttles,
    repairs,
    passes,
    surroundings: createSurroundings({ redis, records, observations: base.observations, places: config.movesPerNode }),
    progress: createProgressHistory(redis, records),
    observations: base.observations,
    judging: { failedAfterMs: config.nodeFailedAfterMs, flapQuietMs: config.nodeFlapQuietMs },
    healthEnabled: config.healthEnabled,
    groupChecks: base.groupChecks,
    settings: base.settings,
    fleet: createFleetWriter(scripts, config.auditMaxEntries),
    producer,
    clock,
    clientOf: (node) => nodes.client(node, openPermit(REQUEST_MS)),
    clientUnder: (node, signal) => nodes.client(node, openPermit(REQUEST_MS, signal)),
    replicas: openReplicaChecks(base, (signal) => openPermit(REQUEST_MS, signal)),
    adoptions: createAdoptions(base),
    marks: createTaskMarks(base),
    redisNowMs: () => passes.nowMs(),
    holdAdoption: (index) =>
      hold(base, adoptionScope(index), (holder) => ({
        what: `index ${index} is being taken over by ${holder}`,
        remedy: 'wait until that run has ended; one that was killed gives way by itself within half a minute',
      })),
    holdMoves: (index) =>
      hold(base, rebalanceScope(index), (holder) => ({
        what: `shards of index ${index} are being moved by ${holder}`,
        remedy: 'wait until its moves have ended: `miroir status`',
      })),
    holderOf: (index) => scopeHolder(rebalanceScope(index)),
    scopeHolder,
    redisHealth: createRedisHealth(redis, config.redisUrl),
    registry: openRegistry(base),
    queue: {
      // Opened when asked only: most commands have no use for it.
      async inspect(moves) {
        const queue = createMoveQueue({ connection: redis, failpoint, logger });
        try {
          return await queue.inspect(moves);
        } finally {
          await queue.close();
        }
      },
    },
    strays: createStrayJobs(redis, records),
    workers: createLiveWorkers(redis),
    nodeMaxBytes: config.nodeMaxBytes,
    movesPerNode: config.movesPerNode,
    proposals: createProposals(base),
    routerEntryMs: base.timings.routerEntryMs,
    close: () => producer.close(),
  };
}

/** Resolves when acting is allowed: after a run that was killed that takes as long as its lease. */
async function hold(
  base: Base,
  scope: string,
  busy: (holder: string) => { readonly what: string; readonly remedy: string },
): Promise<HeldAdoption> {
  const { watch, leases } = openLeases(base);
  try {
    const answer = await leases.acquire(scope);
    if ('busy' in answer) {
      const { what, remedy } = busy(answer.busy.holder);
      throw new ConflictError(what, {
        field: 'index_uid',
        remedy,
        details: { holder: answer.busy.holder, remainingMs: answer.busy.remainingMs },
      });
    }
    const { lease } = answer;
    await lease.ready;
    return {
      lease,
      async release(clean) {
        if (!lease.signal.aborted) await lease.release(clean);
        watch.stop();
      },
    };
  } catch (error) {
    watch.stop();
    throw error;
  }
}
