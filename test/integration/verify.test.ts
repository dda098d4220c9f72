// Source and target are compared before every switch. Differences are planted between copy and comparing, by switches of
// the development nodes that no task list shows, or by writes past the routers, which it does.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type IndexOptions, type TestFleet, startTestFleet } from '../support/fleet.ts';
import { readMetric } from '../support/metrics.ts';
import { type Scene, scene as newScene } from '../support/scene.ts';
import { switchesOf } from '../support/switches.ts';

let fleet: TestFleet;
let metricsUrl = '';
beforeAll(async () => {
  fleet = await startTestFleet({ nodes: 2, config: { grace_ms: 600_000, lease_ttl_secs: 10 } });
  metricsUrl = (await fleet.startWorker()).metricsUrl ?? '';
}, 60_000);
afterAll(() => fleet.stop());
afterEach(async () => {
  for (const node of fleet.nodes) {
    await switchesOf(node).clearFaults();
    await switchesOf(node).resume();
  }
});

const scene = (options?: Partial<IndexOptions>): Promise<Scene> => newScene(fleet, options);

const differences = (): Promise<number> => readMetric(metricsUrl, 'miroir_verify_differences_total');

type Plain = Record<string, unknown> & { id: number };

describe('a difference between source and target', () => {
  it('missing, extra and altered documents are found, repaired and counted, in the record and the metric', async () => {
    const before = await differences();
    const at = await scene();
    const id = await at.stallVerify();
    const documents = [...(await at.source.texts(at.index)).values()].map((text) => JSON.parse(text) as Plain);
    expect(documents).toHaveLength(100);
    await at.target.remove(at.index, 7);
    await at.target.put(at.index, { ...documents[0], id: 4_711, name: 'only on the target' });
    const altered = documents.find((document) => document.id === 42);
    await at.target.put(at.index, { ...altered, id: 42, weight: 42.500_001 });
    await at.target.clearFaults();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 3, docsMigrated: 100 });
    await at.check();
    expect((await differences()) - before).toBe(3);
  });

  it('is none when only the order of documents differs', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    const documents = [...(await at.source.texts(at.index)).values()].map((text) => JSON.parse(text) as Plain);
    for (const document of documents.slice(0, 50)) {
      await at.target.remove(at.index, document.id);
      await at.target.put(at.index, document);
    }
    await at.target.clearFaults();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 0 });
    await at.check();
  });

  it('that cannot be repaired makes the move wait in the node’s words: it never switches on it', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    await at.target.remove(at.index, 7);
    await at.target.clearFaults();
    await at.target.fault({
      match: { path: `^/indexes/${at.index}/documents\\?` },
      do: 'fail-task',
      code: 'io_error',
      message: 'disk',
    });
    const waiting = await fleet.untilMove(id, (move) => move.waiting?.reason.startsWith('node_busy') === true);
    expect(waiting.waiting?.reason).toContain('disk');
    expect(waiting.switchedAtMs).toBeNull();
    expect((await fleet.base.records.route(at.index, 0)).route.owners).toEqual([at.from]);
    await at.target.clearFaults();
    await fleet.moveQueue.promote(waiting);
    expect(await at.end(id)).toMatchObject({ outcome: 'done' });
    await at.check();
  });
});

describe('a write past the routers during a move', () => {
  it('on the source: every window is verified again, and the document moves too', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    const [text = ''] = (await at.source.texts(at.index)).values();
    const { _miroir_shard, _miroir_slot } = JSON.parse(text) as Plain;
    await at.source.write(at.index, [{ id: 900, name: 'late', _miroir_shard, _miroir_slot }]);
    fleet.documents.get(at.index)?.set('900', '{"id":900,"name":"late"}');
    await at.target.clearFaults();
    const move = await at.end(id);
    expect(move).toMatchObject({ outcome: 'done', differences: 1, documents: 100 });
    // Once beside the copy, once because of the write.
    expect(move.windowsVerified).toBe(2);
    await at.check();
  });

  it('on the target: it is taken back', async () => {
    const at = await scene();
    const id = await at.stallVerify();
    const [text = ''] = (await at.source.texts(at.index)).values();
    const { _miroir_shard, _miroir_slot } = JSON.parse(text) as Plain;
    await at.target.write(at.index, [{ id: 901, name: 'stray', _miroir_shard, _miroir_slot }]);
    await at.target.clearFaults();
    expect(await at.end(id)).toMatchObject({ outcome: 'done', differences: 1 });
    await at.check();
  });
});
