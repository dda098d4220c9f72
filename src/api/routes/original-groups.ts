/** The original's admin routes for replica groups; two of them it has, and never mounted. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type GroupView, showGroup } from '../../control/groups.ts';
import type { App } from '../app.ts';
import type { ApiParts } from '../parts.ts';
import { EMPTY } from '../schemas/changes.ts';
import { FORCE, GROUP_ADDED, GROUP_STATUS, NEW_GROUP } from '../schemas/original.ts';
import { answered } from './answered.ts';

const config = { scope: 'admin' } as const;
const tags = ['original'];
const GROUP = z.strictObject({ id: z.coerce.number().int().min(0) });

export function addOriginalGroups(app: App, control: ApiParts): void {
  const told = (request: FastifyRequest, reply: FastifyReply, name: string, data: object) =>
    answered(control, [request, reply], name, data);

  app.post(
    '/_miroir/replica_groups',
    { config, schema: { tags, summary: 'Bring a replica group in', body: NEW_GROUP, response: { 202: GROUP_ADDED } } },
    async (request, reply) => {
      const { group_id: group, nodes } = request.body;
      const named = nodes.map(({ id, address, ...key }) => ({ node_id: id, url: address, ...key }));
      await told(request, reply, 'GroupAdded', { replica_group: group, nodes: named });
      void reply.code(202);
      return groupAdded(await showGroup(control, group), `group ${group} gets a copy of every shard`);
    },
  );

  app.get(
    '/_miroir/replica_groups/:id/status',
    { config, schema: { tags, summary: 'How far a group is', params: GROUP, response: { 200: GROUP_STATUS } } },
    async ({ params }) => groupStatus(await showGroup(control, params.id)),
  );

  app.post(
    '/_miroir/replica_groups/:id/activate',
    {
      config,
      schema: { tags, summary: 'Have a group read', params: GROUP, body: EMPTY, response: { 200: GROUP_ADDED } },
    },
    async (request, reply) => {
      await told(request, reply, 'GroupActivated', { replica_group: request.params.id });
      return groupAdded(await showGroup(control, request.params.id), `group ${request.params.id} is read`);
    },
  );

  app.delete(
    '/_miroir/replica_groups/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Take a group out: with `force` the first time drains it',
        params: GROUP,
        body: FORCE,
        response: { 200: GROUP_ADDED },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const before = await showGroup(control, id);
      await told(request, reply, 'GroupRemoved', { replica_group: id, force: request.body?.force === true });
      const isDraining = (await control.records.topology()).nodes.some(
        ({ group, state }) => group === id && state !== 'removed',
      );
      const phase = isDraining ? 'draining' : 'removed';
      return groupAdded({ ...before, phase }, `group ${id} is ${phase}`);
    },
  );
}

const additionOf = (group: number): string => `group-${group}`;
const groupAdded = ({ group, phase }: Pick<GroupView, 'group' | 'phase'>, message: string) => ({
  addition_id: additionOf(group),
  group_id: group,
  message,
  phase,
});
const groupStatus = ({ group, phase, progressPercent, shards, startedAtMs }: GroupView) => ({
  addition_id: additionOf(group),
  group_id: group,
  phase,
  progress_percent: progressPercent,
  shards,
  started_at: startedAtMs,
});
