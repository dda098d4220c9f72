/**
 * What operators say of whole plans, carried out: the jobs of moves that shall not begin go away, those of released ones
 * come back, and a cancel reaches every move that may be undone. The records are the truth: whatever was said while no
 * planner was there, or was cut off half-way, is found by the next sweep; move-start.lua has refused meanwhile.
 */
import { hasBegun, holdsOf, isHoldReason, isKept, type PlanHold } from '../core/plan-hold.ts';
import type { PlannedMove } from '../core/move.ts';
import { ConflictError } from '../errors.ts';
import type { MoveState, PlanRecord } from '../ports.ts';
import type { PlanningParts } from './parts.ts';
import { runnable } from './replan.ts';

/** Ended plans that are looked through for what was cancelled. */
const PLANS_REMEMBERED = 10;
/** Wishes left at a time. */
const WISHES_AT_A_TIME = 50;

/** What a move comes to, whichever plan it is of. */
export const wayOf = ({ index, shard, target }: PlannedMove): string => `${index}/${shard}/${target}`;

interface Said {
  readonly plans: readonly PlanRecord[];
  readonly all: PlanHold | null;
}

/** What was said, as text to compare: plans of which nothing is said are left out. */
const textOf = ({ plans, all }: Said): string => {
  const said = plans.filter(({ held, cancelled }) => held !== null || cancelled !== null);
  return JSON.stringify([all, said.map(({ id, held, cancelled }) => [id, held, cancelled])]);
};

export class Orders {
  readonly #parts: PlanningParts;
  #done = '';
  /** Holds whose moves have no jobs any more. */
  #withdrawn: ReadonlySet<string> = new Set();

  constructor(parts: PlanningParts) {
    this.#parts = parts;
  }

  /** Whether something was said that is not carried out yet: cheap enough for every second. */
  async isNew(): Promise<boolean> {
    return textOf(await this.#said()) !== this.#done;
  }

  /** `giveJobs` is called when the wishes are left, and before the moves that may go on are woken. */
  async carryOut(giveJobs: () => Promise<void>): Promise<void> {
    const { records } = this.#parts;
    const said = await this.#said();
    await this.#cancel(said.plans);
    await giveJobs();
    const unfinished = await records.unfinishedMoves();
    await this.#withdraw(said, unfinished);
    const isNew = textOf(said) !== this.#done;
    if (isNew) await this.#wake(said.plans, unfinished);
    this.#done = textOf(said);
  }

  /** Tells moves that no operator has cancelled with their plan: those are planned again when an event asks, not before. */
  async notCancelled(): Promise<(move: PlannedMove) => boolean> {
    const { records } = this.#parts;
    const plans = (await records.plans(PLANS_REMEMBERED)).filter(({ cancelled }) => cancelled !== null);
    const cancelled = new Set<string>();
    for (const { id } of plans) {
      for (const move of await records.moves(await records.planMoveIds(id)))
        if (move.outcome === 'cancelled' && move.wish === 'cancel') cancelled.add(wayOf(move));
    }
    return (move) => !cancelled.has(wayOf(move));
  }

  async #said(): Promise<Said> {
    const { records, planHolds } = this.#parts;
    const [plans, all] = await Promise.all([records.plans(0), planHolds.all()]);
    return { plans: [...plans].sort((a, b) => (a.id < b.id ? -1 : 1)), all };
  }

  async #cancel(plans: readonly PlanRecord[]): Promise<void> {
    const { records, logger } = this.#parts;
    for (const { id, cancelled } of plans) {
      if (cancelled === null) continue;
      const moves = (await records.moves(await records.planMoveIds(id))).filter(isKept);
      if (moves.length === 0) continue;
      logger.info({ plan: id, actor: cancelled.actor, moves: moves.length }, 'a plan is cancelled');
      for (let at = 0; at < moves.length; at += WISHES_AT_A_TIME)
        await Promise.all(moves.slice(at, at + WISHES_AT_A_TIME).map((move) => this.#wish(move)));
    }
  }

  async #wish({ id }: MoveState): Promise<void> {
    try {
      await this.#parts.records.wish(id, 'cancel');
    } catch (error) {
      // It has ended or switched since it was read.
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  async #withdraw({ plans, all }: Said, unfinished: readonly MoveState[]): Promise<void> {
    const { records, queue, logger } = this.#parts;
    const holdOf = holdsOf(plans, all);
    const held = new Map<string, MoveState[]>();
    for (const move of unfinished) {
      const hold = holdOf(move);
      if (hold === null) continue;
      const name = `${move.planId} ${hold.sinceMs}`;
      const known = held.get(name);
      if (known === undefined) held.set(name, [move]);
      else known.push(move);
    }
    const withdrawn = new Set([...this.#withdrawn].filter((name) => held.has(name)));
    for (const [name, moves] of held) {
      if (withdrawn.has(name)) continue;
      const looks = await queue.inspect(moves);
      const found = moves.filter(({ id }) => looks.get(id) !== 'missing').map(({ id }) => id);
      // One that has begun since keeps its jobs.
      const still = (await records.moves(found)).filter((move) => holdOf(move) !== null);
      const kept = await queue.withdraw(still);
      if (still.length > 0)
        logger.info({ plan: moves[0]?.planId, moves: still.length - kept }, 'jobs of held moves withdrawn');
      if (kept === 0) withdrawn.add(name);
    }
    this.#withdrawn = withdrawn;
  }

  /** Moves that a hold has put off, and those that are to be undone, are looked at now. */
  async #wake(plans: readonly PlanRecord[], unfinished: readonly MoveState[]): Promise<void> {
    const cancelled = new Set(plans.filter((plan) => plan.cancelled !== null).map(({ id }) => id));
    const waits = (move: MoveState): boolean =>
      isHoldReason(move.waiting?.reason ?? '') || (cancelled.has(move.planId) && move.cancelWished && hasBegun(move));
    for (const move of await runnable(this.#parts, unfinished)) if (waits(move)) await this.#parts.queue.promote(move);
  }
}
