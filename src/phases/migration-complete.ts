/**
 * Enters with: every window was applied on the target.
 * Leaves with: every window was found equal on source and target (count and digest).
 * Safe to repeat because: comparing changes nothing, and a repair makes the target what the source is.
 * Meanwhile: the old owners are written and read; the target has one writer, the mover (I2).
 */
import { SLOTS } from '../core/windows.ts';
import { takeUp } from './audit.ts';
import type { Phase, PhaseContext } from './context.ts';
import { accepted } from './routes.ts';
import { ensureSource } from './source.ts';
import { Verifier } from './verify.ts';
import { assertNodesIntact } from './watermark.ts';

/** Verifies what is not verified yet, from the record's offset or from the start. */
export async function verifyRest(context: PhaseContext, fromStart: boolean): Promise<void> {
  const { move, settings } = context;
  if (settings.unsafeSkipVerify) return;
  if (!fromStart && move.verifiedOffset >= SLOTS) return;
  const verifier = new Verifier(context);
  if (fromStart) verifier.restart();
  await verifier.upTo(SLOTS, async (progress) => {
    await context.checkpoint({
      docsMigrated: move.docsMigrated,
      lastOffset: move.lastOffset,
      fields: { ...progress },
    });
  });
}

export const migrationComplete: Phase = {
  name: 'MigrationComplete',
  async run(context) {
    const { move } = context;
    await ensureSource(context);
    // What the copy verified to the end is looked at again by the gate of the next phase.
    if (move.verifiedOffset < SLOTS) {
      await Promise.all([assertNodesIntact(context), takeUp(context, context.node(move.target))]);
    }
    await verifyRest(context, false);
    const reply = await context.writer.advance(move, {
      to: 'MigrationComplete',
      unlessCancelled: true,
      what: 'MigrationComplete',
    });
    accepted(reply, 'the phase');
  },
};
