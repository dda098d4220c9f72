/**
 * Work on some ids of one shard while nobody else writes them (R9): for repair and anti-entropy, which read every owner
 * and send to each what it lacks. What is sent keeps the rules for any write: chosen by the newest table, counted as in
 * flight until it is answered (R2), in the journal while the shard is tracked (R3), tagged, and listed for the owner
 * that did not take it.
 */
import { locateKey } from '../../core/hashing.ts';
import { messageOf } from '../../errors.ts';
import type { Clock, Journal, JournalRef, Logger, Traffic, TurnRequest, Turns, TurnToken } from '../../ports.ts';
import type { HeldTurn, OwnerWrite, Sent, TurnOutcome, TurnWork } from '../api.ts';
import type { Bell } from './bell.ts';
import { stepOf } from './choice.ts';
import type { InFlight } from './in-flight.ts';
import { verdictOfAnswer, verdictOfError } from './node-verdict.ts';
import type { NodeVerdict } from './node-verdict.ts';
import type { RouterLimits } from './parts.ts';
import { NEXT_IN_LINE, turnBell } from './prepare.ts';
import type { Registration, Session } from './registration.ts';
import type { Snapshot, Tables } from './tables.ts';

export interface UnderTurnParts {
  readonly registration: Pick<Registration, 'session'>;
  readonly tables: Tables;
  readonly inFlight: InFlight;
  readonly turns: Turns;
  readonly journal: Journal;
  readonly traffic: Traffic;
  readonly bell: Bell;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: RouterLimits;
}

const ANSWER_BYTES_MAX = 65_536;
/** How often one in line asks; what ends a turn in this process rings. */
const ASK_MS = 25;

/** A turn that is ours, with the table that its owners are from. */
interface Held {
  readonly request: TurnRequest;
  readonly token: TurnToken;
  readonly snapshot: Snapshot;
  readonly session: Session;
  readonly epoch: number;
  readonly origin: string | undefined;
  readonly missed: Set<string>;
  /** Ids that were sent to some owner: only these can have been missed by another. */
  readonly sent: Set<string>;
}

export class UnderTurn {
  readonly #parts: UnderTurnParts;
  #attempts = 0;

  constructor(parts: UnderTurnParts) {
    this.#parts = parts;
  }

  /**
   * Takes the turn, does the work, and ends the turn whatever came of it. `refused`: nothing was done, or nothing that came
   * of it counts. Throws what the work throws, the signal's reason, and what says that this router serves nothing now.
   */
  async run<T>(request: TurnWork, work: (turn: HeldTurn) => Promise<T>): Promise<TurnOutcome<T>> {
    const held = await this.#take(request);
    if (typeof held === 'string') return { refused: held };
    const { snapshot, missed } = held;
    let isOurs = false;
    let value: T;
    try {
      value = await work({
        entry: snapshot.entry,
        owners: held.request.owners.flatMap((id) => snapshot.nodes.get(id) ?? []),
        send: (writes) => this.#send(held, writes),
        missed: (owner) => void missed.add(owner),
      });
    } finally {
      isOurs = await this.#end(held);
    }
    // What was read may have been written meanwhile, and be on a list by now.
    return isOurs ? { value } : { refused: 'the turn was not ours to the end' };
  }

  async #take({ index, shard, ids, waitMs, signal, origin }: TurnWork): Promise<Held | string> {
    const { registration, tables, turns, bell, clock } = this.#parts;
    const session = registration.session();
    const snapshot = tables.get(index);
    const route = snapshot.table.shards[shard];
    if (route === undefined) return 'no such shard';
    // Redis lost what tells which copy is right (decision 0016): a person compares them.
    if (route.frozen === true) return 'the shard is frozen since Redis lost writes';
    const step = stepOf(route, 'ids');
    // While documents are being carried over, the mover writes on an owner, too.
    if (step.kind === 'wait' || step.journal === 'lookUp') return `the shard is ${route.state}`;
    if (!step.turn) return 'the shard has one owner, so its writes take no turns';
    const request = { index, shard, registration: session.id, ids, owners: route.owners };
    const endMs = clock.monotonic() + waitMs;
    let answer = await turns.take(request, null);
    try {
      while (answer !== 'refused' && 'waiting' in answer && clock.monotonic() < endMs) {
        await bell.wait([turnBell(index, shard)], ASK_MS, signal);
        answer = await turns.take(request, answer.waiting);
      }
    } finally {
      if (answer !== 'refused' && 'waiting' in answer) await this.#leave(request, answer.waiting);
    }
    if (answer === 'refused') return 'the registration is gone, or too many wait for a turn';
    if ('waiting' in answer) return 'others write these documents all the time';
    return {
      request,
      token: answer.taken,
      snapshot,
      session,
      epoch: route.epoch,
      origin,
      missed: new Set(),
      sent: new Set(),
    };
  }

  /** Every owner gets its own. `moved`: the owners or the registration are others now, and nothing was sent. */
  async #send(held: Held, writes: ReadonlyMap<string, OwnerWrite>): Promise<Sent | 'moved'> {
    const { tables, inFlight, journal, logger } = this.#parts;
    const { index, shard } = held.request;
    const route = tables.route(index, shard);
    // Looked at and counted in one go: from here on a change of the route waits for us.
    if (route?.epoch !== held.epoch || !held.session.isLive()) return 'moved';
    const release = inFlight.begin(index, 'write', [route]);
    try {
      const ref: JournalRef = { index, shard, move: route.moveId ?? '' };
      const { shards } = held.snapshot.entry;
      const ids = new Set([...writes.values()].flatMap(({ put, remove }) => [...put.keys(), ...remove]));
      for (const id of ids) held.sent.add(id);
      const noted = [...ids].map((id) => ({ id, slot: locateKey(id, shards).slot }));
      const appended = route.state === 'tracking' ? await journal.append(ref, held.session.id, noted) : null;
      if (appended === 'refused') return 'moved';
      try {
        // Right before sending, in the same turn: what lapsed meanwhile sends nothing (R1).
        if (!held.session.isLive()) return 'moved';
        this.#attempts += 1;
        const attempt = this.#attempts;
        const results = [...writes].map(async ([owner, write]): Promise<[string, NodeVerdict[]]> => [
          owner,
          await this.#ask(held, owner, write, attempt),
        ]);
        return this.#sorted(held, await Promise.all(results));
      } finally {
        if (appended !== null) {
          await journal.mark(ref, held.session.id, appended.attempt).catch((error: unknown) => {
            logger.warn({ problem: messageOf(error) }, 'an attempt could not be marked');
          });
        }
      }
    } finally {
      release();
    }
  }

  #sorted({ missed }: Held, results: readonly [string, NodeVerdict[]][]): Sent {
    const tasks = new Map<string, readonly number[]>();
    const failed = new Map<string, string>();
    for (const [owner, verdicts] of results) {
      const bad = verdicts.find(({ kind }) => kind !== 'accepted');
      if (bad !== undefined) {
        missed.add(owner);
        failed.set(owner, 'why' in bad ? bad.why : bad.kind === 'refused' ? `answered ${bad.answer.status}` : '');
      }
      tasks.set(
        owner,
        verdicts.flatMap((verdict) => (verdict.kind === 'accepted' ? verdict.taskUid : [])),
      );
    }
    return { tasks, failed };
  }

  async #ask(held: Held, owner: string, write: OwnerWrite, attempt: number): Promise<NodeVerdict[]> {
    const { traffic, limits } = this.#parts;
    const { snapshot, session, request } = held;
    const { uid, primaryKey } = snapshot.entry;
    const node = snapshot.nodes.get(owner);
    if (node === undefined) return [{ kind: 'down', why: `no node ${owner} in the topology` }];
    const { epoch } = snapshot.table;
    const tag = JSON.stringify({ router: session.id, epoch, shards: [request.shard], attempt, origin: held.origin });
    const bounds = { deadlineMs: limits.requestMs, signal: NEVER, maxBytes: ANSWER_BYTES_MAX };
    const calls: Promise<NodeVerdict>[] = [];
    const to = traffic.of(node);
    if (write.put.size > 0) {
      const documents = Buffer.from(`[${[...write.put.values()].join(',')}]`);
      calls.push(
        to
          .writeDocuments(uid, { mode: 'replace', primaryKey, tag, documents }, bounds)
          .then(verdictOfAnswer, verdictOfError),
      );
    }
    if (write.remove.length > 0) {
      // Always as a string: `1` and `"1"` are the same document, and a long number would be rounded.
      const gone = write.remove.map((id) => JSON.stringify(id));
      calls.push(to.deleteDocuments(uid, gone, tag, bounds).then(verdictOfAnswer, verdictOfError));
    }
    return Promise.all(calls);
  }

  async #leave(request: TurnRequest, token: TurnToken): Promise<void> {
    await this.#parts.turns.leave(request, token).catch((error: unknown) => {
      this.#parts.logger.debug({ problem: messageOf(error) }, 'place in line left to run out');
    });
  }

  /**
   * Of the turn's ids only those go on a list that were sent to somebody: of the others nobody has missed anything. Listed
   * and ended in one call, which the adapter repeats until it is answered: a turn that is kept by a registration that lives
   * nobody else ends, and its documents could be written no more. False when it is not known to have been ours to the end.
   */
  async #end({ request, token, missed, sent }: Held): Promise<boolean> {
    const { turns, bell, logger } = this.#parts;
    try {
      return await turns.end(request, token, sent.size === 0 ? [] : [...missed], { sent: [...sent] });
    } catch (error) {
      logger.warn({ problem: messageOf(error) }, 'a turn could not be ended');
      return false;
    } finally {
      bell.ring(turnBell(request.index, request.shard), NEXT_IN_LINE);
    }
  }
}

/** Work that was sent has to be answered before its shard may change owners. */
const NEVER = new AbortController().signal;
