// Nodes that die and come back, and what their copies are then: for tests of repair.
import { expect } from 'vitest';
import type { DevNodeProcess } from '../../src/fleet/nodes.ts';
import { openPermit } from '../../src/nodes/open-permit.ts';
import { createPlanner } from '../../src/planning/planner.ts';
import type { Clock, MoveState, Planner } from '../../src/ports.ts';
import { someDocuments, startTestFleet, type TestFleet } from './fleet.ts';
import { backUp, replaceData } from './node-data.ts';
import { switchesOf, type NodeSwitches } from './switches.ts';

/** An index on two of three nodes, which have been looked at, as the planner's process does every `sweep_interval_ms`. */
export async function twiceOnThree(
  config: Readonly<Record<string, string | number>>,
  documents = 60,
): Promise<TestFleet> {
  const fleet = await startTestFleet({ config });
  await fleet.createIndex({ shards: 4, replicationFactor: 2, documents: someDocuments(documents) });
  await fleet.planner.sweep();
  return fleet;
}

/** Copies of nobody are restored elsewhere while a test runs. */
export const WAITS = { repair_delay_ms: 600_000 };

function processOf({ nodes }: TestFleet, id: string): DevNodeProcess {
  const node = nodes.find((one) => one.id === id);
  if (node === undefined) throw new Error(`no node ${id}`);
  return node;
}

export const nodeOf = (fleet: TestFleet, id: string): NodeSwitches => switchesOf(processOf(fleet, id));

export async function kill(fleet: TestFleet, id: string): Promise<void> {
  const node = processOf(fleet, id);
  node.kill('SIGKILL');
  await node.exited;
}

export const start = (fleet: TestFleet, id: string): Promise<void> => processOf(fleet, id).restart();

export async function back(fleet: TestFleet, id: string): Promise<void> {
  await start(fleet, id);
  await fleet.planner.handle('NodeRecovered', { node_id: id });
}

/** Its data as of now, to come back to; lies in a folder that the caller removes. */
export async function backup(fleet: TestFleet, id: string): Promise<string> {
  const { dir } = processOf(fleet, id);
  await backUp(dir, `${dir}-older`);
  return `${dir}-older`;
}

/** Ends the node and puts other data where its own was; null: none. */
export async function killAndReplace(fleet: TestFleet, id: string, data: string | null): Promise<void> {
  const { dir } = processOf(fleet, id);
  await kill(fleet, id);
  await replaceData(dir, data);
}

/** A planner that takes over: it has nothing but the records, and its machine's clock is an hour ahead. */
export function successor({ base, config, planWriter: writer, moveQueue: queue, runs }: TestFleet): Planner {
  const { clock } = base;
  const ahead: Clock = { ...clock, now: () => clock.now() + 3_600_000 };
  return createPlanner({ ...base, config, clock: ahead, writer, runs, queue, permit: openPermit(10_000) });
}

/** How many shards the node left with its copy and does not own again. */
export async function lostBy({ base }: TestFleet, id: string): Promise<number> {
  const table = await base.records.table('docs');
  return table?.shards.filter(({ left }) => left?.includes(id) === true).length ?? 0;
}

export async function allMoves({ base: { records } }: TestFleet): Promise<readonly MoveState[]> {
  const ids = await Promise.all((await records.plans(100)).map(({ id }) => records.planMoveIds(id)));
  return records.moves(ids.flat());
}

/** Documents that moves sent to the node. */
export async function sentTo(fleet: TestFleet, id: string): Promise<number> {
  const moves = (await allMoves(fleet)).filter(({ target }) => target === id);
  return moves.reduce((sum, { docsMigrated }) => sum + docsMigrated, 0);
}

/** All owners of a shard have the same documents of it. Returns all documents. */
export async function expectEqualCopies({ base, nodes }: TestFleet): Promise<Map<string, string>> {
  const alive = nodes.filter(({ running }) => running);
  const held = new Map(
    await Promise.all(alive.map(async (node) => [node.id, await switchesOf(node).texts('docs')] as const)),
  );
  const shardOf = (text: string): number => Number(/"_miroir_shard":\s*(\d+)/.exec(text)?.[1]);
  const all = new Map<string, string>();
  for (const { shard, owners } of (await base.records.table('docs'))?.shards ?? []) {
    const copies = owners.map((id) =>
      [...(held.get(id) ?? [])].filter(([, text]) => shardOf(text) === shard).sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    // A node orders fields as it met them first.
    const parsed = copies.map((copy) => copy.map(([, text]) => JSON.parse(text) as unknown));
    expect(parsed).toEqual(owners.map(() => parsed[0]));
    for (const [id, text] of copies[0] ?? []) all.set(id, text);
  }
  return all;
}
