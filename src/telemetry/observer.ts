/** What the engine tells, as metrics. Gauges that come from records are set from them before each scrape. */
import type { Observer, Records, RouterObserver } from '../ports.ts';
import { PHASES } from '../core/move.ts';
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

/** Sets the gauges that tell how things are, not what this process did. `serving`: indexes it holds the lease of. */
export async function setGauges(metrics: Metrics, records: Records, serving: ReadonlySet<string>): Promise<void> {
  const moves = await records.unfinishedMoves();
  const inGrace = moves.filter((move) => move.phase === 'DualWriteStopped');
  for (const phase of PHASES) metrics.moves.set({ phase }, moves.filter((move) => move.phase === phase).length);
  metrics.movesInGrace.set(inGrace.length);
  metrics.movesWaiting.reset();
  for (const move of moves) {
    if (move.waiting !== null) metrics.movesWaiting.inc({ reason: move.waiting.reason.split(':')[0] ?? '' });
  }
  const running = moves.some((move) => serving.has(move.index) && move.phase !== 'DualWriteStopped');
  metrics.rebalanceInProgress.set(running ? 1 : 0);
}
