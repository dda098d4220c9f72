/** Verifying a whole shard: what the copy left, or all of it anew because of writes that the journal does not name. */
import { SLOTS } from '../core/windows.ts';
import type { Attempt } from '../ports.ts';
import { type PhaseContext, journalOf } from './context.ts';
import { Verifier } from './verify.ts';
import { settleWrites } from './watermark.ts';

export class ShardVerifier {
  readonly #context: PhaseContext;
  readonly #verifier: Verifier;

  constructor(context: PhaseContext) {
    this.#context = context;
    this.#verifier = new Verifier(context);
  }

  /** Verifies what is not verified yet, from the record's offset. */
  async rest(): Promise<void> {
    const { move, settings } = this.#context;
    if (settings.unsafeSkipVerify || this.#verifier.progress.verifiedOffset >= SLOTS) return;
    const { docsMigrated, lastOffset } = move;
    await this.#verifier.upTo(SLOTS, (progress) =>
      this.#context.checkpoint({ docsMigrated, lastOffset, fields: { ...progress } }),
    );
  }

  /**
   * Verifies every window anew, begun when both nodes have applied what they had accepted. Closes the reverify counts
   * that were no longer open then: their deletes are applied on the source, and every batch read before on the target.
   */
  async anew(counts: readonly Attempt[]): Promise<void> {
    const { move, journal } = this.#context;
    await settleWrites(this.#context, this.#context.node(move.source));
    await settleWrites(this.#context, this.#context.node(move.target));
    this.#verifier.restart();
    await this.rest();
    if (counts.length > 0) await journal.closeReverify(journalOf(move), counts);
  }
}
