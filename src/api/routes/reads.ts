/** What anybody with a key may look at. Each is a verb of `src/control/`, and a command of `miroir`. */
import { z } from 'zod';
import { doctor } from '../../control/doctor.ts';
import { explainMove, explainShard } from '../../control/explain.ts';
import { showThroughput } from '../../control/eta.ts';
import { listGroups, showGroup } from '../../control/groups.ts';
import { listIndexes, showIndex } from '../../control/indexes.ts';
import { listMoves, showMove } from '../../control/move-list.ts';
import { listNodes } from '../../control/nodes.ts';
import { pageOf } from '../../control/pages.ts';
import { planReport } from '../../control/report.ts';
import { showTopology } from '../../control/topology.ts';
import type { App } from '../app.ts';
import type { ApiParts } from '../parts.ts';
import { PAGE } from '../schemas/base.ts';
import { MOVE_EXPLAINED, SHARD_EXPLAINED } from '../schemas/explain.ts';
import { PLAN_REPORT } from '../schemas/report.ts';
import {
  FINDINGS,
  GROUP_SHOWN,
  GROUPS,
  INDEX_ROUTES,
  INDEXES,
  MOVE_DETAILS,
  MOVES,
  NODES,
  THROUGHPUT,
  TOPOLOGY,
} from '../schemas/reads.ts';

const READ = { scope: 'read' } as const;

export function addReads(app: App, control: ApiParts): void {
  const look = <T extends z.ZodType>(tag: string, summary: string, answer: T) => ({
    tags: [tag],
    summary,
    response: { 200: answer },
  });

  app.get(
    '/v1/nodes',
    {
      config: READ,
      schema: {
        ...look('nodes', 'Nodes: state, copies of shards, moves in and out', NODES),
        querystring: z.strictObject(PAGE),
      },
    },
    async ({ query }) => pageOf(await listNodes(control), ({ id }) => id, query),
  );

  app.get(
    '/v1/indexes',
    { config: READ, schema: { ...look('indexes', 'Indexes', INDEXES), querystring: z.strictObject(PAGE) } },
    async ({ query }) => pageOf(await listIndexes(control), ({ uid }) => uid, query),
  );

  app.get(
    '/v1/indexes/:uid',
    {
      config: READ,
      schema: {
        ...look('indexes', 'An index with the route of each shard', INDEX_ROUTES),
        params: z.strictObject({ uid: z.string() }),
      },
    },
    async ({ params }) => showIndex(control, params.uid),
  );

  app.get(
    '/v1/moves',
    {
      config: READ,
      schema: {
        ...look('moves', 'Moves: unfinished ones by id, ended ones newest first, of a plan all as planned', MOVES),
        querystring: z.strictObject({
          ...PAGE,
          state: z.enum(['unfinished', 'ended']).default('unfinished'),
          plan: z.string().nullable().default(null).describe('all moves of this plan, whatever their state'),
        }),
      },
    },
    async ({ query }) => listMoves(control, query),
  );

  app.get(
    '/v1/moves/:id',
    {
      config: READ,
      schema: { ...look('moves', 'A move', MOVE_DETAILS), params: z.strictObject({ id: z.string() }) },
    },
    async ({ params }) => showMove(control, params.id),
  );

  app.get(
    '/v1/moves/:id/explain',
    {
      config: READ,
      schema: {
        ...look('moves', 'Why a move does not get on, with the facts behind it; asks both nodes', MOVE_EXPLAINED),
        params: z.strictObject({ id: z.string() }),
      },
    },
    async ({ params }) => explainMove(control, params.id),
  );

  app.get(
    '/v1/indexes/:uid/shards/:shard/explain',
    {
      config: READ,
      schema: {
        ...look('indexes', 'What decides about each node that could have a shard; asks all of them', SHARD_EXPLAINED),
        params: z.strictObject({ uid: z.string(), shard: z.coerce.number().int().min(0) }),
      },
    },
    async ({ params }) => explainShard(control, params.uid, params.shard),
  );

  app.get(
    '/v1/plans/:id/report',
    {
      config: READ,
      schema: {
        ...look(
          'plans',
          'What became of a plan, or of one that runs so far: every move, predicted, actual',
          PLAN_REPORT,
        ),
        params: z.strictObject({ id: z.string() }),
      },
    },
    async ({ params }) => planReport(control, params.id),
  );

  app.get(
    '/v1/throughput',
    {
      config: READ,
      schema: look('plans', 'What the fleet copied in each five seconds of the last fifteen minutes', THROUGHPUT),
    },
    async () => showThroughput(control),
  );

  app.get(
    '/v1/topology',
    { config: READ, schema: look('topology', 'Nodes and replica groups; `ETag` is the version', TOPOLOGY) },
    async (_request, reply) => {
      const view = await showTopology(control);
      void reply.header('etag', `"${view.version}"`);
      return view;
    },
  );

  app.get(
    '/v1/groups',
    {
      config: READ,
      schema: {
        ...look('groups', 'Replica groups with their phase and how far they are', GROUPS),
        querystring: z.strictObject(PAGE),
      },
    },
    async ({ query }) => pageOf(await listGroups(control), ({ group }) => String(group), query),
  );

  app.get(
    '/v1/groups/:group',
    {
      config: READ,
      schema: {
        ...look('groups', 'How far a replica group is', GROUP_SHOWN),
        params: z.strictObject({ group: z.coerce.number().int().min(0) }),
      },
    },
    async ({ params }) => showGroup(control, params.group),
  );

  app.get(
    '/v1/doctor',
    { config: READ, schema: look('doctor', 'Everything that has to hold, and what to do where it does not', FINDINGS) },
    async () => ({ results: await doctor(control) }),
  );
}
