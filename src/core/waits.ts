/**
 * Which reason holds for a move that does not get on: the one that a worker has noted, as long as that still stands, else what
 * its surroundings tell. It has exactly one.
 */
import type { WaitReason } from '../errors.ts';
import { type Move, isSwitched } from './move.ts';
import type { NodeTrouble } from './observations.ts';
import { type Named, unblockText } from './reasons.ts';

/** A move that was not seen to get on for this long is asked why; one whose worker died, at once. */
export const STILL_MS = 30_000;

/** What its record says of a move. */
export interface StandingMove extends Named, Pick<Move, 'phase' | 'outcome'> {
  readonly startedAtMs: number | null;
  /** When it last got on: a phase, a switch, a window that was applied. */
  readonly progressAtMs: number;
  readonly waiting: { readonly code: WaitReason; readonly reason: string; readonly sinceMs: number } | null;
}

/** What stands around a move that is still. */
export interface Surroundings {
  readonly planState: 'opening' | 'running' | 'done';
  /** Another move of the shard that is not over and comes first; null when there is none. */
  readonly before: string | null;
  /** Places that are taken at its nodes, and how many each has. */
  readonly outOfSource: number;
  readonly intoTarget: number;
  readonly places: number;
  /** Who holds the lease of the index now. */
  readonly holder: string | null;
  /** When the lease of a holder ran out that has not given it back; null while it is held, and once it was given back. */
  readonly lostAtMs: number | null;
  /** What an operator allows copies into its target; null: no limit. */
  readonly documentsPerSecond: number | null;
  readonly sourceTrouble: NodeTrouble | null;
  readonly targetTrouble: NodeTrouble | null;
  /** An owner beside source and target that can be read; null when there is none. */
  readonly otherOwner: string | null;
}

export interface Wait {
  readonly reason: WaitReason;
  /** The reason, and what it is about. */
  readonly text: string;
  readonly sinceMs: number;
  readonly unblock: string;
}

/** Hold also where nobody serves the index. */
const LASTING: ReadonlySet<WaitReason> = new Set(['grace', 'paused_by_operator', 'all_paused', 'awaiting_approval']);

/** A worker looks at these again within a second, and keeps the lease: where nobody has it they tell what was. */
const MOMENTARY: ReadonlySet<WaitReason> = new Set([
  'shard_busy',
  'process_full',
  'move_busy',
  'hold',
  'index_operation',
  'settings',
  'conflict',
  'phase',
  'held',
  'wish',
  'source_changed',
]);

/** What a node that is not there explains better. */
const EXPLAINED: ReadonlySet<WaitReason> = new Set([
  ...MOMENTARY,
  'source_full',
  'target_full',
  'target_backlog',
  'at_work',
  'node_busy',
  'queue',
  'journal',
]);

const hasNotBegun = ({ phase, startedAtMs }: StandingMove): boolean => phase === 'Idle' && startedAtMs === null;

/** Whether the move waits, or was not seen to get on: its surroundings tell why, or whether what it has noted still holds. */
export function isStill(move: StandingMove, nowMs: number): boolean {
  if (move.outcome !== undefined) return false;
  if (move.waiting !== null) return !LASTING.has(move.waiting.code);
  return hasNotBegun(move) || nowMs - move.progressAtMs >= STILL_MS;
}

/** Whether its worker died at it, however short a while ago it got on. Past its switch a move rests as a rule. */
export const isLeft = (move: StandingMove, lostAtMs: number | null): boolean =>
  lostAtMs !== null &&
  move.outcome === undefined &&
  move.waiting === null &&
  !hasNotBegun(move) &&
  !isSwitched(move.phase);

type Told = readonly [reason: WaitReason, about: string, sinceMs?: number | undefined, node?: string];

/** Why a move does not get on, and since when; null while it does, and once it has ended. */
export function waitOf(move: StandingMove, around: Surroundings | undefined, nowMs: number): Wait | null {
  if (move.outcome !== undefined) return null;
  const { waiting } = move;
  if (waiting !== null && (around === undefined || stands(waiting.code, move, around, nowMs))) {
    const { code, reason, sinceMs } = waiting;
    return { reason: code, text: reason, sinceMs, unblock: unblockText(code, move) };
  }
  if (around === undefined || !(isStill(move, nowMs) || isLeft(move, around.lostAtMs))) return null;
  const [reason, about, sinceMs = waiting?.sinceMs ?? move.progressAtMs, node] =
    waiting !== null
      ? (nodeTrouble(move, around) ?? nobody(move, around))
      : hasNotBegun(move)
        ? notBegun(move, around)
        : begun(move, around);
  return { reason, text: `${reason}: ${about}`, sinceMs, unblock: unblockText(reason, move, node) };
}

/** Whether what a worker has noted is still so. */
function stands(code: WaitReason, move: StandingMove, around: Surroundings, nowMs: number): boolean {
  if (LASTING.has(code)) return true;
  if (EXPLAINED.has(code) && nodeTrouble(move, around) !== null) return false;
  if (around.holder !== null) return true;
  if (code === 'source_full' && around.outOfSource < around.places) return false;
  if (code === 'target_full' && around.intoTarget < around.places) return false;
  return !MOMENTARY.has(code) && (around.lostAtMs === null || nowMs - around.lostAtMs < STILL_MS);
}

const nobody = ({ index }: StandingMove, { lostAtMs }: Surroundings): Told => [
  'no_worker',
  `nobody holds the lease of ${index}`,
  lostAtMs ?? undefined,
];

/** A node of the move that is not there; after the switch it needs none to get on. */
function nodeTrouble(move: StandingMove, around: Surroundings): Told | null {
  const { sourceTrouble: source, targetTrouble: target, otherOwner } = around;
  if (isSwitched(move.phase)) return null;
  if (target?.what === 'failed') return ['target_failed', target.told, target.sinceMs];
  if (source?.what === 'failed' && otherOwner === null)
    return ['source_failed', `${source.told}, and no other owner can be read`, source.sinceMs];
  for (const trouble of [target, source]) {
    if (trouble === null || trouble.what === 'failed') continue;
    const reason = trouble.what === 'silent' ? 'miroir_node_unreachable' : 'miroir_node_refused';
    return [reason, trouble.told, trouble.sinceMs, trouble.node];
  }
  return null;
}

function begun(move: StandingMove, around: Surroundings): Told {
  if (isSwitched(move.phase)) return ['grace', `the copy on its old owner is kept until it is over`];
  const trouble = nodeTrouble(move, around);
  if (trouble !== null) return trouble;
  if (around.holder === null) return nobody(move, around);
  if (move.phase === 'DualWriteStarted' && around.documentsPerSecond !== null)
    return ['throttled', `copies into ${move.target} share ${around.documentsPerSecond} documents/s`];
  if (move.phase === 'DualWriteStarted') return ['target_backlog', `${move.target} has applied none of its windows`];
  return ['at_work', `${around.holder} works on what follows ${move.phase}`];
}

function notBegun(move: StandingMove, around: Surroundings): Told {
  const { before, outOfSource, intoTarget, places, holder } = around;
  if (around.planState === 'opening') return ['plan_opening', `plan ${move.planId} is being written`];
  const trouble = nodeTrouble(move, around);
  if (trouble !== null) return trouble;
  if (before !== null && holder !== null) return ['shard_busy', `move ${before} of this shard is not over`];
  if (before === null && outOfSource >= places)
    return ['source_full', `${outOfSource} of ${places} moves run out of ${move.source}`];
  if (before === null && intoTarget >= places)
    return ['target_full', `${intoTarget} of ${places} moves run into ${move.target}`];
  if (holder === null) return nobody(move, around);
  return ['queued', `${holder} serves ${move.index}, and has not come to it`];
}
