/** Plans: made to be looked at, carried out, and how far they are. */
import { z } from 'zod';
import { listPlans } from '../../control/plan-list.ts';
import { applyPlan } from '../../control/proposal/apply.ts';
import { lookAtPlan } from '../../control/proposal/look.ts';
import { proposePlan, viewProposed } from '../../control/proposal/make.ts';
import type { App } from '../app.ts';
import { CONDITION_HEADERS, conditionOf } from '../conditions.ts';
import { type ApiParts, askedBy } from '../parts.ts';
import { PAGE } from '../schemas/base.ts';
import { EMPTY } from '../schemas/changes.ts';
import { APPLIED, PLAN_LOOKED_AT, PLAN_WISH, PROPOSED } from '../schemas/proposals.ts';
import { PLANS } from '../schemas/plans.ts';

const TAGS = ['plans'];
const ID = z.strictObject({ id: z.string().max(200) });

export function addPlans(app: App, control: ApiParts): void {
  app.get(
    '/v1/plans',
    {
      config: { scope: 'read' },
      schema: {
        tags: TAGS,
        summary: 'Plans that run, then those that have ended, newest first',
        querystring: z.strictObject(PAGE),
        response: { 200: PLANS },
      },
    },
    async ({ query }) => listPlans(control, query),
  );

  app.post(
    '/v1/plans',
    {
      config: { scope: 'plan' },
      schema: {
        tags: TAGS,
        summary: 'What would move if these nodes came and went; nothing is changed',
        body: PLAN_WISH,
        response: { 201: PROPOSED },
      },
    },
    async ({ body }, reply) => {
      const proposed = await proposePlan(control, body);
      void reply.code(201).header('location', `/v1/plans/${proposed.id}`);
      return viewProposed(proposed, proposed.version);
    },
  );

  app.get(
    '/v1/plans/:id',
    {
      config: { scope: 'read' },
      schema: {
        tags: TAGS,
        summary: 'A plan with its progress, or as it was proposed',
        params: ID,
        response: { 200: PLAN_LOOKED_AT },
      },
    },
    async ({ params }) => lookAtPlan(control, params.id),
  );

  app.post(
    '/v1/plans/:id/apply',
    {
      config: { scope: 'operate' },
      schema: {
        tags: TAGS,
        summary: 'Carry out a plan that was looked at: exactly that, or nothing',
        description: '412 with the difference when it would be another plan by now.',
        headers: CONDITION_HEADERS,
        params: ID,
        body: EMPTY,
        response: { 202: APPLIED },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { jobId, stage } = await applyPlan(askedBy(control, request), id, null, conditionOf(request.headers));
      void reply.code(202).header('location', jobId === null ? `/v1/plans/${id}` : `/v1/events/${jobId}`);
      return { id, state: jobId === null && stage !== null ? stage : ('waiting' as const) };
    },
  );
}
