// A mover driven by hand: brings a shard from state to state through the real writers, without a phase's work, so that a
// test decides how long each state lasts.
import * as routes from '../../src/phases/routes.ts';
import type { JournalRef, JournalState, JournalWriter, Lease, MoveState, RouteRead } from '../../src/ports.ts';
import { createJournalWriter } from '../../src/redis/journal-writer.ts';
import { rebalanceScope } from '../../src/redis/keys.ts';
import { createMoveWriter } from '../../src/redis/move-writer.ts';
import { openLeases } from '../../src/service.ts';
import type { OrderedMove, TestFleet } from './fleet.ts';
import { untilTrue } from './until.ts';

export class HandMover {
  readonly id: string;
  readonly ref: JournalRef;
  readonly journal: JournalWriter;
  readonly #fleet: TestFleet;
  readonly #writer: ReturnType<typeof createMoveWriter>;
  readonly #stop: () => Promise<void>;

  private constructor(fleet: TestFleet, move: MoveState, lease: Lease, stop: () => Promise<void>) {
    this.#fleet = fleet;
    this.id = move.id;
    this.ref = { index: move.index, shard: move.shard, move: move.id };
    this.journal = createJournalWriter({ scripts: fleet.base.scripts, lease });
    this.#writer = createMoveWriter({ ...fleet.config, scripts: fleet.base.scripts, lease });
    this.#stop = stop;
  }

  /** One index has one of them at a time: the lease is taken. */
  static async start(fleet: TestFleet, order: OrderedMove): Promise<HandMover> {
    const move = await fleet.orderMove(order);
    const { watch, leases } = openLeases(fleet.base);
    let lease: Lease | null = null;
    await untilTrue(async () => {
      const answer = await leases.acquire(rebalanceScope(order.index));
      lease = 'lease' in answer ? answer.lease : null;
      return lease !== null;
    });
    const held = lease as Lease | null;
    if (held === null) throw new Error('no lease');
    await held.ready;
    return new HandMover(fleet, move, held, async () => {
      watch.stop();
      await held.release(true);
    });
  }

  route(): Promise<RouteRead> {
    return this.#fleet.base.records.route(this.ref.index, this.ref.shard);
  }

  async track(): Promise<void> {
    const [move, read] = [await this.#move(), await this.route()];
    routes.accepted(await this.#writer.start(move, routes.tracking(read, move)), 'tracking');
  }

  async slowDown(delayMs: number): Promise<void> {
    const move = await this.#move();
    await this.#advance({ route: routes.tracking(await this.route(), move, delayMs), what: 'slow' });
  }

  async hold(holdMs = 5_000): Promise<void> {
    const move = await this.#move();
    await this.#advance({ route: routes.held(await this.route(), move, holdMs), what: 'held' });
  }

  async settle(): Promise<void> {
    const move = await this.#move();
    await this.#advance({ route: routes.settling(await this.route(), move), what: 'settling' });
  }

  async settled(): Promise<void> {
    const move = await this.#move();
    const topology = await this.#fleet.base.records.topology();
    await this.#advance({ route: routes.settled(await this.route(), move, topology), what: 'settled' });
  }

  /** Until every live router has acknowledged what the shard is now. */
  async acknowledged(): Promise<void> {
    await untilTrue(() => this.isAcknowledged());
  }

  async isAcknowledged(): Promise<boolean> {
    const { route } = await this.route();
    return (await this.#fleet.base.records.barrier(this.ref.index, this.ref.shard, route.epoch)).open;
  }

  state(): Promise<JournalState> {
    return this.journal.state(this.ref);
  }

  /** Ids in the journal. */
  async ids(): Promise<string[]> {
    const entries = await this.journal.take(this.ref, 1_000, true);
    return entries.flatMap((entry) => (entry.kind === 'id' ? [entry.id] : [])).sort();
  }

  async clear(): Promise<void> {
    await this.journal.clear(this.ref, await this.journal.take(this.ref, 1_000, true));
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  async #move(): Promise<MoveState> {
    const move = await this.#fleet.base.records.move(this.id);
    if (move === null) throw new Error(`no move ${this.id}`);
    return move;
  }

  async #advance(request: Parameters<ReturnType<typeof createMoveWriter>['advance']>[1]): Promise<void> {
    routes.accepted(await this.#writer.advance(await this.#move(), request), request.what);
  }
}
