// A shard that settles while the node that has its last writes is away.
import { expect } from 'vitest';
import { keys } from '../../src/redis/keys.ts';
import { type TestFleet, someDocuments, startTestFleet } from './fleet.ts';
import { TestRouter } from './router.ts';
import { type NodeSwitches, switchesOf } from './switches.ts';
import { untilTrue } from './until.ts';

/** A hold that is over before its shard settles cannot be had again: the source is paused by then. */
export const LONG_HOLD = { hold_ms: 10_000 } as const;

export const nodeOf = (fleet: TestFleet, id: string) => {
  const node = fleet.nodes.find((one) => one.id === id);
  if (node === undefined) throw new Error(`no node ${id}`);
  return node;
};

/** A fleet with 100 documents in the one shard of `docs`, a long grace, and a router of the test that writes. */
export async function startSettlingFleet(replicationFactor: number, closers: (() => Promise<unknown>)[]) {
  const fleet = await startTestFleet({ config: { grace_ms: 600_000, ...LONG_HOLD } });
  closers.push(() => fleet.stop());
  const entry = await fleet.createIndex({ documents: someDocuments(100), shards: 1, replicationFactor });
  const writer = await TestRouter.start(fleet, entry);
  closers.push(() => writer.stop());
  return { fleet, writer };
}

/**
 * Shard 0 of `docs`, settling on another node in place of its first owner, which has accepted writes of these documents and
 * not applied them. A worker runs. The fleet's holds are long, so that none is over on a busy machine (`LONG_HOLD`).
 */
export async function settleWithoutSource(fleet: TestFleet, writer: TestRouter, documents: readonly number[]) {
  const { route } = await fleet.base.records.route('docs', 0);
  const [source = '', other = ''] = route.owners;
  const target = fleet.nodes.find(({ id }) => !route.owners.includes(id))?.id ?? '';
  const node = (id: string) => nodeOf(fleet, id);
  const switches = (id: string): NodeSwitches => switchesOf(node(id));
  await fleet.startWorker();
  await switches(target).pause();
  const { id } = await fleet.orderMove({ index: 'docs', target });
  const windows = async () => switches(target).asked('^/indexes/docs/documents\\?');
  await untilTrue(async () => (await windows()).some(({ status }) => status === 202));
  await switches(target).fault({ match: { path: '^/indexes/docs/documents/fetch' }, do: 'status', status: 503 });
  await switches(target).resume();
  await fleet.untilMove(id, ({ lastOffset }) => lastOffset === 65_536);
  // They are on their way for as long as it takes until the shard is held: a time of their own could be over before.
  const letGo = writer.stall();
  const slow = documents.map((document) => writer.put({ id: document, name: 'accepted by every owner' }));
  const journaled = async (): Promise<number> => fleet.base.redis.zcard(keys.journal(id));
  await untilTrue(async () => (await journaled()) === documents.length);
  await switches(target).clearFaults();
  const state = async (): Promise<string> => (await fleet.base.records.route('docs', 0)).route.state;
  await untilTrue(async () => (await state()) === 'held');
  await switches(source).pause();
  letGo();
  await Promise.all(slow);
  await untilTrue(async () => (await state()) === 'settling');
  expect(await journaled()).toBe(documents.length);
  return { id, source, other, target, node };
}

/** Stops the node; its failure is what the planner would have noted. A move's own job comes again by itself. */
export async function failNode(fleet: TestFleet, id: string): Promise<void> {
  await setNodeState(fleet, id, 'failed');
  await nodeOf(fleet, id).stop();
}

export async function setNodeState({ base }: TestFleet, id: string, state: string): Promise<void> {
  const text = await base.redis.hget(keys.topology, `node:${id}`);
  await base.redis.hset(
    keys.topology,
    `node:${id}`,
    JSON.stringify({ ...(JSON.parse(text ?? '{}') as object), state }),
  );
}
