/** Pausing, resuming and cancelling plans. */
import { z } from 'zod';
import {
  cancelOf,
  cancelPlan,
  pauseAll,
  pausePlan,
  resumeAll,
  resumePlan,
  showPause,
} from '../../control/plan-orders.ts';
import type { App } from '../app.ts';
import { type ApiParts, askedBy } from '../parts.ts';
import { EMPTY } from '../schemas/changes.ts';
import { CANCEL, NEW_PAUSE, PAUSE, PLAN_HELD } from '../schemas/plan-orders.ts';

const ID = z.strictObject({ id: z.string().max(200) });
const OPERATE = { scope: 'operate' } as const;

export function addPlanOrders(app: App, control: ApiParts): void {
  app.post(
    '/v1/plans/:id/pause',
    {
      config: OPERATE,
      schema: {
        tags: ['plans'],
        summary: 'Begin no move of the plan, and stop those that have begun at their next window',
        description: 'Moves past their switch go on to their end. Pausing twice is pausing once.',
        params: ID,
        body: EMPTY,
        response: { 200: PLAN_HELD },
      },
    },
    async (request, _reply) => pausePlan(askedBy(control, request), request.params.id),
  );

  app.post(
    '/v1/plans/:id/resume',
    {
      config: OPERATE,
      schema: {
        tags: ['plans'],
        summary: 'Let a plan go on that was paused',
        params: ID,
        body: EMPTY,
        response: { 200: PLAN_HELD },
      },
    },
    async (request, _reply) => resumePlan(askedBy(control, request), request.params.id),
  );

  app.get(
    '/v1/plans/:id/cancellation',
    {
      config: { scope: 'plan' },
      schema: {
        tags: ['plans'],
        summary: 'What cancelling the plan would undo, and what is past its switch',
        params: ID,
        response: { 200: CANCEL },
      },
    },
    async ({ params }) => cancelOf(control, params.id),
  );

  app.post(
    '/v1/plans/:id/cancel',
    {
      config: OPERATE,
      schema: {
        tags: ['plans'],
        summary: 'Undo what is not switched of the plan',
        params: ID,
        body: EMPTY,
        response: { 202: CANCEL },
      },
    },
    async (request, reply) => {
      const view = await cancelPlan(askedBy(control, request), request.params.id);
      void reply.code(202).header('location', `/v1/plans/${view.plan}`);
      return view;
    },
  );

  app.get(
    '/v1/pause',
    {
      config: { scope: 'read' },
      schema: { tags: ['plans'], summary: 'Whether all plans are paused', response: { 200: PAUSE } },
    },
    async () => showPause(control),
  );

  app.put(
    '/v1/pause',
    {
      config: OPERATE,
      schema: {
        tags: ['plans'],
        summary: 'Pause all plans, also those to come, or let them go on',
        body: NEW_PAUSE,
        response: { 200: PAUSE },
      },
    },
    async (request, _reply) => (request.body.paused ? pauseAll : resumeAll)(askedBy(control, request)),
  );
}
