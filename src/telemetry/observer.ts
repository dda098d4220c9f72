/** What the engine tells, as metrics. Gauges that come from records are set from them before each scrape. */
import { GROUP_STATES, groupStateOf } from '../core/groups.ts';
import { byOwnership } from '../core/missed.ts';
import { BROADCAST_PHASES } from '../core/settings-broadcast.ts';
import { PHASES } from '../core/move.ts';
import { judgeNodes, type JudgeOptions } from '../core/observations.ts';
import { withHolds } from '../core/plan-hold.ts';
import { groupsOf, NODE_STATES } from '../core/topology.ts';
import type { WaitReason } from '../errors.ts';
import type {
  MoveState,
  Observations,
  Observer,
  Passes,
  PlanHolds,
  Records,
  RepairLists,
  RouterObserver,
  SettingsObserver,
  SettingsRecord,
  SettingsRecords,
} from '../ports.ts';
import type { Metrics } from './metrics.ts';

const REFUSALS: Readonly<Record<string, string>> = {
  fence: 'fence',
  server: 'fence',
  expired: 'fence',
  lease: 'lease',
  token: 'token',
};

export function createObserver(metrics: Metrics): Observer {
  return {
    lease(scope, what) {
      if (what === 'acquired') metrics.leaderAcquisitions.inc({ scope });
      if (what === 'renewed') metrics.leaderRenewals.inc({ scope });
      if (what === 'lost') metrics.leaderLosses.inc({ scope });
      if (what !== 'renewed') metrics.leader.set({ scope }, what === 'acquired' ? 1 : 0);
    },
    phase(phase, seconds) {
      metrics.movePhaseDuration.observe({ phase }, seconds);
    },
    migrated(documents, bytes) {
      if (documents > 0) metrics.documentsMigrated.inc(documents);
      if (bytes > 0) metrics.bytesMigrated.inc(bytes);
    },
    window(result) {
      metrics.windows.inc({ result });
    },
    differences(count) {
      metrics.verifyDifferences.inc(count);
    },
    settled(seconds) {
      metrics.rebalanceDuration.observe(seconds);
    },
    hold(seconds) {
      metrics.holdDuration.observe(seconds);
    },
    refused(reason) {
      const known = REFUSALS[reason];
      if (known !== undefined) metrics.refusedWrites.inc({ reason: known });
    },
    target(node, { tasks, bytes, paceDocs }) {
      metrics.targetTasksInFlight.set({ node_id: node }, tasks);
      metrics.targetBytesInFlight.set({ node_id: node }, bytes);
      metrics.paceDocuments.set({ node_id: node }, paceDocs);
    },
    event(type, result) {
      metrics.events.inc({ type, result });
    },
    leftovers(index, node, documents) {
      metrics.leftoverDocuments.set({ index, node_id: node }, documents);
    },
    repaired(documents, cleared) {
      metrics.repairedDocuments.inc(documents);
      metrics.repairsCleared.inc(cleared);
    },
    compared({ shards, mismatches, repaired, left }) {
      metrics.antientropyShardsScanned.inc(shards);
      metrics.antientropyMismatchesFound.inc(mismatches);
      metrics.antientropyDocsRepaired.inc(repaired);
      metrics.antientropyDocsLeft.inc(left);
    },
    untagged(index, node, tasks) {
      metrics.untaggedTasks.inc({ index, node_id: node }, tasks);
    },
    unsplit(index, node, documents) {
      metrics.unsplitDocuments.set({ index, node_id: node }, documents);
    },
    duty(duty, result, seconds) {
      metrics.dutyTasks.inc({ duty, result });
      metrics.dutyDuration.observe({ duty }, seconds);
    },
  };
}

export function createRouterObserver(metrics: Metrics): RouterObserver {
  return {
    registration(what) {
      metrics.routerRegistrations.inc({ event: what });
    },
    fault(kind) {
      metrics.routerFaults.inc({ kind });
    },
    write(result) {
      metrics.routerWrites.inc({ result });
    },
    waited(reason, seconds) {
      metrics.routerWait.observe({ reason }, seconds);
    },
    missed(owners) {
      metrics.routerMissed.inc(owners);
    },
  };
}

export function createSettingsObserver(metrics: Metrics): SettingsObserver {
  return {
    mismatch(nodes) {
      metrics.settingsMismatches.inc(nodes);
    },
    driftRepaired(index, node) {
      metrics.settingsDriftRepairs.inc({ index, node_id: node });
    },
  };
}

interface Kept {
  readonly records: Records;
  readonly planHolds: Pick<PlanHolds, 'all'>;
  readonly repairs: Pick<RepairLists, 'sizes'>;
  readonly passes: Pick<Passes, 'list'>;
  readonly settings: Pick<SettingsRecords, 'list'>;
}

/** Sets the gauges that tell how things are, not what this process did. `serving`: indexes it holds the lease of. */
export async function setGauges(
  metrics: Metrics,
  { records, planHolds, repairs, passes, settings }: Kept,
  serving: ReadonlySet<string>,
): Promise<void> {
  const uids = (await records.indexes()).map(({ uid }) => uid);
  setSettingsGauges(metrics, await settings.list(uids));
  const [unfinished, plans, all] = await Promise.all([records.unfinishedMoves(), records.plans(0), planHolds.all()]);
  const moves = withHolds(unfinished, plans, all);
  setMoveGauges(metrics, uids, moves);
  const running = moves.some((move) => serving.has(move.index) && !isInGrace(move));
  metrics.rebalanceInProgress.set(running ? 1 : 0);
  metrics.repairEntries.reset();
  metrics.formerCopies.reset();
  for (const uid of uids) {
    const lists = await repairs.sizes(uid);
    const table = lists.length === 0 ? null : await records.table(uid);
    const { owners, former } = byOwnership(lists, table?.shards ?? []);
    metrics.repairEntries.set(
      { index: uid },
      owners.reduce((sum, { ids }) => sum + ids, 0),
    );
    metrics.formerCopies.set({ index: uid }, former.length);
  }
  const last = (await passes.list()).find(({ completed_at }) => completed_at !== null);
  metrics.antientropyLastScanCompleted.set((last?.completed_at ?? 0) / 1_000);
}

type MoveOfGauges = Pick<MoveState, 'index' | 'shard' | 'phase' | 'waiting'>;
const isInGrace = ({ phase }: MoveOfGauges): boolean => phase === 'DualWriteStopped';
const reasonOf = ({ waiting }: MoveOfGauges): WaitReason | undefined => waiting?.code;
/** Waits for a place in the process that has taken the index: there is work, and nothing else to wait for. */
const FOR_A_PLACE: ReadonlySet<WaitReason> = new Set(['process_full', 'move_busy']);

/** Of each shard the move whose turn it is: the one that has begun, else the first of the others. */
function foremost(moves: readonly MoveOfGauges[]): MoveOfGauges[] {
  const turns = new Map<string, MoveOfGauges>();
  for (const move of moves.filter((one) => !isInGrace(one))) {
    const shard = `${move.index}/${move.shard}`;
    if (!turns.has(shard) || move.phase !== 'Idle') turns.set(shard, move);
  }
  return [...turns.values()];
}

export function setMoveGauges(metrics: Metrics, uids: readonly string[], moves: readonly MoveOfGauges[]): void {
  for (const phase of PHASES) metrics.moves.set({ phase }, moves.filter((move) => move.phase === phase).length);
  metrics.movesInGrace.set(moves.filter(isInGrace).length);
  metrics.movesWaiting.reset();
  for (const reason of moves.map(reasonOf)) if (reason !== undefined) metrics.movesWaiting.inc({ reason });
  metrics.movesRunnable.reset();
  for (const index of uids) metrics.movesRunnable.set({ index }, 0);
  for (const move of foremost(moves)) {
    const reason = reasonOf(move);
    if (reason === undefined || FOR_A_PLACE.has(reason)) metrics.movesRunnable.inc({ index: move.index });
  }
}

/** The same of nodes: how the planner that leads holds them, and whether it would act on what observers say now. */
export async function setNodeGauges(
  metrics: Metrics,
  records: Pick<Records, 'topology'>,
  observations: Pick<Observations, 'read'>,
  options: JudgeOptions,
): Promise<void> {
  const topology = await records.topology();
  for (const gauge of [metrics.nodeHealthy, metrics.nodeState, metrics.nodeFlapping]) gauge.reset();
  for (const { id, state, seen } of topology.nodes.filter((node) => node.state !== 'removed')) {
    metrics.nodeHealthy.set({ node_id: id }, state === 'degraded' || state === 'failed' ? 0 : 1);
    metrics.nodeFlapping.set({ node_id: id }, seen?.flapping ? 1 : 0);
    for (const one of NODE_STATES) metrics.nodeState.set({ node_id: id, state: one }, one === state ? 1 : 0);
  }
  metrics.groupState.reset();
  for (const group of groupsOf(topology)) {
    const state = groupStateOf(topology, group);
    const labels = { replica_group: String(group) };
    for (const one of GROUP_STATES) metrics.groupState.set({ ...labels, state: one }, one === state ? 1 : 0);
  }
  const { brake, observers } = judgeNodes(topology, await observations.read(), options);
  metrics.healBrake.set(brake === null ? 0 : 1);
  metrics.observers.set(observers);
}

function setSettingsGauges(metrics: Metrics, records: readonly SettingsRecord[]): void {
  for (const gauge of [metrics.settingsVersion, metrics.settingsPhase, metrics.settingsFrozen]) gauge.reset();
  for (const { index, version, broadcast, frozen } of records) {
    metrics.settingsVersion.set({ index }, version);
    metrics.settingsPhase.set({ index }, BROADCAST_PHASES.indexOf(broadcast?.status.phase ?? 'Idle'));
    metrics.settingsFrozen.set({ index }, frozen === null ? 0 : 1);
  }
}
