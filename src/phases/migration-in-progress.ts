/**
 * Enters with: writes of the shard are tracked; the target holds nothing of it but windows that this move has sent, or a
 * copy of its own that is brought level and that nobody else changes.
 * Leaves with: every window's task has succeeded on the target, or every window was found equal on both nodes.
 * Safe to repeat because: windows replace whole documents by what the source has, and those already sent are found by
 * their tags.
 * Meanwhile: the old owners are written and read; the target has one writer, the mover (I2).
 */
import type { Phase } from './context.ts';
import { copyShard } from './copy.ts';
import { levelShard } from './level.ts';
import { accepted } from './routes.ts';
import { ensureSource } from './source.ts';

export const migrationInProgress: Phase = {
  name: 'MigrationInProgress',
  async run(context) {
    const { move } = context;
    await ensureSource(context);
    await (move.level ? levelShard(context) : copyShard(context));
    const reply = await context.writer.advance(move, {
      to: 'MigrationInProgress',
      unlessCancelled: true,
      what: 'MigrationInProgress',
    });
    accepted(reply, 'the phase');
  },
};
