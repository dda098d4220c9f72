/** The planner: one process at a time turns events into plans, and keeps what was planned going. */
import type { TopologyEventType } from '../core/events.ts';
import { isGroupEvent } from '../core/group-events.ts';
import type { PlannedMove } from '../core/move.ts';
import type { Plan } from '../core/planner.ts';
import { isAwaited, repairBegun } from '../core/repair.ts';
import { failedBySight } from '../core/seen.ts';
import type { Topology } from '../core/topology.ts';
import { ConflictError } from '../errors.ts';
import type { EventOutcome, Planner } from '../ports.ts';
import { Again } from './again.ts';
import { Arrivals } from './arrivals.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { Failures } from './failures.ts';
import { Groups } from './groups.ts';
import { Health } from './health.ts';
import type { Carried } from './inspect.ts';
import { createSerial, EVERY_INDEX, type PlanningParts, takeEach } from './parts.ts';
import { keepPredictions } from './predictions.ts';
import { forgetRemoved } from './removed.ts';
import { takeUpRun } from './new-run.ts';
import { Orders, wayOf } from './orders.ts';
import { finishPlanning, planUnderWay, replan, type ReplanWish } from './replan.ts';
import { answering, lostAndFree, shardOnLost, sightNodes } from './sightings.ts';
import { claimIndexes, endDeadTurns, endHolds, giveJobs, isOutdated } from './sweep.ts';

/** Times an event is decided anew because somebody changed the topology meanwhile. */
const TRIES = 5;
/** Why a plan is made for shards that a failed node left later than by its event. */
const LEFT = 'failed nodes left';

const FLAPS = 'a node fails too often: it comes back only after it has answered for long';

/** What is known of the plan that an event asks for. */
type Looked = Pick<ReplanWish, 'isApproved' | 'carried'>;

const lookedAt = ({ isApproved = false, carried = null }: Decision, later: Carried | null = null): Looked => ({
  isApproved,
  carried: carried ?? later,
});

/** What observers say, where they are the ones who send an event; the time is that of Redis. */
interface Word {
  /** By whom, for the audit stream. */
  readonly told: string;
  readonly why: string;
  readonly nowMs: number;
}

class LeadingPlanner implements Planner {
  readonly #parts: PlanningParts;
  readonly #serial = createSerial();
  readonly #failures: Failures;
  readonly #groups: Groups;
  readonly #health: Health;
  /** Moves to look at every second: they wait for another of their shard, or have just been planned. */
  #behind: ReadonlySet<string> = new Set();
  readonly #again: Again;
  readonly #arrivals: Arrivals;
  readonly #orders: Orders;

  constructor(parts: PlanningParts) {
    this.#parts = parts;
    this.#again = new Again(parts);
    this.#failures = new Failures(parts);
    this.#groups = new Groups(parts, (why, again = false) =>
      again ? this.#replanAgain([EVERY_INDEX], why) : this.#replan([EVERY_INDEX], why),
    );
    this.#health = new Health(parts);
    this.#arrivals = new Arrivals(parts);
    this.#orders = new Orders(parts);
  }

  handle(name: string, data: unknown): Promise<EventOutcome> {
    return this.#serial(() => (isGroupEvent(name) ? this.#groups.handle(name, data) : this.#handle(name, data)));
  }

  async sweep(): Promise<void> {
    await this.resume();
    await this.#replaceLost();
  }

  resume(): Promise<void> {
    const { records, writer } = this.#parts;
    return this.#serial(() =>
      takeEach(this.#parts, [
        () => takeUpRun(this.#parts),
        () => this.#catchUp(),
        () => this.#groups.keep(true),
        () => endHolds(this.#parts),
        () => this.#closePlans(),
        () => this.#giveAll(),
        () => claimIndexes(this.#parts),
        () => endDeadTurns(this.#parts),
        async () => this.#activateNodes(await records.topology()),
        () => forgetRemoved(this.#parts),
        () => writer.trimHistory(),
      ]),
    );
  }

  tick(): Promise<void> {
    const { records } = this.#parts;
    return this.#serial(() =>
      takeEach(this.#parts, [
        () => takeUpRun(this.#parts),
        () => this.#heedObservers(),
        () => this.#beginRepairs(),
        () => this.#closePlans(),
        async () => {
          if (await this.#orders.isNew()) return this.#giveAll();
          if (this.#behind.size > 0) this.#behind = await giveJobs(this.#parts, this.#behind);
        },
        async () => this.#activateNodes(await records.topology()),
        () => this.#groups.keep(false),
        () => keepPredictions(this.#parts),
      ]),
    );
  }

  #giveAll(): Promise<void> {
    return this.#orders.carryOut(async () => {
      this.#behind = await giveJobs(this.#parts);
    });
  }

  /** What observers see of a node for long enough is an event of our own. */
  async #heedObservers(): Promise<void> {
    const { logger } = this.#parts;
    const { failed, recovered, nowMs } = await this.#health.judge();
    for (const { id, why, observers } of failed) {
      logger.warn({ node: id, observers }, 'a node has failed: observers get no answer from it');
      await this.#tell('NodeFailed', id, { told: `${why} to ${observers.join(', ')}`, why, nowMs });
    }
    for (const { id, why, observers } of recovered) {
      if ((await shardOnLost(this.#parts, id)) !== null) continue;
      logger.warn({ node: id, observers }, 'a node that observers had failed answers them again');
      await this.#tell('NodeRecovered', id, { told: `${why} ${observers.join(', ')}`, why, nowMs });
    }
    const changed = await this.#failures.leave(false);
    if (changed.length > 0) await this.#replan(changed, LEFT);
  }

  /** Failed nodes that did not come back in time are waited for no more: their copies are restored elsewhere. */
  async #beginRepairs(): Promise<void> {
    const { records, writer, logger } = this.#parts;
    // Copying what nodes have that are there, and only cannot be reached, would load those that are left.
    if (this.#health.isBraked) return;
    const { version, nodes } = await records.topology();
    const awaited = nodes.filter(isAwaited);
    if (awaited.length === 0) return;
    const nowMs = await records.nowMs();
    const due = awaited.filter(({ repairAtMs = 0 }) => repairAtMs <= nowMs);
    if (due.length === 0) return;
    const why = `repair of ${due.map(({ id }) => id).join(', ')} begins`;
    const changes = due.map((node) => ({ id: node.id, node: repairBegun(node) }));
    // With the wish to plan in one script: whoever plans next finds it.
    await writer.commitTopology(version, changes, { why, plan: EVERY_INDEX });
    logger.warn(
      { nodes: due.map(({ id }) => id) },
      'failed nodes did not come back: their copies are restored elsewhere',
    );
    await this.#replan([EVERY_INDEX], why);
  }

  /**
   * A node that has lost data is restored like one that failed: only so it leaves the shards that have another copy. It is
   * taken back when it has left them, also those that settle just now. The looks themselves hold up no event.
   */
  async #replaceLost(): Promise<void> {
    const { logger } = this.#parts;
    for (const [id, loss] of await sightNodes(this.#parts)) {
      const remedy = 'shards of which it has the only copy: bring its data back, or load their documents again';
      logger.error({ node: id, loss, remedy }, 'a node has less than it had: it is restored from the other copies');
      await this.#serial(async () => {
        // By sight: should this process die before the next line, observers bring the node back.
        const word = { told: loss, why: loss, nowMs: await this.#parts.records.nowMs() };
        await this.#tell('NodeFailed', id, word);
      });
    }
    const there = await answering(this.#parts, await lostAndFree(this.#parts));
    if (there.size === 0) return;
    // Read again: one that an event has failed meanwhile is not ours to take back.
    await this.#serial(async () => {
      for (const { id } of await lostAndFree(this.#parts)) if (there.has(id)) await this.#tell('NodeRecovered', id);
    });
  }

  /** Finishes what was begun: the tables first, since plans read who owns what. */
  async #catchUp(): Promise<void> {
    const changed = await this.#failures.leave(true);
    await finishPlanning(this.#parts);
    // What was planned before had these nodes among its owners.
    if (changed.length > 0) await this.#replan(changed, LEFT);
  }

  /** An event of our own, counted as those of the queue are. */
  async #tell(name: TopologyEventType, nodeId: string, word: Word | null = null): Promise<void> {
    const { change } = await this.#handle(name, { node_id: nodeId }, word);
    this.#parts.observer.event(name, change === 'repeated' ? 'repeated' : 'planned');
  }

  async #handle(name: string, data: unknown, word: Word | null = null): Promise<EventOutcome> {
    const { writer } = this.#parts;
    for (let attempt = 1; ; attempt += 1) {
      const decision = await decide(this.#parts, name, data);
      const { changed: nodes, nodeId, version, why, plan, outcome, afterwards } = decision;
      // Also what an earlier try of this very event left between two writes.
      if (nodes.length === 0) {
        await this.#catchUp();
        const carried = await afterwards?.();
        return outcome ?? this.#repeated(nodeId, plan, why, lookedAt(decision, carried));
      }
      const stored = nodes.map((node) =>
        word !== null && node.state === 'failed' ? failedBySight(node, word.why, word.nowMs) : node,
      );
      const changes = stored.map((node) => ({ id: node.id, node }));
      try {
        await writer.commitTopology(version, changes, {
          why: word === null ? why : `${why}: ${word.told}`,
          ...(plan === null ? {} : { plan }),
        });
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt === TRIES) throw error;
        continue;
      }
      for (const { id, state, seen } of stored) {
        this.#parts.logger.info({ node: id, state, why }, 'topology changed');
        if (seen?.flapping) this.#parts.logger.warn({ node: id }, FLAPS);
      }
      // Before the plan, which reads who owns what.
      const changed = await this.#failures.leave(false);
      const carried = await afterwards?.();
      return plan === null
        ? { change: 'changed', plan: null, moves: 0, blocked: 0 }
        : this.#plan([plan, ...changed], why, lookedAt(decision, carried));
    }
  }

  async #plan(names: readonly string[], why: string, about: Looked): Promise<EventOutcome> {
    // What else was asked for and never planned goes into the same plan.
    const asked = (await this.#parts.writer.unplanned()).map(({ index }) => index);
    const { id, moves, blocked } = await this.#replan([...new Set([...names, ...asked])], why, about);
    return { change: 'changed', plan: moves.length > 0 ? id : null, moves: moves.length, blocked: blocked.length };
  }

  /**
   * The node is as the event asks for, its shards need not be: an earlier one may have named another index, and a move
   * that failed is planned again when an event asks.
   */
  async #repeated(nodeId: string, plan: string | null, why: string, about: Looked): Promise<EventOutcome> {
    if (plan !== null) {
      const { change, ...outcome } = await this.#plan([plan], why, about);
      if (outcome.plan !== null) return { change, ...outcome };
    }
    return planUnderWay(this.#parts, nodeId);
  }

  async #replan(names: readonly string[], why: string, more: Omit<ReplanWish, 'names' | 'why'> = {}): Promise<Plan> {
    const plan = await replan(this.#parts, { names, why, ...more });
    this.#behind = new Set([...this.#behind, ...plan.moves.map(({ id }) => id), ...plan.cancel]);
    return plan;
  }

  /** Without an event that asks: what an operator has cancelled is not planned again. */
  async #replanAgain(names: readonly string[], why: string, may?: (move: PlannedMove) => boolean): Promise<Plan> {
    const mayAgain = await this.#orders.notCancelled();
    return this.#replan(names, why, { wanted: (move) => mayAgain(move) && may?.(move) !== false });
  }

  /** Closes plans whose moves have all ended. What a plan gave up because it was out of date is planned anew. */
  async #closePlans(): Promise<void> {
    const { records, writer, logger } = this.#parts;
    const done = (await records.plans(0)).filter(({ state }) => state === 'done');
    for (const { id, moves, why } of done) {
      const ended = await records.moves(await records.planMoveIds(id));
      const outdated = [...new Set(ended.filter(isOutdated).map(({ index }) => index))].filter((index) =>
        this.#again.may(index),
      );
      // A move that failed is not tried again until an event asks.
      const failures = ended.filter(({ outcome }) => outcome === 'failed');
      if (failures.length > 0) await this.#groups.noteFailed(failures);
      const failed = new Set(failures.map(wayOf));
      if (outdated.length > 0)
        await this.#replanAgain(outdated, `again after ${id}`, (move) => !failed.has(wayOf(move)));
      await writer.closePlan(id);
      logger.info({ plan: id, moves, why }, 'plan done');
    }
  }

  /** A restored node may be read from now on, so what was blocked for want of a source can be planned. */
  async #activateNodes(topology: Topology): Promise<void> {
    const why = await this.#arrivals.activate(topology);
    if (why !== null) await this.#replanAgain([EVERY_INDEX], why);
  }
}

/** A planner that acts under `parts.permit`. */
export const createPlanner = (parts: PlanningParts): Planner => new LeadingPlanner(parts);
