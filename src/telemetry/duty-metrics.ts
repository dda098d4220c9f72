/** The metrics of the reconcilers' duties and of settings, a part of the table. */
import { GROUP_STATES } from '../core/groups.ts';
import { type MetricDefinition, NONE, PHASE_BUCKETS } from './metric-definition.ts';

export const DUTY_METRICS = {
  groupState: {
    name: 'miroir_replica_group_state',
    type: 'gauge',
    help: '1 for the state that the replica group is in, else 0; from the records',
    labels: { replica_group: null, state: GROUP_STATES },
  },
  leftoverDocuments: {
    name: 'miroir_leftover_documents',
    type: 'gauge',
    help: 'Documents on a node that neither owns nor is being given their shard, when this process last counted',
    labels: { index: null, node_id: null },
  },
  repairEntries: {
    name: 'miroir_repair_entries',
    type: 'gauge',
    help: 'Entries on the repair lists of owners, from the records: ids that one missed, or one for a whole shard',
    labels: { index: null },
  },
  formerCopies: {
    name: 'miroir_former_copies',
    type: 'gauge',
    help: 'Copies of shards that nodes may still have which left them, from the records; repair may ask for them',
    labels: { index: null },
  },
  repairedDocuments: {
    name: 'miroir_repaired_documents_total',
    type: 'counter',
    help: 'Documents put or deleted on an owner that had missed them',
    labels: NONE,
  },
  repairsCleared: {
    name: 'miroir_repair_entries_cleared_total',
    type: 'counter',
    help: 'Entries taken off repair lists, since their documents were found level',
    labels: NONE,
  },
  untaggedTasks: {
    name: 'miroir_untagged_tasks_total',
    type: 'counter',
    help: 'Writes that came to a node past all routers, found by this process in its task list',
    labels: { index: null, node_id: null },
  },
  unsplitDocuments: {
    name: 'miroir_unsplit_documents',
    type: 'gauge',
    help: 'Documents on a node that lack our fields, when this process last counted: nobody reads them',
    labels: { index: null, node_id: null },
  },
  dutyTasks: {
    name: 'miroir_duty_tasks_total',
    type: 'counter',
    help: 'Tasks of the reconcilers’ duties that this process ran, by duty and how they ended',
    labels: { duty: null, result: null },
  },
  dutyDuration: {
    name: 'miroir_duty_task_duration_seconds',
    type: 'histogram',
    help: 'How long a task of a duty took',
    labels: { duty: null },
    buckets: PHASE_BUCKETS,
  },
  settingsPhase: {
    name: 'miroir_settings_broadcast_phase',
    type: 'gauge',
    help: 'How far a change of the index’s settings is: 0 idle, 1 propose, 2 verify, 3 commit',
    labels: { index: null },
  },
  settingsVersion: {
    name: 'miroir_settings_version',
    type: 'gauge',
    help: 'Version of the index’s settings: how often a change of them was committed',
    labels: { index: null },
  },
  settingsFrozen: {
    name: 'miroir_settings_frozen',
    type: 'gauge',
    help: '1 while writes of the index are refused because the settings of its nodes diverge, else 0',
    labels: { index: null },
  },
  settingsMismatches: {
    name: 'miroir_settings_hash_mismatch_total',
    type: 'counter',
    help: 'Nodes that showed other settings than they were sent, each time',
    labels: NONE,
  },
  settingsDriftRepairs: {
    name: 'miroir_settings_drift_repair_total',
    type: 'counter',
    help: 'Nodes whose settings had drifted and were repaired',
    labels: { index: null, node_id: null },
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;
