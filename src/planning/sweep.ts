/**
 * Finds what nobody works on and gets it going again: the records are the truth, jobs only nudge, so whatever became of
 * the queue, of a worker or of a planner, every unfinished move has a job and every index with work a claim.
 */
import { isSwitched } from '../core/move.ts';
import { ConflictError } from '../errors.ts';
import type { MoveState } from '../ports.ts';
import { dispatch, needsWorker } from './dispatch.ts';
import type { PlanningParts } from './parts.ts';
import { runnable } from './replan.ts';

/**
 * Gives moves whose turn it is their jobs, and ends graces that hold others up. Returns the moves that wait behind
 * others. With `among` only these are looked at: cheap enough for every second.
 */
export async function giveJobs(parts: PlanningParts, among?: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const { records, queue, writer, logger } = parts;
  const split = dispatch(await runnable(parts, await records.unfinishedMoves()));
  const { hurry, behind } = split;
  const due = among === undefined ? split.due : split.due.filter(({ id }) => among.has(id));
  await hurryUp(parts, hurry);
  // Its job waits for the end of the grace.
  for (const move of split.due) if (move.wish === 'revert') await queue.promote(move);
  const looks = await queue.inspect(due);
  // The record may have moved on between the two looks; then its job went with it.
  const suspects = due.filter((move) => looks.get(move.id) !== 'found');
  const fresh = new Map((await records.moves(suspects.map(({ id }) => id))).map((move) => [move.id, move]));
  const anew: MoveState[] = [];
  for (const old of suspects) {
    const move = fresh.get(old.id);
    if (move === undefined || move.outcome !== undefined || move.phase !== old.phase || move.flow !== old.flow)
      continue;
    if (looks.get(old.id) === 'failed') {
      await queue.retry(move);
      logger.warn({ move: move.id, phase: move.phase }, 'a job that had failed is tried again');
      continue;
    }
    // Another generation of ids: BullMQ takes an add of an id that it still keeps for done.
    const flow = move.flow + 1;
    await writer.note(move.id, { fields: { flow } });
    anew.push({ ...move, flow });
  }
  if (anew.length > 0) {
    await queue.enqueue(anew);
    logger.info({ moves: anew.length, first: anew[0]?.id }, 'moves without a job got one');
  }
  return new Set(behind.map(({ id }) => id));
}

async function hurryUp({ records, queue }: PlanningParts, moves: readonly MoveState[]): Promise<void> {
  for (const move of moves) {
    try {
      await records.wish(move.id, 'now');
    } catch (error) {
      // Ended meanwhile, which is what was wished for.
      if (!(error instanceof ConflictError)) throw error;
      continue;
    }
    await queue.promote(move);
  }
}

/** Asks for a worker for every index that has work. Asking twice is asking once. */
export async function claimIndexes(parts: PlanningParts): Promise<void> {
  const { records, queue, config, clock } = parts;
  const nowMs = clock.now();
  const busy = (await runnable(parts, await records.unfinishedMoves())).filter((move) =>
    needsWorker(move, config.graceMs, nowMs),
  );
  for (const index of new Set(busy.map((move) => move.index))) await queue.claim(index);
}

/** Puts holds back that nobody ended, so that a mover that died keeps no client waiting. */
export async function endHolds({ records, logger }: PlanningParts): Promise<void> {
  // A hold lies within the phase job after this phase.
  for (const { index, shard, id } of (await records.unfinishedMoves()).filter(
    (move) => move.phase === 'MigrationComplete',
  )) {
    const read = await records.route(index, shard);
    if (read.route.state !== 'held') continue;
    if (await records.endHold(index, read))
      logger.warn({ index, shard, move: id }, 'a hold was over and nobody ended it');
  }
}

/** Ends the turns of routers that died with them, so that what their owners missed is listed (R9). */
export async function endDeadTurns({ records, turns, logger }: PlanningParts): Promise<void> {
  for (const { uid, shards } of await records.indexes()) {
    const ended = await turns.endAllDead(uid, shards);
    if (ended > 0) logger.info({ index: uid, turns: ended }, 'ended the turns of routers that are gone');
  }
}

/**
 * Moves that were given up because the routes had changed under them, or taken back because their target was lost: their
 * shards have to be planned anew.
 */
export const isOutdated = (move: MoveState): boolean =>
  move.outcome === 'reverted' || (move.outcome === 'cancelled' && move.wish !== 'cancel');

/** Whether the move still has to bring the node a shard. */
export const brings = (move: MoveState, nodeId: string): boolean =>
  move.target === nodeId && move.outcome === undefined && !isSwitched(move.phase) && !move.cancelWished;
