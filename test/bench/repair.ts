// A node dies and does not come back: how long until it counts as failed, and how long from then until every shard has all its
// copies again, against the bare loop that copies the same shards from the same nodes to as many fresh ones.
import type { IndexEntry } from '../../src/core/routing.ts';
import type { MoveState } from '../../src/ports.ts';
import { untilTrue } from '../support/until.ts';
import { bareLoop } from './bare-loop.ts';
import { chunks, citiesIndex, cityTexts } from './cities.ts';
import { type BenchResult, round, say } from './print.ts';
import { type Stage, openStage } from './stage.ts';

const entry: IndexEntry = { ...citiesIndex(), replicationFactor: 2 };
const NODES = ['n1', 'n2', 'n3', 'n4'] as const;
const DIES = 'n4';
/** Observers have looked at all nodes by then, and the planner has noted what each has. */
const CALM_MS = 15_000;
const REPAIR_MS = 1_800_000;

interface Repair {
  readonly detectionS: number;
  /** From the word that the node has failed to the last shard that is whole. */
  readonly copyingS: number;
  readonly moves: readonly MoveState[];
}

async function isWhole({ base }: Stage): Promise<boolean> {
  const table = await base.records.table(entry.uid);
  return (table?.shards ?? []).every(({ owners, readers }) =>
    [owners, readers].every((ids) => ids.filter((id) => id !== DIES).length === entry.replicationFactor),
  );
}

async function die(stage: Stage): Promise<Repair> {
  const { records } = stage.base;
  const diedAtMs = Date.now();
  stage.nodes.get(DIES)?.kill('SIGKILL');
  let failedAtMs: number | undefined;
  await untilTrue(async () => {
    failedAtMs = (await records.topology()).nodes.find(({ id }) => id === DIES)?.failedAtMs;
    return failedAtMs !== undefined;
  }, REPAIR_MS);
  const detectionS = ((failedAtMs ?? NaN) - diedAtMs) / 1_000;
  say(`${DIES} counts as failed after ${round(detectionS, 2)} s`);
  await untilTrue(
    () => isWhole(stage),
    REPAIR_MS,
    async () =>
      JSON.stringify((await records.unfinishedMoves()).map(({ id, phase, waiting }) => ({ id, phase, waiting }))),
  );
  const copyingS = (Date.now() - (failedAtMs ?? NaN)) / 1_000;
  const plans = await Promise.all((await records.plans(10)).map(({ id }) => records.planMoveIds(id)));
  return { detectionS, copyingS, moves: await records.moves(plans.flat()) };
}

/** The same shards from the same nodes; a fresh node stands for each that was given some. */
async function bareOf(stage: Stage, moves: readonly MoveState[]): Promise<number> {
  const url = (id: string): string => stage.nodes.get(id)?.url ?? '';
  const fresh = (id: string): string => `${id}-fresh`;
  for (const target of new Set(moves.map((move) => move.target))) {
    await stage.startNode(fresh(target));
    await stage.prepareIndex(fresh(target), entry);
  }
  return bareLoop(
    entry.uid,
    moves.map(({ shard, source, target, documents }) => ({
      shard,
      source: url(source),
      target: url(fresh(target)),
      documents: documents ?? 0,
    })),
    stage.headers,
  );
}

/** Documents on the owners of all shards, where the owners of each have as many; null where they do not. */
async function copiesOf(stage: Stage): Promise<number | null> {
  let sum = 0;
  for (const { shard, owners } of (await stage.base.records.table(entry.uid))?.shards ?? []) {
    const counts = await Promise.all(owners.map((id) => stage.client(id).count(entry.uid, `_miroir_shard = ${shard}`)));
    if (counts.some((count) => count !== counts[0])) return null;
    sum += counts.reduce((all, count) => all + count, 0);
  }
  return sum;
}

export async function benchRepair(documents: number, config: Readonly<Record<string, string>>): Promise<BenchResult> {
  const stage = await openStage({ config: { repair_delay_ms: 0, ...config } });
  try {
    for (const id of NODES) await stage.startNode(id);
    await stage.register(NODES, [entry]);
    for (const id of NODES) await stage.prepareIndex(id, entry);
    say(`loading ${documents} documents into ${NODES.join(', ')} (64 shards, RF 2)`);
    await stage.load(entry, chunks(cityTexts(documents)));
    await stage.startWorkers(['planner', 'rebalancer', 'reconciler', 'reconciler']);
    await new Promise((resolve) => setTimeout(resolve, CALM_MS));
    const { detectionS, copyingS, moves } = await die(stage);
    await stage.stopWorkers();
    const copied = moves.reduce((sum, move) => sum + (move.documents ?? 0), 0);
    say(`${moves.length} shards with ${copied} documents copied in ${round(copyingS, 2)} s`);
    const copies = await copiesOf(stage);
    const bareS = await bareOf(stage, moves);
    say(`the bare loop: ${round(bareS, 2)} s`);
    const valid = copies === documents * entry.replicationFactor && moves.every(({ outcome }) => outcome === 'done');
    if (!valid) say(`invalid: ${copies} documents on all owners together, null where owners differ`);
    return {
      valid,
      figures: {
        documents,
        shards_repaired: moves.length,
        documents_copied: copied,
        detection_s: round(detectionS, 2),
        copying_s: round(copyingS, 2),
        death_to_full_rf_s: round(detectionS + copyingS, 2),
        bare_s: round(bareS, 2),
        repair_ratio: round(copyingS / bareS),
        repair_ratio_with_detection: round((detectionS + copyingS) / bareS),
        docs_per_s: Math.round(copied / copyingS),
        valid,
      },
    };
  } finally {
    await stage.close();
  }
}
