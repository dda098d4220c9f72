/** The mover: claims indexes, holds their leases, runs the phases of their moves. */
import type { Config } from '../config.ts';
import { isHoldReason } from '../core/plan-hold.ts';
import { begunMoves, type IndexEntry } from '../core/routing.ts';
import { DocumentRejectedError, IndexUnknownError, NodeUnknownError } from '../errors.ts';
import type { PhaseContext } from '../phases/context.ts';
import { assertNotHeld } from '../phases/held.ts';
import { phases } from '../phases/index.ts';
import { assertMayAct } from '../phases/may-act.ts';
import { LateWrites } from '../phases/late-writes.ts';
import { TargetLoads } from '../phases/target-load.ts';
import { type TaskWatch, watchTasks } from '../phases/task-watch.ts';
import { OUTDATED, OutdatedMove, undo } from '../phases/undo.ts';
import { createEmbedderKeys } from '../nodes/embedder-keys.ts';
import type { JournalWriter, Lease, MoveState, MoveWriter, NodeClient, Permit } from '../ports.ts';
import { type Claims, startClaims } from '../queue/claims.ts';
import { createMoveQueue } from '../queue/flows.ts';
import { withProgress } from '../queue/job-keys.ts';
import { PhaseRunner, type PhaseWork } from '../queue/phase-runner.ts';
import { MoveSlots } from '../queue/slots.ts';
import { showProgress, writeCheckpoint } from '../redis/checkpoint.ts';
import { accessOf } from '../redis/access.ts';
import { connect } from '../redis/connection.ts';
import { createJournalWriter } from '../redis/journal-writer.ts';
import { rebalanceScope } from '../redis/keys.ts';
import { createMoveWriter } from '../redis/move-writer.ts';
import { type Base, type Running, closeBase, openBase, openLeases, serveMetrics } from './base.ts';

/** Exit code of a process that cannot be sure that its requests have ended. */
const EXIT_UNSETTLED = 75;

/** The phases of one index, wired to the lease that allows them. */
function phaseWork(
  base: Base,
  loads: TargetLoads,
  lease: Lease,
  { writer, journal }: { readonly writer: MoveWriter; readonly journal: JournalWriter },
  stopping: () => AbortSignal,
  hurry: (move: MoveState) => Promise<void>,
): PhaseWork {
  const { config, records, repairs, planHolds, throttles, nodes, clock, observer, timings, failpoint, logger } = base;
  const keyOf = createEmbedderKeys(config.embedderKeys);
  const late = new LateWrites(clock, timings.residueMs);
  const watches = new Map<string, TaskWatch>();
  let entry: IndexEntry | null = null;

  const contextFor = async (move: MoveState, checkpoint: PhaseContext['checkpoint']): Promise<PhaseContext> => {
    const topology = await records.topology();
    // What the registry says of an index never changes.
    entry ??= await records.index(move.index);
    if (entry === null) throw new IndexUnknownError(`index ${move.index} is not registered any more`);
    // A process that drains waits for the answers of what it has sent: they tell its successor what to expect.
    const permit: Permit = { signal: stopping(), writeSignal: lease.signal, budgetMs: () => lease.budgetMs() };
    const clients = new Map<string, NodeClient>();
    return {
      move,
      entry,
      topology,
      fence: lease.fence,
      permit,
      records,
      writer,
      journal,
      repairs,
      planHolds,
      throttles,
      desired: base.settings,
      async settingsReached(node, version) {
        await base.settings.stamp(lease, { index: move.index, node, version, present: version });
      },
      keyOf,
      node(id) {
        const node = topology.nodes.find((one) => one.id === id);
        if (node === undefined)
          throw new NodeUnknownError(`move ${move.id} names node ${id}, which the topology does not know`);
        const client = clients.get(id) ?? nodes.client(node, permit);
        clients.set(id, client);
        return client;
      },
      refusals: (id) => nodes.refusals(id),
      tasks(client) {
        // By what the client was made of: a node that has another key or URL since is asked there, with that.
        const { id, url, apiKeyRef = '' } = client.node;
        const name = [id, url, apiKeyRef].join(' ');
        const watch = watches.get(name) ?? watchTasks(client, clock, permit.signal);
        watches.set(name, watch);
        return watch;
      },
      loads,
      late,
      settings: config,
      timings,
      clock,
      observer,
      log: logger.child({ index: move.index, move: move.id, shard: move.shard, fence: lease.fence }),
      checkpoint,
      hurry,
    };
  };

  return {
    async run(phase, move, checkpoint) {
      await assertMayAct(records, move);
      await assertNotHeld(planHolds, move);
      // It goes on: what it says meanwhile must not be that it is paused.
      if (isHoldReason(move.waiting?.reason ?? '')) await writer.note(move.id, { waiting: '' });
      const context = await contextFor(move, checkpoint);
      await failpoint.within(phase, () => phases[phase].run(context));
    },
    async undo(move, outcome, why) {
      await assertMayAct(records, move);
      const context = await contextFor(move, () => Promise.resolve());
      await failpoint.within('Undo', () => undo(context, outcome, why));
    },
    isSure: () => late.areOver,
    outcomeOf(error) {
      if (error instanceof OutdatedMove) return { outcome: 'cancelled', why: `${OUTDATED}: ${error.message}` };
      if (error instanceof DocumentRejectedError) return { outcome: 'failed', why: error.message };
      return null;
    },
  };
}

/** The claims of a process: takes indexes, holds their leases, runs their phases. */
function openClaims(base: Base, connection: ReturnType<typeof connect>): { claims: Claims; close(): Promise<void> } {
  const { config, records, clock, observer, timings, failpoint, logger, scripts, holder } = base;
  const { watch, leases } = openLeases(base);
  const loads = new TargetLoads({ ...config, windowDocs: config.migrationBatchSize }, observer);
  const slots = new MoveSlots(config.maxConcurrentMigrations);
  const moveQueue = createMoveQueue({ connection, failpoint, logger });
  const claims: Claims = startClaims({
    ...config,
    connection,
    leases,
    scopeOf: rebalanceScope,
    slots,
    timings,
    clock,
    failpoint,
    holder,
    logger,
    freePlaces: (moveId) => records.freePlaces(moveId, config.movesPerNode),
    begunMoves: async (index) => begunMoves(await records.table(index)),
    runnerFor: (_index, lease, { stopping, onProgress, onFull, onFree }) => {
      const writers = {
        writer: createMoveWriter({ ...config, scripts, lease }),
        journal: createJournalWriter({ scripts, lease }),
      };
      return new PhaseRunner({
        records,
        writer: writers.writer,
        lease,
        work: phaseWork(base, loads, lease, writers, stopping, (move) => moveQueue.promote(move)),
        slots,
        clock,
        observer,
        logger,
        checkpoint: async (job, token, move, progress) => {
          await writeCheckpoint(
            scripts,
            lease,
            { moveId: move.id, planId: move.planId, token, ...withProgress(job, progress) },
            progress,
          );
        },
        show: async (job, token, move) => showProgress(scripts, { token, ...withProgress(job, move) }),
        onProgress,
        onFull,
        onFree,
        claimAt: (index, dueMs) => claims.claimAt(index, dueMs),
      });
    },
    onUnsettled: (index) => {
      logger.error({ index }, 'requests did not end after the lease was lost: ending this process');
      process.exit(EXIT_UNSETTLED);
    },
  });
  return {
    claims,
    async close() {
      await claims.close();
      watch.stop();
      await moveQueue.close();
    },
  };
}

/** A worker process: claims indexes and moves their shards. */
export async function startRebalancer(config: Config): Promise<Running> {
  const base = await openBase(config, 'rebalancer');
  const connection = connect({ ...accessOf(config), kind: 'queue', logger: base.logger });
  const mover = openClaims(base, connection);
  const metrics = await serveMetrics(base, mover.claims.serving);
  base.logger.info({ holder: base.holder, metrics: metrics?.url }, 'rebalancer runs');
  return {
    metricsUrl: metrics?.url ?? null,
    async close() {
      await mover.close();
      await metrics?.close();
      connection.disconnect();
      await closeBase(base);
      base.logger.info({ holder: base.holder }, 'rebalancer drained');
    },
  };
}
