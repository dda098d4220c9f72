/**
 * The original's admin routes, below /_miroir and all for admins: its fields, by our verbs, with the status that each
 * case has in HTTP. What the planner decides is waited for, since these routes say at once what was refused.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { removeNode } from '../../control/events.ts';
import { listIndexes, showIndex } from '../../control/indexes.ts';
import { rebalance, rebalanceStatus } from '../../control/rebalance.ts';
import { showTopology } from '../../control/topology.ts';
import { InvalidInputError, NodeConflictError } from '../../errors.ts';
import type { App } from '../app.ts';
import { deadlineOf } from '../deadline.ts';
import { type ApiParts, askedBy } from '../parts.ts';
import {
  FORCE,
  NEW_NODE,
  NODE_ACCEPTED,
  NODE_REMOVED,
  NODE_TOLD,
  REBALANCE,
  REBALANCE_NOOP,
  REBALANCE_STARTED,
  REBALANCE_STATUS,
  SHARDS,
  TOPOLOGY_STATUS,
} from '../schemas/original.ts';
import { EMPTY } from '../schemas/changes.ts';
import { ANSWER_MS, answered } from './answered.ts';
import { statusOf, topologyStatus } from './original-views.ts';

const config = { scope: 'admin' } as const;
const tags = ['original'];
const NODE = z.strictObject({ id: z.string() });

export function addOriginal(app: App, control: ApiParts): void {
  const told = (request: FastifyRequest, reply: FastifyReply, name: string, data: object) =>
    answered(control, [request, reply], name, data);
  const groupOf = async (id: string): Promise<number> =>
    (await control.records.topology()).nodes.find((node) => node.id === id)?.group ?? 0;

  app.get(
    '/_miroir/topology',
    {
      config,
      schema: { tags, summary: 'Nodes, and whether every shard can be read', response: { 200: TOPOLOGY_STATUS } },
    },
    async () => topologyStatus(await showTopology(control), await listIndexes(control)),
  );

  app.get(
    '/_miroir/shards',
    {
      config,
      schema: {
        tags,
        summary: 'Nodes of each shard of an index',
        querystring: z.strictObject({ index_uid: z.string().optional().describe('needed where there are several') }),
        response: { 200: SHARDS },
      },
    },
    async ({ query }) => {
      const { routes } = await showIndex(control, query.index_uid ?? (await onlyIndex(control)));
      return { shards: Object.fromEntries(routes.map(({ shard, owners }) => [String(shard), owners])) };
    },
  );

  app.post(
    '/_miroir/nodes',
    {
      config,
      schema: { tags, summary: 'Bring a node in', body: NEW_NODE, response: { 202: NODE_ACCEPTED } },
    },
    async (request, reply) => {
      const { id, address, replica_group, api_key_ref } = request.body;
      const key = api_key_ref === undefined ? {} : { api_key_ref };
      const { change, plan, jobId } = await told(request, reply, 'NodeAdded', {
        node_id: id,
        url: address,
        replica_group,
        ...key,
      });
      // As the original has it: who asks for a plan must not be shown another one.
      if (change === 'repeated') {
        throw new NodeConflictError(`node ${id} already exists`, {
          field: 'id',
          remedy: 'see `GET /_miroir/topology`',
        });
      }
      void reply.code(202);
      return { miroir_task_id: plan ?? jobId, node_id: id, replica_group, status: 'accepted' as const };
    },
  );

  app.delete(
    '/_miroir/nodes/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Take a drained node out',
        description: '409 while it owns a shard, whatever `force` says: drain it first, or say that it has failed.',
        params: NODE,
        body: FORCE,
        response: { 200: NODE_REMOVED },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await removeNode(askedBy(control, request), id, { timeoutMs: ANSWER_MS, signal: deadlineOf(reply) });
      return { node_id: id, message: `node ${id} is removed` };
    },
  );

  app.post(
    '/_miroir/nodes/:id/drain',
    {
      config,
      schema: {
        tags,
        summary: 'Move every shard of a node away',
        params: NODE,
        body: EMPTY,
        response: { 202: NODE_ACCEPTED },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { plan, jobId } = await told(request, reply, 'NodeDraining', { node_id: id });
      void reply.code(202);
      return {
        miroir_task_id: plan ?? jobId,
        node_id: id,
        replica_group: await groupOf(id),
        status: 'draining' as const,
      };
    },
  );

  for (const [verb, name, summary] of [
    ['fail', 'NodeFailed', 'has failed'],
    ['recover', 'NodeRecovered', 'is back'],
  ] as const) {
    app.post(
      `/_miroir/nodes/:id/${verb}`,
      {
        config,
        schema: {
          tags,
          summary: `Say that a node ${summary}`,
          params: NODE,
          body: EMPTY,
          response: { 200: NODE_TOLD },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        await told(request, reply, name, { node_id: id });
        return { node_id: id, replica_group: await groupOf(id), message: `node ${id} ${summary}` };
      },
    );
  }

  app.post(
    '/_miroir/rebalance',
    {
      config,
      schema: {
        tags,
        summary: 'Have indexes planned as the fleet stands',
        body: REBALANCE,
        response: { 200: REBALANCE_NOOP, 202: REBALANCE_STARTED },
      },
    },
    async (request, reply) => {
      const { index_uid: index = null, reason = '' } = request.body;
      const wait = { timeoutMs: ANSWER_MS, signal: deadlineOf(reply) };
      const { change, plan, moves } = await rebalance(askedBy(control, request), { index, reason }, wait);
      if (plan === null || change === 'repeated') {
        const message = plan === null ? 'every shard is where it belongs' : `plan ${plan} is under way`;
        return reply.code(200).send({ status: 'noop', message });
      }
      return reply.code(202).send({ miroir_task_id: plan, status: 'started', message: `${moves} moves` });
    },
  );

  app.get(
    '/_miroir/rebalance/status',
    { config, schema: { tags, summary: 'How far the plan is that runs', response: { 200: REBALANCE_STATUS } } },
    async () => statusOf(await rebalanceStatus(control), control.clock.now()),
  );
}

async function onlyIndex(control: ApiParts): Promise<string> {
  const [first, ...others] = await listIndexes(control);
  if (first !== undefined && others.length === 0) return first.uid;
  throw new InvalidInputError(`index_uid: there are ${others.length === 0 ? 'no' : 'several'} indexes`, {
    field: 'index_uid',
    remedy: 'name one of `miroir index list`',
  });
}
