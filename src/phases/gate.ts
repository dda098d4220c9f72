/**
 * The gate before the hold: it opens when the hold will be short and nothing went past the journal. While it is closed
 * the move goes on catching up and verifying, a bounded number of times; then it waits with the reason.
 */
import { MoveWaitingError, messageOf } from '../errors.ts';
import type { JournalState, NodeClient, NodeTask, RouteRead } from '../ports.ts';
import { type Floors, auditNodes, takeUp } from './audit.ts';
import { catchUp } from './catch-up.ts';
import { type PhaseContext, journalOf } from './context.ts';
import { equalizeSettings } from './index-settings.ts';
import { assertNoIndexOperation } from './preflight.ts';
import { isShort, press, sizeText, stateOf } from './pressure.ts';
import { behind } from './queue-age.ts';
import { ShardVerifier } from './verify-shard.ts';
import { assertNodesIntact } from './watermark.ts';

/** Looks before the move gives its place to another one. */
const ROUNDS = 6;
/** Tasks after which the record says how far both lists were looked through. */
const FAR = 500;
/** Verifications begun anew because somebody wrote past the routers, before the move waits and says so. */
const FOREIGN_ROUNDS = 3;
/** A delete by filter is on its way for as long as a node takes to accept it. */
const COUNT_PATIENCE_MS = 1_500;
const COUNT_POLL_MS = 25;

export class Gate {
  readonly #context: PhaseContext;
  readonly #source: NodeClient;
  readonly #target: NodeClient;
  readonly #verifier: ShardVerifier;
  #isShut = false;

  constructor(context: PhaseContext) {
    this.#context = context;
    this.#source = context.node(context.move.source);
    this.#target = context.node(context.move.target);
    this.#verifier = new ShardVerifier(context);
  }

  /** Returns the newest uids looked at on both nodes. Throws `MoveWaitingError` with what keeps it closed. */
  async pass(read: RouteRead): Promise<Floors> {
    const { move } = this.#context;
    const [takenFloor] = await Promise.all([takeUp(this.#context, this.#target), this.#assertSameSettings()]);
    // Another source was named since: every window is verified against it.
    await this.#verifier.rest();
    let floors: Floors = { source: move.sourceFloor ?? -1, target: move.targetFloor ?? -1 };
    let foreignRounds = 0;
    for (let round = 1; ; round += 1) {
      const [audit, state] = await Promise.all([
        auditNodes(this.#context, this.#source, this.#target, floors, takenFloor),
        stateOf(this.#context),
        assertNodesIntact(this.#context),
      ]);
      // What is looked through once is not looked through again, however often the move comes back here.
      const isFar = audit.floors.source - floors.source + audit.floors.target - floors.target > FAR;
      floors = audit.floors;
      if (audit.foreign.length > 0) await this.#verifyForeign(audit.foreign, state, (foreignRounds += 1));
      if (audit.foreign.length > 0 || isFar) {
        await this.#context.writer.note(move.id, {
          fields: { sourceFloor: floors.source, targetFloor: floors.target },
        });
      }
      if (audit.foreign.length > 0) continue;
      if (!audit.isWhole) {
        if (round > ROUNDS) throw new MoveWaitingError('gate: more tasks come than are looked through');
      } else if (state.reverifyOpen > 0 || state.reverify.length > 0) {
        if (round > ROUNDS) throw new MoveWaitingError('counted: deletes by filter come as fast as they are verified');
        await this.#reverify();
      } else if (!isShort(state, this.#context)) {
        if (round > ROUNDS) {
          await press(this.#context, read);
          throw new MoveWaitingError(`journal: ${sizeText(state)}, come as fast as they are carried over`);
        }
        await catchUp(this.#context);
      } else {
        await this.#assertQuick(read, state);
        return floors;
      }
    }
  }

  /** Lets deletes by filter in again; what goes wrong with that ends by itself, they wait for 2 s at most. */
  async open(): Promise<void> {
    const { journal, move, log } = this.#context;
    if (!this.#isShut) return;
    this.#isShut = false;
    await journal
      .setGate(journalOf(move), false)
      .catch((error: unknown) => log.debug({ problem: messageOf(error) }, 'the gate stays set'));
  }

  /** A change that a router had checked before the move was there may have reached the source since. */
  async #assertSameSettings(): Promise<void> {
    await assertNoIndexOperation(this.#context, this.#source);
    await equalizeSettings(this.#context, this.#source, this.#target);
  }

  async #verifyForeign(tasks: readonly NodeTask[], state: JournalState, round: number): Promise<void> {
    const { log } = this.#context;
    const [first] = tasks;
    log.warn({ task: first?.uid, writes: tasks.length }, 'somebody else wrote the shard: verifying it again');
    if (round > FOREIGN_ROUNDS) throw new MoveWaitingError(`gate: task ${first?.uid} wrote the shard past the routers`);
    await this.#verifier.anew(state.reverify);
  }

  /** New counts wait while the gate is shut, so that a stream of them ends. */
  async #reverify(): Promise<void> {
    const { journal, move, clock, permit } = this.#context;
    if (!this.#isShut) {
      this.#isShut = true;
      await journal.setGate(journalOf(move), true);
    }
    const giveUpAtMs = clock.monotonic() + COUNT_PATIENCE_MS;
    for (;;) {
      const state = await stateOf(this.#context);
      if (state.reverifyOpen === 0) {
        await this.#verifier.anew(state.reverify);
        return;
      }
      if (clock.monotonic() > giveUpAtMs) throw new MoveWaitingError('counted: a delete by filter is on its way');
      await clock.sleep(COUNT_POLL_MS, permit.signal);
    }
  }

  /** Routers answer at once, and what a settling document waits for is short. Nobody waits where there is no router. */
  async #assertQuick(read: RouteRead, state: JournalState): Promise<void> {
    const { records, entry, move, timings, loads } = this.#context;
    // A router that has been silent for half of what it may be would hold the switch up until its entry is over.
    const restMs = timings.routerEntryMs - timings.routerLapseMs / 2;
    const answer = await records.barrier(entry.uid, move.shard, read.route.epoch, restMs);
    if (!answer.open) throw new MoveWaitingError(`barrier: ${answer.reason}, asked before the hold`);
    loads.of(move.target).learnClients(answer.routers);
    if (answer.routers === 0 && state.size === 0) return;
    const [source, target] = await Promise.all([
      behind(this.#context, this.#source),
      behind(this.#context, this.#target),
    ]);
    const late = source ?? target;
    if (late === null) return;
    await press(this.#context, read);
    throw new MoveWaitingError(`queue: ${late}`);
  }
}
