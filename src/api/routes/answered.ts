/** An event whose outcome is waited for, where a route says at once what was refused. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendEvent } from '../../control/events.ts';
import type { EventOutcome } from '../../ports.ts';
import { deadlineOf } from '../deadline.ts';
import { type ApiParts, askedBy } from '../parts.ts';

/** How long the planner has to answer. */
export const ANSWER_MS = 30_000;

export async function answered(
  control: ApiParts,
  [request, reply]: readonly [FastifyRequest, FastifyReply],
  name: string,
  data: object,
): Promise<EventOutcome & { readonly jobId: string }> {
  const parts = askedBy(control, request);
  const { jobId } = await sendEvent(parts, name, data, null);
  return { jobId, ...(await parts.producer.result(jobId, { timeoutMs: ANSWER_MS, signal: deadlineOf(reply) })) };
}
