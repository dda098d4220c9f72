/**
 * Topology events: as other services send them, and with the node or group in the path. Each is answered when it is in
 * the queue; what the planner makes of it is at `Location`.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { sendEvent, showEvent } from '../../control/events.ts';
import { trailFilter } from '../../control/trail.ts';
import type { App } from '../app.ts';
import { asOurs, errorAnswer } from '../answers.ts';
import { CONDITION_HEADERS, conditionOf, LAST_EVENT_HEADER, lastEventOf } from '../conditions.ts';
import type { Feed } from '../feed.ts';
import type { Scope } from '../keys.ts';
import { type ApiParts, askedBy } from '../parts.ts';
import { ACCEPTED, EMPTY, EVENT, EVENT_STATE, FAILURE, NEW_GROUP, NEW_NODE, STREAM } from '../schemas/changes.ts';

interface EventRoute {
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
  /** The event that it is. */
  readonly name: string;
  readonly summary: string;
  readonly scope: Scope;
  /** Fields of the event that come in the body; DELETE has none. */
  readonly body?: z.ZodObject;
  readonly query?: z.ZodObject;
}

const FORCE = z.strictObject({
  force: z.stringbool().default(false).describe('drains the first time; no grace the second'),
});

const FILTER = z.strictObject({
  plan: z.string().optional().describe('only this plan, and the steps of its moves'),
  node: z.string().optional().describe('only what names this node, and the steps of moves that it is a part of'),
  index: z.string().optional().describe('only what is about this index, and the steps of its moves'),
});

const ROUTES: readonly EventRoute[] = [
  {
    method: 'POST',
    path: '/v1/nodes',
    name: 'NodeAdded',
    summary: 'Bring a node in, and move its share of the shards to it',
    scope: 'operate',
    body: NEW_NODE,
  },
  {
    method: 'POST',
    path: '/v1/nodes/:node_id/drain',
    name: 'NodeDraining',
    summary: 'Move every shard of a node to the others',
    scope: 'operate',
    body: EMPTY,
  },
  {
    method: 'POST',
    path: '/v1/nodes/:node_id/fail',
    name: 'NodeFailed',
    summary: 'Say that a node is lost: its shards go on without it',
    scope: 'operate',
    body: FAILURE,
  },
  {
    method: 'POST',
    path: '/v1/nodes/:node_id/recover',
    name: 'NodeRecovered',
    summary: 'Say that a node is back that had failed',
    scope: 'operate',
    body: EMPTY,
  },
  {
    method: 'POST',
    path: '/v1/groups',
    name: 'GroupAdded',
    summary: 'Bring in a replica group: its nodes get a copy of every shard',
    scope: 'operate',
    body: NEW_GROUP,
  },
  {
    method: 'POST',
    path: '/v1/groups/:replica_group/activate',
    name: 'GroupActivated',
    summary: 'Have a group read that has every copy, compared and equal',
    scope: 'operate',
    body: EMPTY,
  },
  {
    method: 'POST',
    path: '/v1/groups/:replica_group/drain',
    name: 'GroupDraining',
    summary: 'Take a group out of service: nobody reads it any more',
    scope: 'operate',
    body: EMPTY,
  },
  {
    method: 'DELETE',
    path: '/v1/groups/:replica_group',
    name: 'GroupRemoved',
    summary: 'Take out a group that is drained and owns nothing',
    scope: 'admin',
    query: FORCE,
  },
];

const PATH_FIELDS = { node_id: z.string(), replica_group: z.coerce.number() };

function paramsOf(path: string): { params: z.ZodObject } | object {
  const [, field] = /:(node_id|replica_group)/.exec(path) ?? [];
  return field === undefined
    ? {}
    : { params: z.strictObject({ [field]: PATH_FIELDS[field as keyof typeof PATH_FIELDS] }) };
}

export function addEvents(app: App, control: ApiParts, feed: Feed): void {
  /** Once it is in the queue; what the planner makes of it is at the location. */
  const sent = async (request: FastifyRequest, reply: FastifyReply, name: string, data: unknown) => {
    const given = conditionOf(request.headers);
    const { jobId } = await sendEvent(askedBy(control, request), name, data, null, given);
    void reply.code(202).header('location', `/v1/events/${jobId}`);
    return { id: jobId, state: 'waiting' as const };
  };

  for (const { method, path, name, summary, scope, body, query } of ROUTES) {
    app.route({
      method,
      url: path,
      config: { scope },
      schema: {
        tags: [path.split('/')[2] ?? ''],
        summary,
        headers: CONDITION_HEADERS,
        ...paramsOf(path),
        ...(body === undefined ? {} : { body }),
        ...(query === undefined ? {} : { querystring: query }),
        response: { 202: ACCEPTED },
      },
      handler: async (request, reply) => {
        const data = { ...(request.body as object), ...(request.query as object), ...(request.params as object) };
        return sent(request, reply, name, data);
      },
    });
  }

  app.post(
    '/v1/events',
    {
      config: { scope: 'operate' },
      schema: {
        tags: ['events'],
        summary: 'Send a topology event',
        headers: CONDITION_HEADERS,
        body: EVENT,
        response: { 202: ACCEPTED },
      },
    },
    async (request, reply) => {
      const { name, data } = request.body;
      return sent(request, reply, name, data);
    },
  );

  app.get(
    '/v1/events',
    {
      config: { scope: 'read' },
      // The answer has no end that a HEAD could wait for.
      exposeHeadRoute: false,
      schema: {
        tags: ['events'],
        summary: 'Everything that is changed, by whom, as it happens: server-sent events from the audit stream',
        produces: ['text/event-stream'],
        headers: LAST_EVENT_HEADER,
        querystring: FILTER,
        response: { 200: STREAM },
      },
    },
    async (request, reply) => {
      const after = lastEventOf(request.headers);
      const isWanted = trailFilter(control, request.query);
      const { actor } = askedBy(control, request);
      await feed.join({ response: reply.raw, actor, isWanted, checkAgain: () => request.checkAgain() }, after, () => {
        reply.hijack();
        const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
        reply.raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), ...headers });
      });
    },
  );

  app.get(
    '/v1/events/:id',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['events'],
        summary: 'How an event is: it waits for the planner, was planned, or was refused',
        params: z.strictObject({ id: z.string().max(100) }),
        response: { 200: EVENT_STATE },
      },
    },
    async ({ params: { id } }) => {
      const seen = await showEvent(control, id);
      const outcome = seen.state === 'planned' ? seen.outcome : null;
      const error = seen.state === 'refused' ? errorAnswer(asOurs(seen.error)).body : null;
      return { id, state: seen.state, outcome, error };
    },
  );
}
