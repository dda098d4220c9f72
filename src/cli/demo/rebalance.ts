/** One event and what comes of it: the plan, its moves, and somebody's death in the middle of them. */
import prettyBytes from 'pretty-bytes';
import { shardForKey } from '../../core/hashing.ts';
import { InvariantError } from '../../errors.ts';
import type { EventOutcome } from '../../ports.ts';
import { GRACE_MS } from './fleet.ts';
import { INDEX, SHARDS } from './load.ts';
import type { Scene } from './story.ts';
import { type Chapter, type Holdings, holdingsAfter, planTable, seconds } from './table.ts';
import { type MiddleInput, killGateway, killInTheMiddle } from './takeover.ts';
import type { Truth } from './truth.ts';
import { count, watchPlan } from './watch.ts';

interface Rebalance {
  readonly title: string;
  readonly before: Holdings;
  /** Who is killed on the way: the working mover, or a gateway and then a node. */
  readonly death: 'worker' | 'gateway' | null;
  /** The node that is killed after the gateway. */
  readonly dyingNode?: string;
  readonly send: () => Promise<EventOutcome>;
}

type Remark = (text: string | null) => void;

/** One event, from its sending until the last old copy is deleted. */
export async function rebalance(scene: Scene, { title, before, death, dyingNode, send }: Rebalance): Promise<Chapter> {
  const { fleet, screen, truth, clients, signal } = scene;
  const { control } = fleet;
  const sentAtMs = performance.now();
  const { plan: planId, blocked } = await send();
  if (planId === null || blocked > 0) {
    throw new InvariantError(`the event led to ${planId === null ? 'no plan' : `${blocked} shards that cannot move`}`);
  }
  const moves = await control.records.moves(await control.records.planMoveIds(planId));
  const sizes = shardSizes(truth);
  const { after, documents, bytes } = holdingsAfter(before, moves, (shard) => sizes.get(shard) ?? 0);
  screen.say(`  plan ${planId}: ${moves.length} moves, ${count(documents)} documents, ${prettyBytes(bytes)}`);
  screen.say(planTable(before, after));

  // When one of the two below fails, the other must not go on printing.
  const local = new AbortController();
  const about = { fleet, planId, documents, signal: AbortSignal.any([signal, local.signal]) };
  let remark: string | null = null;
  const dying = killOne(scene, { death, dyingNode }, about, (text) => (remark = text));
  const watching = watchPlan({
    ...about,
    control,
    screen,
    sentAtMs,
    note: () => remark,
    clients: () => clients?.text ?? null,
  });
  try {
    const [watched, stoodStillMs] = await Promise.all([watching, dying]);
    screen.say(`  ${watched.progress.settled} of ${moves.length} shards settled in ${seconds(watched.settledMs)}`);
    screen.say(`  old copies deleted after ${GRACE_MS / 1_000} s of grace`);
    const killed = [death, dyingNode].filter((one) => one != null).join(', ');
    return { title, watched, stoodStillMs, killed: killed === '' ? 'nobody' : killed };
  } finally {
    local.abort();
    await Promise.allSettled([watching, dying]);
  }
}

/** Resolves to how long no worker was there. */
async function killOne(
  scene: Scene,
  { death, dyingNode }: { death: Rebalance['death']; dyingNode: string | undefined },
  about: MiddleInput,
  remark: Remark,
): Promise<number> {
  if (death === 'worker') return killWorker(scene, about, remark);
  if (death === 'gateway') await killOneGateway(scene, about);
  if (dyingNode !== undefined) await killNode(scene, dyingNode);
  return 0;
}

async function killNode({ fleet, screen }: Scene, id: string): Promise<void> {
  const killedAtMs = performance.now();
  const isBack = await fleet.restartNode(id, (pid) =>
    screen.say(`  ✂ kill -9 ${pid}: node ${id}, whose documents nobody else has`),
  );
  if (isBack)
    screen.say(`  ↻ node ${id} is back after ${seconds(performance.now() - killedAtMs)}, with what it had accepted`);
}

/** By what must be there at the moment. */
function shardSizes(truth: Truth): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const id of truth.ids()) {
    if (truth.statesOf(id)[0] === null) continue;
    const shard = shardForKey(String(id), SHARDS);
    sizes.set(shard, (sizes.get(shard) ?? 0) + 1);
  }
  return sizes;
}

async function killWorker({ screen }: Scene, about: MiddleInput, remark: Remark): Promise<number> {
  const takeover = await killInTheMiddle({
    ...about,
    index: INDEX,
    onKill({ name, process }, running) {
      screen.say(`  ✂ kill -9 ${process.child.pid}: ${name} held the lease and ran ${running} moves`);
      remark(`${name} is dead, lease runs out`);
    },
  });
  remark(null);
  if (takeover === null) {
    screen.say('  (everything had moved before the worker could be killed)');
    return 0;
  }
  const { successor, leaseMs, actingMs } = takeover;
  screen.say(`  ↻ ${successor.name} took over: lease after ${seconds(leaseMs)}, at work after ${seconds(actingMs)}`);
  return actingMs;
}

async function killOneGateway({ screen, clients }: Scene, about: MiddleInput): Promise<void> {
  if (clients === null) return;
  const { killed, elsewhereMs } = await killGateway({
    ...about,
    clients,
    onKill({ name, process }, running) {
      screen.say(`  ✂ kill -9 ${process.child.pid}: ${name} served half of the clients while ${running} moves ran`);
    },
  });
  screen.say(`  ↻ all clients of ${killed.name} went on at the other one after ${seconds(elsewhereMs)}`);
}
