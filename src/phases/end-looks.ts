/**
 * Looks at both ends of a copy as their clients see them, beside the copy: at most one look per node and two seconds of the
 * process, by whichever move comes first. What is found goes to the pace of the target.
 */
import { complaintOf, type EndSigns } from '../core/ends.ts';
import { messageOf } from '../errors.ts';
import type { NodeClient, NodeTask } from '../ports.ts';
import type { PhaseContext } from './context.ts';
import { readTag } from './tags.ts';

/** Oldest unfinished tasks looked through for a client's: more than these of ours never stand before one. */
const TASKS = 50;
const BATCHES = 5;

/**
 * The oldest unfinished task that is no mover's, and for how long: as in queue-age.ts by the node's own clock, or as long as
 * this process has seen it, never by ours.
 */
async function clientTaskMs(context: PhaseContext, node: NodeClient): Promise<number | null> {
  const { clock, loads } = context;
  const [unfinished, [newest]] = await Promise.all([
    node.tasks({ statuses: ['enqueued', 'processing'], limit: TASKS, reverse: true }),
    node.tasks({ limit: 1 }),
  ]);
  const oldest: NodeTask | undefined = unfinished.find(({ customMetadata }) => readTag(customMetadata) === null);
  const seenMs = loads.end(node.node.id).clientWaitsSinceMs(oldest?.uid ?? null, clock.monotonic());
  if (oldest === undefined) return null;
  const queuedMs = Date.parse(newest?.enqueuedAt ?? oldest.enqueuedAt) - Date.parse(oldest.enqueuedAt);
  return Math.max(queuedMs, clock.monotonic() - seenMs);
}

async function look(context: PhaseContext, node: NodeClient): Promise<void> {
  const { loads, clock, log } = context;
  const { id } = node.node;
  const end = loads.end(id);
  let signs: EndSigns = { clientTaskMs: null, batchMs: null, refusals: 0, readMs: end.takeSlowestRead() };
  try {
    const [taskMs, batches] = await Promise.all([clientTaskMs(context, node), node.batches(BATCHES)]);
    signs = { ...signs, clientTaskMs: taskMs, batchMs: end.longestNewBatch(batches) };
  } catch (error) {
    // What the copy needs of this node it finds out by itself; that nothing came back is counted below.
    log.debug({ node: id, problem: messageOf(error) }, 'an end of the copy could not be looked at');
  }
  const refusals = end.newRefusals(context.refusals(id));
  const complaint = complaintOf({ ...signs, refusals }, loads.endLimits(id));
  if (complaint !== null && end.complaint(clock.monotonic()) === null)
    log.info({ node: id, complaint }, 'copies give way to clients');
  end.found(complaint);
}

/** Looks where it is time to, and tells the target's pace. Never rejects. */
export async function lookAtEnds(context: PhaseContext, source: NodeClient, target: NodeClient): Promise<void> {
  const { loads, clock } = context;
  const due = [source, target].filter(({ node }) => loads.end(node.id).wantsLook(clock.monotonic()));
  await Promise.all(due.map((node) => look(context, node)));
  loads.of(target.node.id).heed([loads.end(source.node.id), loads.end(target.node.id)], clock.monotonic());
}
