/**
 * The owners from before the switch while their shard settles: which of them may be read, and which may still come back.
 * They do not leave meanwhile, so one that has failed and is back has what clients were told, although it has yet to be
 * restored; and no move would restore it, since that comes after this one.
 */
import { answers } from '../core/answers.ts';
import { oldReaders, type ShardRoute } from '../core/routing.ts';
import { findNode, isGone, isReadable } from '../core/topology.ts';
import { NodeRegressedError, NodeUnreachableError } from '../errors.ts';
import type { NodeClient } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { doubtOf, knownLoss } from './doubt.ts';
import { assertNotRegressed } from './watermark.ts';

/** The source first. */
const idsOf = ({ source, target }: PhaseContext['move'], route: ShardRoute): string[] =>
  [...new Set([source, ...oldReaders(route)])].filter((id) => id !== target);

/** Whether the source still has what the move has seen there. */
async function assertSourceIntact(context: PhaseContext, node: NodeClient): Promise<void> {
  const { move } = context;
  if (node.node.id !== move.source) return;
  const floor = Math.max(move.sourceFloor ?? -1, move.gateFloor ?? -1, move.sourceMark ?? -1);
  await assertNotRegressed(context, node, { created: move.sourceCreated, floor });
}

/** Why a node that is back is not read; null when it has what it had. */
async function doubtOfReturned(context: PhaseContext, node: NodeClient): Promise<string | null> {
  try {
    await assertSourceIntact(context, node);
    return await doubtOf(context, node);
  } catch (error) {
    if (error instanceof NodeUnreachableError || error instanceof NodeRegressedError) return error.message;
    throw error;
  }
}

/**
 * The same of one that nobody has taken for failed: it may have lost its data a moment ago, and then what it lacks says
 * nothing. The source is waited for, another one only stands in for it.
 */
async function doubtOfServing(context: PhaseContext, node: NodeClient): Promise<string | null> {
  try {
    await assertSourceIntact(context, node);
    return await knownLoss(context, node);
  } catch (error) {
    const isAbsent = error instanceof NodeUnreachableError && node.node.id !== context.move.source;
    if (isAbsent || error instanceof NodeRegressedError) return error.message;
    throw error;
  }
}

async function mayRead(context: PhaseContext, route: ShardRoute, id: string): Promise<boolean> {
  const { topology, log } = context;
  const serves = isReadable(topology, id);
  if (!serves && (findNode(topology, id)?.state !== 'restoring' || !oldReaders(route).includes(id))) return false;
  const doubt = await (serves ? doubtOfServing : doubtOfReturned)(context, context.node(id));
  if (doubt !== null) log.warn({ node: id, doubt }, 'an old owner has less than it had, and is not read');
  return doubt === null;
}

/** Old owners that may be read, the source first. */
export async function oldOwners(context: PhaseContext, route: ShardRoute): Promise<NodeClient[]> {
  const ids = idsOf(context.move, route);
  const may = await Promise.all(ids.map((id) => mayRead(context, route, id)));
  return ids.filter((_, at) => may[at]).map((id) => context.node(id));
}

/** An old owner that was not read and is not lost, as things stand now; undefined when every one is. */
export async function notLost(
  context: PhaseContext,
  route: ShardRoute,
  read: readonly NodeClient[],
): Promise<string | undefined> {
  const topology = await context.records.topology();
  for (const id of idsOf(context.move, route)) {
    if (read.some(({ node }) => node.id === id)) continue;
    if (!isGone(topology, id)) return id;
    const node = findNode(context.topology, id);
    if (node !== undefined && node.state !== 'removed' && (await answers(context.node(id)))) return id;
  }
  return undefined;
}
