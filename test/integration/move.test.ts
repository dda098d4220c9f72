// Whole moves on real Redis and real HTTP nodes: adding and draining a node keeps every document where it belongs.
import { afterEach, describe, expect, it } from 'vitest';
import { type TestFleet, someDocuments, startTestFleet } from '../support/fleet.ts';
import { checkPlacement } from '../support/check.ts';

let fleet: TestFleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

async function check(running: TestFleet, uid: string): Promise<Record<string, number>> {
  const [entry, table] = await Promise.all([running.base.records.index(uid), running.base.records.table(uid)]);
  if (entry === null || table === null) throw new Error(`no index ${uid}`);
  const result = await checkPlacement(running.nodes, entry, table, running.documents.get(uid) ?? new Map());
  expect(result).toMatchObject({ lost: [], wrong: [], misplaced: [] });
  return result.perNode;
}

describe('a topology event moves shards', () => {
  it.each([1, 2, 3])(
    '3 to 4 nodes at RF %i keeps every document, and draining empties the node',
    async (replicationFactor) => {
      fleet = await startTestFleet();
      await fleet.createIndex({ documents: someDocuments(3_500), replicationFactor });
      await fleet.startWorker();
      await fleet.startNode();
      const added = await fleet.addNode('n4');
      expect(added.moves).toBeGreaterThan(0);
      await fleet.untilQuiet();
      const before = await check(fleet, 'docs');
      expect(before['n4']).toBeGreaterThan(0);
      await fleet.drainNode('n1');
      await fleet.untilQuiet();
      const after = await check(fleet, 'docs');
      expect(after['n1']).toBe(0);
    },
  );
});
