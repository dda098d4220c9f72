/** Moves, page by page, and one of them. */
import { MoveUnknownError } from '../errors.ts';
import type { MoveState, PageAsked } from '../ports.ts';
import { notInList, type Page, pageWith } from './pages.ts';
import type { ControlParts } from './parts.ts';
import { planOf } from './plan-list.ts';
import { type MoveView, type MoveViewParts, viewMoves } from './move-view.ts';

export interface MovesWish extends PageAsked {
  /** `unfinished` by id, `ended` newest first; of a plan all of them, as planned. */
  readonly state: 'unfinished' | 'ended';
  readonly plan: string | null;
}

/** With when it did what (ms since 1970); null: not yet. */
export interface MoveDetails extends MoveView {
  readonly createdAtMs: number;
  readonly startedAtMs: number | null;
  readonly switchedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly windowsVerified: number;
}

/** A plan, and which of its moves. */
const MOVE_ID = /^p\w+(?:-\w+){1,3}$/;

type Parts = Pick<ControlParts, 'records'> & MoveViewParts;

/** Throws `InvalidInputError` for a `from` that is not in the list, `PlanUnknownError`. */
export async function listMoves(parts: Parts, wish: MovesWish): Promise<Page<MoveView>> {
  const { records } = parts;
  const { plan, state, limit, from } = wish;
  // One that has ended meanwhile stands for what came behind it; what can be no move stands for nothing.
  if (from !== null && !MOVE_ID.test(from)) throw notInList(from);
  const page = plan === null ? await records.movePage(state, wish) : await records.planMovePage(plan, wish);
  if (plan !== null && (page === null || page.total === 0)) await planOf(parts, plan);
  if (page === null) throw notInList(from);
  const moves = await records.moves(page.keys.slice(0, limit));
  return pageWith(await viewMoves(parts, moves), page, wish);
}

/** Throws `MoveUnknownError`. */
export async function showMove(parts: Parts, id: string): Promise<MoveDetails> {
  const move = await moveOf(parts, id);
  const { createdAtMs, startedAtMs, switchedAtMs, endedAtMs, windowsVerified } = move;
  const [view] = (await viewMoves(parts, [move])) as [MoveView];
  return { ...view, createdAtMs, startedAtMs, switchedAtMs, endedAtMs, windowsVerified };
}

export async function moveOf({ records }: Pick<Parts, 'records'>, id: string): Promise<MoveState> {
  const move = await records.move(id);
  if (move !== null) return move;
  throw new MoveUnknownError(`there is no move ${id}`, { field: 'move', remedy: 'see `miroir move list`' });
}
