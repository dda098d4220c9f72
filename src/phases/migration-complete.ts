/**
 * Enters with: every window was applied on the target.
 * Leaves with: every window was found equal on source and target (count and digest), but for documents whose ids are in
 * the journal, and the journal is short.
 * Safe to repeat because: comparing changes nothing, a repair makes the target what the source is, and a journal entry is
 * cleared only when the target has applied what was read for it.
 * Meanwhile: the old owners are written and read; the target has one writer, the mover (I2).
 */
import { SLOTS } from '../core/windows.ts';
import { MoveWaitingError } from '../errors.ts';
import { takeUp } from './audit.ts';
import { catchUp } from './catch-up.ts';
import type { Phase, PhaseContext } from './context.ts';
import { isShort, press, sizeText, stateOf } from './pressure.ts';
import { accepted } from './routes.ts';
import { ensureSource } from './source.ts';
import { ShardVerifier } from './verify-shard.ts';
import { assertNodesIntact } from './watermark.ts';

/** Passes over the journal until it is short enough for the gate. */
const PASSES = 4;

/** Brings over what clients wrote meanwhile, as often as it takes. One pass is enough where they write little. */
async function shorten(context: PhaseContext): Promise<void> {
  const { move, records } = context;
  for (let pass = 1; ; pass += 1) {
    const state = await stateOf(context);
    if (state.size === 0 || (pass > 1 && isShort(state, context))) return;
    if (pass > PASSES) {
      await press(context, await records.route(move.index, move.shard));
      throw new MoveWaitingError(`journal: ${sizeText(state)}, come as fast as they are carried over`);
    }
    await catchUp(context);
  }
}

export const migrationComplete: Phase = {
  name: 'MigrationComplete',
  async run(context) {
    const { move } = context;
    await ensureSource(context);
    // Before anything is sent: what an older fence sends from here on is a straggler.
    await takeUp(context, context.node(move.target));
    await shorten(context);
    // What the copy verified to the end is looked at again by the gate of the next phase.
    if (move.verifiedOffset < SLOTS) {
      await assertNodesIntact(context);
      await new ShardVerifier(context).rest();
    }
    const reply = await context.writer.advance(move, {
      to: 'MigrationComplete',
      unlessCancelled: true,
      what: 'MigrationComplete',
    });
    accepted(reply, 'the phase');
  },
};
