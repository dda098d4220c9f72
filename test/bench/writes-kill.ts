// How long writes are refused after a node's SIGKILL where every shard has two owners: until the failed one leaves the
// write set.
import { setTimeout as sleep } from 'node:timers/promises';
import type { IndexEntry } from '../../src/core/routing.ts';
import { startBuiltGateway } from '../support/built.ts';
import { chunks, cityTexts } from './cities.ts';
import type { LoadProcess } from './client-load.ts';
import { round, say } from './print.ts';
import { openStage, REAL_PRICE } from './stage.ts';

const entry: IndexEntry = { uid: 'cities', primaryKey: 'cityId', shards: 16, replicationFactor: 2, groups: [0] };
const KILLED = 'n2';
const PER_S = 50;
const PATIENCE_MS = 60_000;
const LOOK_MS = 100;
/** Writes that go well this long show that it is over. */
const QUIET_MS = 5_000;

/** Seconds from the kill to the last write that was refused; null when the write set does not change within a minute. */
export async function afterKill(
  loads: LoadProcess,
  documents: number,
  config: Readonly<Record<string, string>>,
): Promise<number | null> {
  const stage = await openStage({ config });
  try {
    const ids = ['n1', KILLED, 'n3'];
    for (const id of ids) await stage.startNode(id, REAL_PRICE);
    await stage.register(ids, [entry]);
    for (const id of ids) await stage.prepareIndex(id, entry);
    const texts = cityTexts(Math.min(documents, 5_000));
    await stage.load(entry, chunks(texts));
    await stage.startWorkers(['planner', 'rebalancer']);
    const gateways = [await startBuiltGateway(stage.env), await startBuiltGateway(stage.env)];
    stage.workers.push(...gateways.map(({ child }) => child));
    const load = await loads.start({
      urls: gateways.map(({ url }) => url),
      method: 'POST',
      path: `/indexes/${entry.uid}/documents`,
      bodies: texts.map((text) => `[${text.slice(0, -1)},"written":"%n"}]`),
      connections: 20,
      perS: PER_S,
    });
    await sleep(3_000);
    await load.cut();
    stage.nodes.get(KILLED)?.kill('SIGKILL');
    const killedMs = Date.now();
    const isWriteSetChanged = async (): Promise<boolean> => {
      const table = await stage.base.records.table(entry.uid);
      return table !== null && table.shards.every(({ owners }) => !owners.includes(KILLED));
    };
    let isChanged = false;
    while (!isChanged && Date.now() - killedMs < PATIENCE_MS) {
      await sleep(LOOK_MS);
      isChanged = await isWriteSetChanged();
    }
    if (isChanged) await sleep(QUIET_MS);
    const { bad, lastBadMs, good } = await load.stop();
    say(`after the kill: ${good} writes accepted, not accepted: ${JSON.stringify(bad)}`);
    if (!isChanged) {
      say(`${KILLED} is still in the write set ${PATIENCE_MS / 1_000} s after its death`);
      return null;
    }
    return lastBadMs === null ? 0 : round(Math.max(0, lastBadMs - killedMs) / 1_000, 1);
  } finally {
    await stage.close();
  }
}
