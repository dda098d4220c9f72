/** What each reason of the closed list (`src/errors/waits.ts`) means, and what unblocks it. */
import { WAIT_REASONS, type WaitReason } from '../errors.ts';
import type { Move } from './move.ts';

export interface ReasonText {
  /** What it means. */
  readonly means: string;
  /** What ends it; `<id>`, `<index>`, `<shard>`, `<source>`, `<target>` and `<plan>` stand for those of the move. */
  readonly unblock: string;
}

const BY_ITSELF = 'nothing to do: it goes on by itself';
const AGAIN = 'nothing to do: the step is tried again at once';

export const REASONS: Readonly<Record<WaitReason, ReasonText>> = {
  plan_opening: {
    means: 'its plan is still being written',
    unblock: 'nothing to do; when it stays, see that a planner runs: `miroir doctor`',
  },
  paused_by_operator: {
    means: 'an operator has paused its plan',
    unblock: 'go on with it: `miroir plan resume <plan>`',
  },
  all_paused: {
    means: 'an operator has paused all plans',
    unblock: 'go on with them: `miroir plan resume --all`',
  },
  awaiting_approval: {
    means: 'its plan has not been approved yet',
    unblock: 'look at the plan and approve it: `miroir plan show <plan>`, `miroir plan apply <plan>`',
  },
  shard_busy: { means: 'another move of the shard is not over', unblock: BY_ITSELF },
  source_full: {
    means: 'the source has moves_per_node moves out',
    unblock: 'nothing to do: the next place at <source> may be its own; raise moves_per_node to have more at a time',
  },
  target_full: {
    means: 'the target has moves_per_node moves in',
    unblock: 'nothing to do: the next place at <target> may be its own; raise moves_per_node to have more at a time',
  },
  queued: {
    means: 'other moves of the index are before it',
    unblock: 'nothing to do; raise moves_per_node or max_concurrent_migrations to have more at a time',
  },
  no_worker: {
    means: 'no process holds the lease of the index: no worker runs, or one takes over from a worker that died',
    unblock: 'nothing for 15 s; then start a worker: `miroir worker`',
  },
  process_full: {
    means: 'the process that serves the index runs max_concurrent_migrations moves',
    unblock: 'nothing to do; more workers, or a higher max_concurrent_migrations, bring it on sooner',
  },
  move_busy: { means: 'another job of this move is at work in this process', unblock: BY_ITSELF },
  barrier: {
    means: 'a router has not acknowledged the epoch, or Redis was restarted less than 12 s ago',
    unblock: 'nothing for 15 s; a router that stays behind is cut off from Redis: look at the one that is named',
  },
  grace: {
    means: 'the retiring copy is kept for grace_ms; the shard is served by its new owner',
    unblock: 'nothing to do: a newer move of the shard ends it early',
  },
  hold: { means: 'another holder’s hold of the shard is not over', unblock: 'nothing to do: it lasts hold_ms at most' },
  hold_over: {
    means: 'a hold ended before the switch',
    unblock: 'nothing to do; when it comes often, raise hold_ms: routers take longer to acknowledge',
  },
  index_operation: {
    means: 'an unfinished swap, rename, deletion or edit of the index on a node',
    unblock: 'let that task end, or cancel it on the node',
  },
  settings: {
    means: 'the index’s settings are being changed',
    unblock: 'nothing to do; when it stays, see which node indexes for long: `miroir settings show <index>`',
  },
  throttled: {
    means: 'an operator’s throttle, or the pace that clients leave, holds it back',
    unblock: 'nothing to do, or raise the throttle: `miroir throttle show`',
  },
  redis_restarted: {
    means: 'Redis runs anew, and the planner has not taken that up yet',
    unblock: 'nothing for 15 s; then see that a planner runs: `miroir doctor`',
  },
  conflict: { means: 'the route changed while the step was decided', unblock: AGAIN },
  phase: { means: 'the record moved on while the step was decided', unblock: AGAIN },
  held: { means: 'its plan was paused while the step was decided', unblock: AGAIN },
  wish: { means: 'a cancel came while the step was decided', unblock: 'nothing to do: it is carried out' },
  source_changed: {
    means: 'another owner is read: the source failed, or missed more',
    unblock: 'nothing to do: every window is verified against it',
  },
  target_backlog: {
    means: 'its windows wait in the queue of the target, and none was applied for half a minute',
    unblock: 'give <target> room: a long queue, a slow disk or a full one is shown by `miroir doctor`',
  },
  at_work: {
    means: 'its phase is at work, and has brought nothing to its end for half a minute',
    unblock: 'nothing to do; when it stays, see what <source> and <target> index: `miroir doctor`',
  },
  counted: {
    means: 'a delete by filter came, and no full verify has covered it yet',
    unblock: 'nothing to do: the shard is verified again',
  },
  journal: {
    means: 'more ids were written than are carried over before the switch',
    unblock: 'nothing to do; when it stays, clients write faster than <target> indexes: give it room',
  },
  node_busy: {
    means: 'a node is full, fails tasks, or still indexes',
    unblock: 'read its words: disk, memory, long queue; give it room',
  },
  queue: {
    means: 'tasks of source or target wait for longer than two batches last',
    unblock: 'give that node room; from the tenth time on writes of the shard are answered later',
  },
  gate: {
    means: 'somebody writes the shard past the routers, again and again',
    unblock: 'stop that writer: the task’s number is in the reason',
  },
  last_copy: {
    means: 'a copy that would be deleted may be the last one of some documents',
    unblock: 'see that a reconciler runs and no node has lost its data; delete nothing by hand: docs/operations.md',
  },
  leftovers: {
    means: 'documents of the shard are left after a delete',
    unblock: 'find who writes that copy, else nothing',
  },
  redis_lost_writes: {
    means: 'Redis lost writes about this shard: it is frozen',
    unblock: 'compare its copies, then `miroir index thaw <index> <shard> --yes`',
  },
  slot_full: {
    means: 'more than 100,000 documents share one of a shard’s 65,536 slots',
    unblock: 'look at their `_miroir_slot`: somebody wrote it by hand; send them again through a router',
  },
  source_failed: {
    means: 'the source has failed and no other owner can be read',
    unblock:
      'bring it or another copy back, then `miroir event send NodeRecovered`; for good: `miroir move accept-loss <id>`',
  },
  target_failed: {
    means: 'the target has failed',
    unblock:
      'bring it back, then `miroir event send NodeRecovered`; else the move is replaced once its copies are restored elsewhere',
  },
  verify_differs: {
    means: 'windows, or a document that settles, differ after four repairs',
    unblock: 'somebody writes the target, or a node alters documents: compare the documents of those slots',
  },
  miroir_config: {
    means: 'the worker lacks a key or an origin that this move needs',
    unblock: 'correct the worker’s configuration (`miroir config print`) and start it again',
  },
  miroir_document_rejected: {
    means: 'the target rejects a document of a shard that settles',
    unblock: 'correct that document, or what <target> refuses in it, through a router',
  },
  miroir_invariant: {
    means: 'a record contradicts itself',
    unblock: 'report it, with the audit stream: nothing is repaired silently',
  },
  miroir_node_busy: {
    means: 'a node is full or busy',
    unblock: 'read its words: disk, memory, long queue; give it room',
  },
  miroir_node_origin: {
    means: 'a node’s URL is not within node_origins',
    unblock: 'allow it in node_origins of the workers, or correct the node’s URL',
  },
  miroir_node_protocol: {
    means: 'a node’s answer is not one of Meilisearch',
    unblock: 'see what stands between the worker and the node: a proxy, another server',
  },
  miroir_node_refused: {
    means: 'a node refuses a request',
    unblock: 'read its words: most often its key may not do that; correct the key in the workers’ configuration',
  },
  miroir_node_regressed: {
    means: 'a node has lost data that it had',
    unblock: 'bring it back with its data, or say that it has failed: `miroir node fail <node>`',
  },
  miroir_node_task_failed: {
    means: 'a task of a node has failed',
    unblock: 'read the node’s words, and mend what they name',
  },
  miroir_node_unknown: {
    means: 'the topology has no such node any more',
    unblock: 'nothing to do: the next plan replaces the move; see `miroir node list`',
  },
  miroir_node_unreachable: {
    means: 'a node does not answer',
    unblock: 'bring it back; one that is lost: `miroir node fail <node>`',
  },
  miroir_preflight: {
    means: 'source and target cannot take part: versions or settings differ, or there is no room',
    unblock: 'make equal what the reason names, or give the target room',
  },
  miroir_redis_unreachable: { means: 'Redis did not answer', unblock: 'bring Redis back; the move goes on by itself' },
  unexpected: {
    means: 'an error that is none of this list: it is in the log',
    unblock: 'look at the worker’s log; a defect: report it',
  },
};

const KNOWN: ReadonlySet<string> = new Set(WAIT_REASONS);

/** The reason that a text of the records begins with; what is none of the list (of another version, too) is `unexpected`. */
export function reasonOf(text: string): WaitReason {
  const [head = ''] = text.split(':', 1);
  return KNOWN.has(head) ? (head as WaitReason) : 'unexpected';
}

/** How an error of that code is noted. */
export const reasonOfError = (code: string): WaitReason => (KNOWN.has(code) ? (code as WaitReason) : 'unexpected');

export type Named = Pick<Move, 'id' | 'index' | 'shard' | 'source' | 'target' | 'planId'>;

/** What unblocks a move, in its own names; `node` is the one that the reason is about, where that is known. */
export function unblockText(reason: WaitReason, move: Named, node?: string): string {
  const names: Readonly<Record<string, string | number | undefined>> = {
    id: move.id,
    index: move.index,
    shard: move.shard,
    source: move.source,
    target: move.target,
    plan: move.planId,
    node,
  };
  return REASONS[reason].unblock.replace(/<(\w+)>/g, (placeholder, name: string) => String(names[name] ?? placeholder));
}
