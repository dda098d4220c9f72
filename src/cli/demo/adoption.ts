/** The other story of the demo: one node that somebody has filled becomes a fleet of three. */
import { surveyAdoption, adoptIndex } from '../../control/adopt.ts';
import { applied } from '../../control/node-tasks.ts';
import { initFleet } from '../../control/nodes.ts';
import { shardForKey } from '../../core/hashing.ts';
import { assignShard } from '../../core/placement.ts';
import { InvariantError } from '../../errors.ts';
import type { Closers } from '../lifetime.ts';
import { checkEverything } from './check.ts';
import { piecesOf } from './cities.ts';
import { INDEX, SHARDS, asTopologyNode, assertUnused, holdingsOf, removeIndexes } from './load.ts';
import { rebalance } from './rebalance.ts';
import { type Stage, ANSWER_MS, heading, toleranceOf } from './story.ts';
import { findingsText, seconds } from './table.ts';
import { ID, Truth } from './truth.ts';
import { count } from './watch.ts';

/** A piece of 10,000 documents, on a machine that is busy with other things. */
const TASK_MS = 120_000;

/** Resolves to whether every document is on its owner and nowhere else, as it was loaded. */
export async function tellAdoption(stage: Stage, closers: Closers | null): Promise<boolean> {
  const { fleet, screen, cities, apiKey, isReal, signal } = stage;
  const { control, nodes } = fleet;
  const [first, ...others] = nodes;
  if (first === undefined) throw new InvariantError('a fleet without nodes');
  if (isReal) {
    await assertUnused(control, nodes);
    closers?.add('connections', () => removeIndexes(nodes, apiKey));
  }

  heading(screen, `1. One node, ${first.id}`, 'filled with plain requests, as if we were not there');
  await fill(stage);
  screen.say(`  ${count(cities.length)} documents in index ${INDEX}`);

  heading(screen, '2. The index is taken over', `miroir index adopt ${INDEX} --yes`);
  await initFleet(control, [first]);
  const wish = { uid: INDEX, shards: SHARDS, signal };
  const { nodes: found } = await surveyAdoption(control, wish);
  screen.say(`  ${count(found[0]?.unsplit ?? 0)} documents lack our fields`);
  const startedMs = performance.now();
  await adoptIndex(control, { ...wish, onProgress: ({ documents, left }) => show(stage, documents, left) });
  screen.clear();
  screen.say(`  all stamped, and registered with ${SHARDS} shards, in ${seconds(performance.now() - startedMs)}`);

  const scene = { ...stage, truth: new Truth(cities), clients: null };
  const fleetNow = [first];
  for (const node of others) {
    heading(screen, `${fleetNow.length + 2}. Node ${node.id} is added`, 'event NodeAdded');
    const { id: nodeId, url, apiKeyRef } = node;
    const event = { nodeId, replicaGroup: 0, url, ...(apiKeyRef === undefined ? {} : { apiKeyRef }) };
    await rebalance(scene, {
      title: `add ${nodeId}`,
      before: await holdingsOf(control, fleetNow),
      death: null,
      send: async () => {
        const { jobId } = await control.producer.nodeAdded(event);
        return control.producer.result(jobId, { timeoutMs: ANSWER_MS, signal });
      },
    });
    fleetNow.push(node);
  }

  heading(screen, `${fleetNow.length + 2}. Check`, 'every document of every node, read with plain requests');
  const ids = nodes.map(({ id }) => id);
  const { perNode, wanted, good, tally } = await checkEverything({
    nodes,
    index: INDEX,
    ...(apiKey === undefined ? {} : { apiKey }),
    truth: scene.truth,
    ownersOf: (id) => assignShard({ shard: shardForKey(String(id), SHARDS), nodes: ids, replicationFactor: 1 }),
    tolerance: toleranceOf(isReal),
    signal,
  });
  for (const [id, documents] of perNode) screen.say(`  ${id}  ${count(documents)} documents`);
  screen.say(`\n  ${count(good)} of ${count(wanted)} documents equal, each on its owner and nowhere else`);
  screen.say(`  differences: ${count(tally.problems)}`);
  if (tally.problems > 0) screen.say(findingsText(tally));
  return tally.problems === 0 && good === wanted;
}

/** As any application does that knows one node. */
async function fill({ fleet, cities, apiKey, signal }: Stage): Promise<void> {
  const { control, nodes } = fleet;
  const node = nodes[0]!;
  const headers = {
    'content-type': 'application/json',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  const send = async (method: string, path: string, body: string): Promise<void> => {
    const response = await fetch(`${node.url}/indexes/${INDEX}${path}`, { method, headers, body, signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`node ${node.id} answered ${response.status}: ${text.slice(0, 200)}`);
    const { taskUid } = JSON.parse(text) as { taskUid: number };
    const wait = { clock: control.clock, withinMs: TASK_MS, again: 'run the demo again', signal };
    await applied(control.clientOf(asTopologyNode(node)), taskUid, wait);
  };
  await send('PATCH', '/settings', '{"searchableAttributes":["name","altName"]}');
  for (const piece of piecesOf(cities)) await send('POST', `/documents?primaryKey=${ID}`, piece);
}

function show({ screen }: Stage, documents: number, left: number): void {
  const all = documents + left;
  const text = `${count(documents)}/${count(all)} documents`;
  screen.bars([{ label: 'stamping', share: all === 0 ? 1 : documents / all, text }], `stamping, ${text}`);
}
