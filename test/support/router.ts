// A minimal router that keeps the protocol's rules, for tests of the mover: one document or one filter at a time, no
// quorum, no turns. Shares with the product's router only the scripts that both call.
import { locateKey } from '../../src/core/hashing.ts';
import type { IndexEntry, RoutingTable, ShardRoute } from '../../src/core/routing.ts';
import { RedisUnreachableError } from '../../src/errors.ts';
import type { Journal, Registry } from '../../src/ports.ts';
import { createJournal } from '../../src/redis/journal.ts';
import { connect } from '../../src/redis/connection.ts';
import { createRegistry } from '../../src/redis/registry.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestFleet } from './fleet.ts';

export interface RouterOptions {
  /** Ids that the journal holds before it goes on with ranges. */
  readonly maxIds?: number;
}

type Send = (node: string, tag: string) => Promise<number>;

/** What a busy Redis does not answer in time is asked again. */
const unlessLate = (error: unknown): void => {
  if (!(error instanceof RedisUnreachableError)) throw error;
};

let routers = 0;
export class TestRouter {
  readonly id: string;
  readonly #fleet: TestFleet;
  readonly #entry: IndexEntry;
  readonly #journal: Journal;
  readonly #registry: Registry;
  #table!: RoutingTable;
  /** Requests on their way: shard and the epoch that each was sent by. */
  readonly #inFlight = new Set<{ readonly shard: number; readonly epoch: number }>();
  #attempts = 0;
  #isOpen = true;
  #acknowledges = true;
  #mayGo: Promise<void> = Promise.resolve();
  #confirming: Promise<void> = Promise.resolve();
  /** How often a write waited for a hold, and for a document that settles. */
  readonly waited = { held: 0, settling: 0 };

  private constructor(fleet: TestFleet, entry: IndexEntry, { maxIds = 100_000 }: RouterOptions) {
    const { redis, scripts, clock, timings, logger, config } = fleet.base;
    this.id = `test-router-${(routers += 1)}`;
    this.#fleet = fleet;
    this.#entry = entry;
    this.#journal = createJournal({ scripts, clock, maxIds, entryMs: timings.routerEntryMs });
    const openNudges = () => connect({ url: config.redisUrl, kind: 'nudges', logger });
    this.#registry = createRegistry({ redis, scripts, entryMs: timings.routerEntryMs, openNudges, logger });
  }

  static async start(fleet: TestFleet, entry: IndexEntry, options: RouterOptions = {}): Promise<TestRouter> {
    const router = new TestRouter(fleet, entry, options);
    await router.#registry.register(router.id, 'a test');
    await router.#read();
    void router.#loop();
    return router;
  }

  /** Leaves the registry; nothing may be in flight. */
  async stop(): Promise<void> {
    this.#isOpen = false;
    await this.#confirming.catch(unlessLate);
    await this.#registry.leave(this.id);
  }

  /** Goes on confirming what it had acknowledged, and acknowledges nothing new, until it is let go. */
  freeze(): () => void {
    this.#acknowledges = false;
    return () => {
      this.#acknowledges = true;
    };
  }

  /** Writes that have begun, and are in their journals, are sent to no node until they are let go. */
  stall(): () => void {
    let letGo: () => void = () => undefined;
    this.#mayGo = new Promise((resolve) => (letGo = resolve));
    return () => letGo();
  }

  put(document: Record<string, unknown>): Promise<void> {
    return this.#document(document, 'POST');
  }

  /** A partial update. */
  patch(document: Record<string, unknown>): Promise<void> {
    return this.#document(document, 'PUT');
  }

  async remove(id: string | number): Promise<void> {
    await this.#write(String(id), (node, tag) =>
      this.#ask(node, 'POST', 'documents/delete-batch', { customMetadata: tag }, [id]),
    );
    this.expected.delete(String(id));
  }

  /** A delete by filter of documents of one shard; `matches` says what it means for what is expected. */
  async removeBy(
    shard: number,
    filter: string,
    matches: (document: Record<string, unknown>) => boolean,
  ): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += 5) {
      const route = await this.#admitted(shard);
      const sent = this.#sends(shard);
      try {
        const ref = { index: this.#entry.uid, shard, move: route.moveId ?? '' };
        if (route.state === 'settling') {
          await this.#next();
          continue;
        }
        const raised = route.state === 'tracking' ? await this.#journal.raise(ref, this.id, waitedMs) : null;
        if (raised === 'wait' || raised === 'refused') {
          await this.#next();
          continue;
        }
        const scoped = `(${filter}) AND _miroir_shard = ${shard}`;
        await this.#toOwners(route, (node, tag) =>
          this.#ask(node, 'POST', 'documents/delete', { customMetadata: tag }, { filter: scoped }),
        );
        if (raised !== null) await this.#journal.markRaised(ref, this.id, raised.attempt);
      } finally {
        this.#inFlight.delete(sent);
      }
      for (const [id, text] of this.expected)
        if (matches(JSON.parse(text) as Record<string, unknown>)) this.expected.delete(id);
      return;
    }
  }

  /** What clients were told: text of each document by its id. */
  get expected(): Map<string, string> {
    const known = this.#fleet.documents.get(this.#entry.uid);
    if (known === undefined) throw new Error('no index');
    return known;
  }

  tag(epoch: number, shards: readonly number[]): string {
    return JSON.stringify({ router: this.id, epoch, shards, attempt: (this.#attempts += 1) });
  }

  /** The document as a router sends it. */
  stamped(document: Record<string, unknown>): Record<string, unknown> {
    const { shard, slot } = locateKey(String(document[this.#entry.primaryKey]), this.#entry.shards);
    return { ...document, _miroir_shard: shard, _miroir_slot: slot };
  }

  async #document(document: Record<string, unknown>, method: 'POST' | 'PUT'): Promise<void> {
    const { uid, primaryKey } = this.#entry;
    const id = String(document[primaryKey]);
    await this.#write(id, (node, tag) =>
      this.#ask(node, method, 'documents', { primaryKey, customMetadata: tag }, [this.stamped(document)]),
    );
    const before = method === 'PUT' ? this.#fleet.documents.get(uid)?.get(id) : undefined;
    const merged = { ...(before === undefined ? {} : (JSON.parse(before) as object)), ...document };
    this.expected.set(id, JSON.stringify(merged));
  }

  /** One write of one id, until it is accepted by the owners of a table that still holds (R3, R4, R8). */
  async #write(id: string, send: Send): Promise<void> {
    const { shard, slot } = locateKey(id, this.#entry.shards);
    for (;;) {
      const route = await this.#admitted(shard);
      const sent = this.#sends(shard);
      try {
        const ref = { index: this.#entry.uid, shard, move: route.moveId ?? '' };
        if (route.state === 'settling') {
          const waiting = await this.#journal.lookUp(ref, [{ id, slot }]);
          if (waiting === 'refused' || waiting.length > 0) {
            this.waited.settling += 1;
            this.#inFlight.delete(sent);
            await this.#next();
            continue;
          }
        }
        const appended = route.state === 'tracking' ? await this.#journal.append(ref, this.id, [{ id, slot }]) : null;
        if (appended === 'refused') {
          this.#inFlight.delete(sent);
          await this.#next();
          continue;
        }
        await this.#toOwners(route, send);
        if (appended !== null) await this.#journal.mark(ref, this.id, appended.attempt);
        await this.#read();
        if (String(this.#table.shards[shard]?.owners) === String(route.owners)) return;
      } finally {
        this.#inFlight.delete(sent);
      }
    }
  }

  #sends(shard: number): { readonly shard: number; readonly epoch: number } {
    const sent = { shard, epoch: this.#table.epoch };
    this.#inFlight.add(sent);
    return sent;
  }

  /** The shard's route once no hold keeps its writes. */
  async #admitted(shard: number): Promise<ShardRoute> {
    for (;;) {
      const route = this.#table.shards[shard];
      if (route === undefined) throw new Error(`no shard ${shard}`);
      if (route.state !== 'held') return route;
      this.waited.held += 1;
      await this.#next();
    }
  }

  async #toOwners(route: ShardRoute, send: Send): Promise<void> {
    const tag = this.tag(this.#table.epoch, [route.shard]);
    await this.#mayGo;
    await Promise.all(route.owners.map((owner) => send(owner, tag)));
  }

  async #ask(
    node: string,
    method: string,
    path: string,
    query: Record<string, string>,
    body: unknown,
  ): Promise<number> {
    const url = this.#fleet.nodes.find(({ id }) => id === node)?.url ?? '';
    const response = await fetch(`${url}/indexes/${this.#entry.uid}/${path}?${new URLSearchParams(query).toString()}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (response.status !== 202) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { taskUid: number }).taskUid;
  }

  async #read(): Promise<void> {
    const table = await this.#fleet.base.records.table(this.#entry.uid);
    if (table === null) throw new Error('no table');
    this.#table = table;
  }

  async #next(): Promise<void> {
    await sleep(5);
    await this.#read();
  }

  /** Reads the table and acknowledges it, as often as a nudge would make it. */
  async #loop(): Promise<void> {
    let acks: Parameters<Registry['confirm']>[1] = {};
    while (this.#isOpen) {
      this.#confirming = (async () => {
        await this.#read();
        if (this.#acknowledges) {
          const late: Record<string, number> = {};
          for (const { shard, epoch } of this.#inFlight) {
            if (epoch < this.#table.epoch) late[shard] = Math.min(epoch, late[shard] ?? epoch);
          }
          acks = { [this.#entry.uid]: { epoch: this.#table.epoch, late } };
        }
        await this.#registry.confirm(this.id, acks);
      })();
      await this.#confirming.catch(unlessLate);
      await sleep(5);
    }
  }
}
