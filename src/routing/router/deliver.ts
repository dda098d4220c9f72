/**
 * Sends parts that are ready to all their owners at once, in as few requests as their nodes, and says of each part what
 * came of it: written, again (nobody has it, or R8 does not let it count), refused, or of unknown outcome.
 */
import { messageOf } from '../../errors.ts';
import type { Clock, Logger, NodeAnswer, RouterObserver, Traffic } from '../../ports.ts';
import { sameOwners } from './choice.ts';
import { verdictOfAnswer, verdictOfError } from './node-verdict.ts';
import type { NodeVerdict } from './node-verdict.ts';
import type { RouterLimits } from './parts.ts';
import type { Payload } from './payload.ts';
import type { Places, WriteSize } from './places.ts';
import type { Chosen, Preparation } from './prepare.ts';
import { verdictOf } from './quorum.ts';
import type { Stamps } from './stamps.ts';
import type { Tables } from './tables.ts';

export type Fate =
  | {
      readonly kind: 'written';
      readonly accepted: ReadonlyMap<string, number>;
      readonly stampMs: number;
      readonly shortGroups: readonly number[];
    }
  /** No owner has it, and one may take it soon. */
  | { readonly kind: 'busy'; readonly why: string; readonly afterMs: number }
  /** Accepted, but the owners or the registration are others now (R8): to be sent again as a second write. */
  | { readonly kind: 'again' }
  /** `isPartial`: another owner has taken it, too few for a quorum. */
  | { readonly kind: 'refused'; readonly answer: NodeAnswer; readonly isPartial: boolean }
  | { readonly kind: 'no quorum'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string };

export interface DeliveryOptions {
  readonly traffic: Traffic;
  readonly tables: Tables;
  readonly preparation: Preparation;
  readonly places: Places;
  readonly stamps: Stamps;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: RouterObserver;
  readonly limits: RouterLimits;
}

/** One sending of parts to all their owners. */
interface Sent {
  readonly attempt: number;
  readonly size: WriteSize;
  /** When, as the documents say, or the tombstones. */
  readonly stampMs: number;
}

/** An answer to a write is a task of some hundred bytes. */
const ANSWER_BYTES_MAX = 65_536;
/** Tries at an owner that is busy while another owner of the same shards may have the write already. */
const BUSY_TRIES = 3;
const BUSY_MS = 50;
const BUSY_MS_MAX = 200;
const NEVER = new AbortController().signal;

export class Delivery {
  readonly #options: DeliveryOptions;
  #attempts = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /**
   * All of one choice: same session, same table. Places at the owners have been taken. `onFate` is called for every
   * part once its turn and its attempt have ended and it is no longer in flight. Never rejects.
   */
  async send(
    payload: Payload,
    size: WriteSize,
    ready: readonly Chosen[],
    onFate: (chosen: Chosen, fate: Fate) => void,
  ): Promise<void> {
    const byNode = new Map<string, Chosen[]>();
    for (const chosen of ready) {
      for (const owner of chosen.route.owners) byNode.set(owner, [...(byNode.get(owner) ?? []), chosen]);
    }
    this.#attempts += 1;
    const sent: Sent = { attempt: this.#attempts, size, stampMs: this.#options.stamps.next() };
    const asked = new Map([...byNode].map(([node, some]) => [node, this.#ask(payload, node, some, sent)]));
    await Promise.all(
      ready.map(async (chosen) => {
        // Only its own owners: a node that hangs keeps no other shard in flight.
        const { owners } = chosen.route;
        const answers = await Promise.all(owners.map(async (owner) => asked.get(owner)));
        const verdicts = new Map(owners.map((owner, at) => [owner, answers[at]]));
        const fate = await this.#settle(payload, chosen, verdicts, sent.stampMs);
        chosen.release();
        onFate(chosen, fate);
      }),
    );
  }

  async #ask(payload: Payload, id: string, some: readonly Chosen[], sent: Sent): Promise<NodeVerdict> {
    const { clock, logger, places } = this.#options;
    const mayBeElsewhere = some.some(({ route }) => route.owners.length > 1);
    try {
      for (let tries = 1; ; tries += 1) {
        const verdict = await this.#askOnce(payload, id, some, sent);
        if (verdict.kind !== 'accepted') {
          const why = verdict.kind === 'refused' ? `answered ${verdict.answer.status}` : verdict.why;
          logger.debug({ node: id, index: payload.index, verdict: verdict.kind, why }, 'write not accepted by a node');
        }
        if (verdict.kind !== 'busy' || !mayBeElsewhere || tries === BUSY_TRIES) return verdict;
        await clock.sleep(Math.min(BUSY_MS_MAX, Math.max(BUSY_MS, verdict.afterMs)));
      }
    } finally {
      places.give(id, sent.size);
    }
  }

  async #askOnce(
    payload: Payload,
    id: string,
    some: readonly Chosen[],
    { attempt, stampMs }: Sent,
  ): Promise<NodeVerdict> {
    const [first] = some;
    const node = first?.snapshot.nodes.get(id);
    if (first === undefined || node === undefined) return { kind: 'down', why: `no node ${id} in the topology` };
    const { session, snapshot } = first;
    // Right before sending, in the same turn: what lapsed meanwhile sends nothing (R1).
    if (!session.isLive()) return { kind: 'busy', why: 'the registration lapsed', afterMs: 0 };
    const tag = JSON.stringify({
      router: session.id,
      epoch: snapshot.table.epoch,
      shards: [...new Set(some.map(({ part }) => part.shard))],
      attempt,
    });
    const { traffic, limits } = this.#options;
    try {
      const parts = some.map(({ part }) => part);
      const answer = await payload.send(traffic.of(node), parts, tag, stampMs, {
        deadlineMs: limits.requestMs,
        signal: NEVER,
        maxBytes: ANSWER_BYTES_MAX,
      });
      return verdictOfAnswer(answer);
    } catch (error) {
      return verdictOfError(error);
    }
  }

  async #settle(
    { removes }: Payload,
    chosen: Chosen,
    verdicts: ReadonlyMap<string, NodeVerdict | undefined>,
    stampMs: number,
  ): Promise<Fate> {
    const { route, snapshot } = chosen;
    const own = route.owners.map((owner) => [owner, verdicts.get(owner)] as const);
    const accepted = new Map<string, number>();
    for (const [owner, verdict] of own) if (verdict?.kind === 'accepted') accepted.set(owner, verdict.taskUid);
    const isUnknown = own.some(([, verdict]) => verdict === undefined || verdict.kind === 'unknown');
    // R8, before anything is ended: while it was in flight nobody could pass a barrier, unless we had lapsed.
    const holds = this.#stillHolds(chosen);
    const isNowhere = accepted.size === 0 && !isUnknown;
    const missed = isNowhere ? [] : route.owners.filter((owner) => !accepted.has(owner));
    if (missed.length > 0) this.#options.observer.missed(missed.length);
    // Before the turn ends: whoever has the next one gets a later stamp. Without one there is no other copy to compare.
    if (chosen.turn !== null && !isNowhere) await this.#options.stamps.passed(stampMs);
    const isOurs = await this.#end(chosen, missed, removes && !isNowhere ? stampMs : undefined);
    const refusal = own.map(([, verdict]) => verdict).find((verdict) => verdict?.kind === 'refused');
    const why = own.map(([owner, verdict]) => `${owner} ${wordsOf(verdict)}`).join('; ');
    if (isNowhere) {
      if (refusal?.kind === 'refused') return { kind: 'refused', answer: refusal.answer, isPartial: false };
      const waits = own.map(([, verdict]) => (verdict?.kind === 'busy' ? verdict.afterMs : 0));
      return { kind: 'busy', why, afterMs: Math.max(0, ...waits) };
    }
    if (accepted.size === 0) return { kind: 'unknown', why };
    if (!holds || !isOurs) return { kind: 'again' };
    const groupOf = (node: string): number => snapshot.nodes.get(node)?.group ?? -1;
    const { isReached, shortGroups } = verdictOf(route, new Set(accepted.keys()), groupOf);
    if (isReached) return { kind: 'written', accepted, stampMs, shortGroups };
    if (refusal?.kind === 'refused') return { kind: 'refused', answer: refusal.answer, isPartial: true };
    return { kind: 'no quorum', why };
  }

  /** R8: under the same registration without a break, and the present table names the same owners. */
  #stillHolds({ session, route, snapshot }: Chosen): boolean {
    if (!session.isLive()) return false;
    const present = this.#options.tables.route(snapshot.entry.uid, route.shard);
    return present !== undefined && sameOwners(present.owners, route.owners);
  }

  async #end(chosen: Chosen, missed: readonly string[], removedAtMs: number | undefined): Promise<boolean> {
    try {
      return await this.#options.preparation.end(chosen, missed, removedAtMs);
    } catch (error) {
      this.#options.logger.error({ problem: messageOf(error) }, 'a write could not be ended');
      return false;
    }
  }
}

function wordsOf(verdict: NodeVerdict | undefined): string {
  if (verdict === undefined) return 'was not asked';
  if (verdict.kind === 'accepted') return 'accepted it';
  return verdict.kind === 'refused' ? `refused it (${verdict.answer.status})` : verdict.why;
}
