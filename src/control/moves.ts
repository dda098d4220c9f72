/**
 * What an operator may decide about a move whose nodes are lost: giving up the last writes of documents that nobody else
 * has, or taking the move back. Looking changes nothing; deciding leaves a wish that the lease holder carries out.
 */
import { answers } from '../core/answers.ts';
import { oldReaders } from '../core/routing.ts';
import { findNode, isGone, isReadable, type Topology } from '../core/topology.ts';
import { MoveStateError } from '../errors.ts';
import type { MoveState } from '../ports.ts';
import { audited } from './audited.ts';
import { moveOf } from './move-list.ts';
import type { ChangeParts, ControlParts } from './parts.ts';

/** Ids that are told one by one. */
const IDS_TOLD = 1_000;

export interface LossView {
  readonly move: string;
  readonly index: string;
  readonly shard: number;
  readonly source: string;
  readonly target: string;
  /** Every old owner that is lost: with the source those that may have had these documents' last writes, too. */
  readonly lost: readonly string[];
  readonly documents: number;
  /** At most 1,000 of them. */
  readonly ids: readonly string[];
}

export interface RevertView {
  readonly move: string;
  readonly index: string;
  readonly shard: number;
  readonly target: string;
  /** Every node that is lost with what was written since: the target, and the owners beside it. */
  readonly lost: readonly string[];
  /** The node that owns the shard again, alone. */
  readonly owner: string;
  /** What clients wrote after this is lost (ISO 8601). */
  readonly since: string;
}

const refuse = (message: string, move: MoveState, remedy: string): MoveStateError =>
  new MoveStateError(message, {
    field: 'move',
    remedy,
    details: { move: move.id, phase: move.phase, outcome: move.outcome ?? null, waiting: move.waiting?.reason ?? null },
  });

/** Whether the node answers; one that was removed is not asked. */
async function isThere({ clientOf }: ControlParts, topology: Topology, id: string): Promise<boolean> {
  const node = findNode(topology, id);
  return node !== undefined && node.state !== 'removed' && answers(clientOf(node));
}

/** Refuses while the node may come back with what it has: only one that has failed and does not answer is lost. */
async function assertLost(parts: ControlParts, topology: Topology, move: MoveState, id: string): Promise<void> {
  if (await isThere(parts, topology, id)) {
    const remedy = `tell that it is back (\`miroir event send NodeRecovered\`), or stop it if its data is lost`;
    throw refuse(`node ${id} answers: nothing is lost as long as it has its data`, move, remedy);
  }
  if (isGone(topology, id)) return;
  const remedy = `say so first: \`miroir node fail ${id}\``;
  throw refuse(`node ${id} does not answer, and has not been taken for failed`, move, remedy);
}

/** What would be given up if the old owners that are lost never came back. Throws `MoveStateError` where nothing has to be. */
export async function lossOf(parts: ControlParts, id: string): Promise<LossView> {
  const move = await moveOf(parts, id);
  const { index, shard, source, target } = move;
  const { route } = await parts.records.route(index, shard);
  if (move.outcome !== undefined || route.moveId !== id || route.state !== 'settling') {
    const stands = move.outcome ?? `in ${move.phase}, its shard ${route.state}`;
    throw refuse(`move ${id} is not settling: ${stands}`, move, 'see `miroir status`: nothing of it waits for a node');
  }
  const topology = await parts.records.topology();
  const others = oldReaders(route).filter((reader) => reader !== source && reader !== target);
  const lost = [source, ...others.filter((other) => !isReadable(topology, other))];
  for (const node of lost) await assertLost(parts, topology, move, node);
  // The holder has looked at every old owner that serves then, and what they have is carried over.
  if (move.waiting?.code !== 'source_failed') {
    const remedy = 'wait until `miroir status` shows source_failed, or that the shard has settled from another owner';
    throw refuse(`move ${id} has not looked for another old owner yet`, move, remedy);
  }
  const { total, ids } = await parts.records.journaled(id, IDS_TOLD);
  return { move: id, index, shard, source, target, lost, documents: total, ids };
}

/** Leaves the wish that these documents' last writes are given up. */
export function acceptLoss(parts: ChangeParts, id: string): Promise<LossView> {
  return audited(parts, 'move accept-loss', { move: id }, async () => {
    const view = await lossOf(parts, id);
    await parts.records.wish(id, 'accept-loss');
    return view;
  });
}

/** What taking the move back would mean. Throws `MoveStateError` where it may not be. */
export async function revertOf(parts: ControlParts, id: string): Promise<RevertView> {
  const move = await moveOf(parts, id);
  const { index, shard, target, retires } = move;
  if (move.phase !== 'DualWriteStopped' || move.outcome !== undefined) {
    const remedy = 'only a move in its grace can be taken back; see `miroir status`';
    throw refuse(`move ${id} is ${move.outcome ?? `in ${move.phase}`}, not in its grace`, move, remedy);
  }
  if (retires === null || move.deletingAtMs !== null) {
    const what = retires === null ? 'kept no copy' : `has begun to delete the copy on ${retires}`;
    throw refuse(`move ${id} ${what}`, move, `bring ${target} back, or restore the index from a backup`);
  }
  const topology = await parts.records.topology();
  const { route } = await parts.records.route(index, shard);
  const serving = route.owners.filter((owner) => owner !== target && isReadable(topology, owner));
  if (serving.length > 0) {
    const remedy = 'the shard has what was written there; a lost copy is restored by the plan of `miroir node fail`';
    throw refuse(`shard ${shard} of ${index} is on ${serving.join(', ')}, too`, move, remedy);
  }
  const lost = [...new Set([target, ...route.owners])];
  for (const node of lost) await assertLost(parts, topology, move, node);
  if (!isReadable(topology, retires) || !(await isThere(parts, topology, retires))) {
    throw refuse(`node ${retires}, which has the kept copy, does not answer`, move, `bring ${retires} back first`);
  }
  const since = new Date(move.switchedAtMs ?? 0).toISOString();
  return { move: id, index, shard, target, lost, owner: retires, since };
}

/** Leaves the wish that the copy which was kept owns the shard again. */
export function revertMove(parts: ChangeParts, id: string): Promise<RevertView> {
  return audited(parts, 'move revert', { move: id }, async () => {
    const view = await revertOf(parts, id);
    await parts.records.wish(id, 'revert');
    return view;
  });
}
