/** Our views in the words of the original. */
import type { IndexView } from '../../control/indexes.ts';
import type { RebalanceStatus } from '../../control/rebalance.ts';
import type { TopologyView } from '../../control/topology.ts';
import { isSwitched } from '../../core/move.ts';
import type { MoveState } from '../../ports.ts';

const WHOLE = 100;

export function topologyStatus({ nodes, covered }: TopologyView, indexes: readonly IndexView[]) {
  const there = nodes.filter(({ state }) => state !== 'removed');
  return {
    shards: indexes.reduce((sum, { shards }) => sum + shards, 0),
    replication_factor: Math.max(0, ...indexes.map(({ replicationFactor }) => replicationFactor)),
    nodes: there.map(({ id, url, state, shards, note }) => ({
      id,
      address: url,
      status: state,
      shard_count: shards,
      last_seen_ms: null,
      ...(note === null ? {} : { error: note }),
    })),
    degraded_node_count: there.filter(({ state }) => state === 'degraded' || state === 'failed').length,
    rebalance_in_progress: there.some(({ movesIn, movesOut }) => movesIn + movesOut > 0),
    fully_covered: covered,
  };
}

const percentOf = ({ phase, documents, docsMigrated }: MoveState): number =>
  isSwitched(phase) ? WHOLE : Math.min(WHOLE - 1, documents ? Math.floor((WHOLE * docsMigrated) / documents) : 0);

export function statusOf({ plan, moves }: RebalanceStatus, nowMs: number) {
  const percents = moves.map(percentOf);
  const startedMs = plan?.startedAtMs ?? null;
  const sum = percents.reduce((total, percent) => total + percent, 0);
  return {
    in_progress: plan !== null && plan.state !== 'done',
    triggered_by: plan?.why ?? null,
    operation_id: plan?.id ?? null,
    started_at: startedMs,
    phases: moves.map((move, at) => ({
      shard: move.shard,
      index_uid: move.index,
      state: move.phase,
      pct_complete: percents[at] ?? 0,
      source: move.source,
      destination: move.target,
      docs_migrated: move.docsMigrated,
    })),
    overall_pct_complete: moves.length === 0 ? WHOLE : Math.floor(sum / moves.length),
    metrics: {
      documents_migrated_total: plan?.progress.docsMigrated ?? 0,
      current_duration_secs: startedMs === null ? 0 : Math.round(((plan?.endedAtMs ?? nowMs) - startedMs) / 1_000),
      active_jobs: plan?.progress.running ?? 0,
      completed_jobs: plan?.progress.settled ?? 0,
    },
  };
}
