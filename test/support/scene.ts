// One index of one shard on one of two nodes, and a move of it to the other: what tests of single moves begin with.
import { expect } from 'vitest';
import type { IndexEntry } from '../../src/core/routing.ts';
import type { MoveState } from '../../src/ports.ts';
import { checkPlacement } from './check.ts';
import { type IndexOptions, type TestFleet, someDocuments } from './fleet.ts';
import { type Asked, type NodeSwitches, switchesOf } from './switches.ts';
import { untilTrue } from './until.ts';

export interface Scene {
  readonly entry: IndexEntry;
  readonly index: string;
  readonly from: string;
  readonly to: string;
  readonly source: NodeSwitches;
  readonly target: NodeSwitches;
  move(): Promise<MoveState>;
  /** Begins the move and returns its id when its windows wait in the target, which does not process them. */
  stall(): Promise<string>;
  /** The same, but what stalls is the comparing of source and target, after the copy. */
  stallVerify(): Promise<string>;
  /** Until the move is settled; then ends its grace, until it has ended. */
  end(id: string): Promise<MoveState>;
  check(): Promise<void>;
  /** Writes of ours to the target, by what they did. */
  sent(): Promise<Asked[]>;
}

let indexes = 0;
/** An index of one shard on one node, and a move of it to the other that has not begun. */
export async function scene(fleet: TestFleet, options: Partial<IndexOptions> = {}): Promise<Scene> {
  const index = `scene${(indexes += 1)}`;
  const entry = await fleet.createIndex({ documents: someDocuments(100), shards: 1, ...options, uid: index });
  const { route } = await fleet.base.records.route(index, 0);
  const [from = ''] = route.owners;
  const to = from === 'n1' ? 'n2' : 'n1';
  const switches = (id: string): NodeSwitches => switchesOf(fleet.nodes.find((node) => node.id === id) ?? { url: '' });
  const target = switches(to);
  const sent = async (): Promise<Asked[]> =>
    (await target.asked(`^/indexes/${index}/documents\\?`)).filter(({ method }) => method === 'POST');
  const move = (): Promise<MoveState> => fleet.orderMove({ index, target: to });
  const stall = async (): Promise<string> => {
    await target.pause();
    const { id } = await move();
    await untilTrue(async () => (await sent()).some(({ status }) => status === 202));
    return id;
  };
  return {
    entry,
    index,
    from,
    to,
    source: switches(from),
    target,
    move,
    sent,
    stall,
    async stallVerify() {
      const id = await stall();
      await target.fault({ match: { path: `^/indexes/${index}/documents/fetch` }, do: 'status', status: 503 });
      await target.resume();
      await fleet.untilMove(id, ({ lastOffset }) => lastOffset === 65_536);
      return id;
    },
    async end(id) {
      await fleet.untilMove(id, isInGrace, 20_000);
      await endGrace(fleet, id);
      return fleet.untilEnded(id);
    },
    async check() {
      const table = await fleet.base.records.table(index);
      if (table === null) throw new Error('no table');
      const result = await checkPlacement(fleet.nodes, entry, table, fleet.documents.get(index) ?? new Map());
      expect(result).toMatchObject({ lost: [], wrong: [], misplaced: [] });
    },
  };
}

export const isInGrace = ({ phase, waiting }: MoveState): boolean =>
  phase === 'DualWriteStopped' && waiting?.reason.startsWith('grace') === true;

export async function endGrace(fleet: TestFleet, id: string): Promise<void> {
  await fleet.base.records.wish(id, 'now');
  await fleet.moveQueue.promote(await fleet.untilMove(id, ({ wish }) => wish === 'now'));
}

export const windowsOf = (asked: readonly Asked[]): string[] =>
  asked.flatMap(({ tag }) => (tag?.window === undefined ? [] : [tag.window.join('-')]));
