/**
 * Why a move does not get on: a closed list, the same in records, metrics, API, page and commands. What each means, and
 * what unblocks it, is in `src/core/reasons.ts`.
 */
export const WAIT_REASONS = [
  // Its turn has not come.
  'plan_opening',
  'paused_by_operator',
  'all_paused',
  'awaiting_approval',
  'shard_busy',
  'source_full',
  'target_full',
  'queued',
  'no_worker',
  'process_full',
  'move_busy',
  // It waits for somebody else.
  'barrier',
  'grace',
  'hold',
  'hold_over',
  'index_operation',
  'settings',
  'throttled',
  'redis_restarted',
  // A step met another, and is tried again.
  'conflict',
  'phase',
  'held',
  'wish',
  'source_changed',
  // It takes longer than usual.
  'target_backlog',
  'at_work',
  'counted',
  'journal',
  'node_busy',
  'queue',
  // Something is wrong.
  'gate',
  'last_copy',
  'leftovers',
  'redis_lost_writes',
  'slot_full',
  'source_failed',
  'target_failed',
  'verify_differs',
  // Errors by their code (docs/errors.md).
  'miroir_config',
  'miroir_document_rejected',
  'miroir_invariant',
  'miroir_node_busy',
  'miroir_node_origin',
  'miroir_node_protocol',
  'miroir_node_refused',
  'miroir_node_regressed',
  'miroir_node_task_failed',
  'miroir_node_unknown',
  'miroir_node_unreachable',
  'miroir_preflight',
  'miroir_redis_unreachable',
  'unexpected',
] as const;
export type WaitReason = (typeof WAIT_REASONS)[number];

/** A reason and what it is about, as records keep it. */
export type WaitText = `${WaitReason}: ${string}`;
