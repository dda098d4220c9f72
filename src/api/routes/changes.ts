/** What an operator changes beside topology events: indexes, moves whose nodes are lost, anti-entropy, a node's end. */
import { z } from 'zod';
import { listPasses, wishPass } from '../../control/anti-entropy.ts';
import { removeNode } from '../../control/events.ts';
import { deleteIndex, showDeletion } from '../../control/index-delete.ts';
import { addIndex } from '../../control/indexes.ts';
import { acceptLoss, lossOf, revertMove, revertOf } from '../../control/moves.ts';
import { thawSettings } from '../../control/settings.ts';
import { thawShards } from '../../control/shard-thaw.ts';
import type { App } from '../app.ts';
import { conditionOf, IF_MATCH_HEADER } from '../conditions.ts';
import { deadlineOf } from '../deadline.ts';
import { type ApiParts, askedBy } from '../parts.ts';
import {
  DELETION,
  EMPTY,
  LOSS,
  NEW_INDEX,
  OUTCOME,
  PASSES,
  REVERSAL,
  THAW,
  THAWED,
  WISHED,
} from '../schemas/changes.ts';
import { INDEX_ENTRY } from '../schemas/reads.ts';
import { ANSWER_MS } from './answered.ts';

const ID = z.strictObject({ id: z.string().max(200) });
const UID = z.strictObject({ uid: z.string().max(400) });
const ADMIN = { scope: 'admin' } as const;
const PLAN = { scope: 'plan' } as const;

export function addChanges(app: App, control: ApiParts): void {
  app.delete(
    '/v1/nodes/:id',
    {
      config: ADMIN,
      schema: {
        tags: ['nodes'],
        summary: 'Take a node out that is drained: it owns nothing, and no move needs it any more',
        headers: IF_MATCH_HEADER,
        params: ID,
        response: { 200: OUTCOME },
      },
    },
    async (request, reply) => {
      const wait = { timeoutMs: ANSWER_MS, signal: deadlineOf(reply) };
      return removeNode(askedBy(control, request), request.params.id, wait, conditionOf(request.headers));
    },
  );

  app.post(
    '/v1/indexes',
    {
      config: { scope: 'operate' },
      schema: {
        tags: ['indexes'],
        summary: 'Create an index on the nodes that will own it',
        headers: IF_MATCH_HEADER,
        body: NEW_INDEX,
        response: { 201: INDEX_ENTRY },
      },
    },
    async (request, reply) => {
      const { groups, searchableAttributes, ...wanted } = request.body;
      const entry = await addIndex(
        askedBy(control, request),
        {
          ...wanted,
          ...(groups === undefined ? {} : { groups }),
          ...(searchableAttributes === undefined ? {} : { searchableAttributes }),
          signal: deadlineOf(reply),
        },
        conditionOf(request.headers),
      );
      void reply.code(201).header('location', `/v1/indexes/${entry.uid}`);
      return entry;
    },
  );

  app.get(
    '/v1/indexes/:uid/deletion',
    {
      config: PLAN,
      schema: {
        tags: ['indexes'],
        summary: 'What a deletion of the index would take away, or has still to',
        params: UID,
        response: { 200: DELETION },
      },
    },
    async ({ params }) => showDeletion(control, params.uid),
  );

  app.delete(
    '/v1/indexes/:uid',
    {
      config: ADMIN,
      schema: {
        tags: ['indexes'],
        summary: 'Delete an index with all its documents',
        description: 'It is not read or written any more at once; reconcilers delete it on the nodes.',
        params: UID,
        response: { 202: DELETION },
      },
    },
    async (request, reply) => {
      const { uid } = request.params;
      const view = await deleteIndex(askedBy(control, request), uid);
      void reply.code(202).header('location', `/v1/indexes/${uid}/deletion`);
      return view;
    },
  );

  app.post(
    '/v1/indexes/:uid/settings/thaw',
    {
      config: ADMIN,
      schema: {
        tags: ['indexes'],
        summary: 'Let clients write again, once the settings of the index’s nodes are equal',
        params: UID,
        body: EMPTY,
        response: { 200: THAWED },
      },
    },
    async (request, _reply) => ({ thawed: await thawSettings(askedBy(control, request), request.params.uid) }),
  );

  app.post(
    '/v1/indexes/:uid/thaw',
    {
      config: ADMIN,
      schema: {
        tags: ['indexes'],
        summary: 'Let moves touch shards again that were frozen because Redis had lost writes',
        description: 'What only another node than the owners has may be deleted then.',
        params: UID,
        body: THAW,
        response: { 200: THAWED },
      },
    },
    async (request, _reply) => {
      const shards = await thawShards(askedBy(control, request), request.params.uid, request.body.shard, true);
      return { thawed: shards.length > 0 };
    },
  );

  app.get(
    '/v1/moves/:id/loss',
    {
      config: PLAN,
      schema: {
        tags: ['moves'],
        summary: 'What would be given up if the old owners of a settling move never came back',
        params: ID,
        response: { 200: LOSS },
      },
    },
    async ({ params }) => lossOf(control, params.id),
  );

  app.post(
    '/v1/moves/:id/accept-loss',
    {
      config: ADMIN,
      schema: {
        tags: ['moves'],
        summary: 'Give these documents’ last writes up',
        params: ID,
        body: EMPTY,
        response: { 202: LOSS },
      },
    },
    async (request, reply) => {
      const view = await acceptLoss(askedBy(control, request), request.params.id);
      void reply.code(202).header('location', `/v1/moves/${view.move}`);
      return view;
    },
  );

  app.get(
    '/v1/moves/:id/reversal',
    {
      config: PLAN,
      schema: {
        tags: ['moves'],
        summary: 'Since when writes would be lost if a move in its grace were taken back',
        params: ID,
        response: { 200: REVERSAL },
      },
    },
    async ({ params }) => revertOf(control, params.id),
  );

  app.post(
    '/v1/moves/:id/revert',
    {
      config: ADMIN,
      schema: {
        tags: ['moves'],
        summary: 'Make the copy that was kept the owner again: what was written since is lost',
        params: ID,
        body: EMPTY,
        response: { 202: REVERSAL },
      },
    },
    async (request, reply) => {
      const view = await revertMove(askedBy(control, request), request.params.id);
      void reply.code(202).header('location', `/v1/moves/${view.move}`);
      return view;
    },
  );

  app.get(
    '/v1/anti-entropy',
    {
      config: { scope: 'read' },
      schema: { tags: ['anti-entropy'], summary: 'Passes over replicas, newest first', response: { 200: PASSES } },
    },
    async () => ({ results: await listPasses(control) }),
  );

  app.post(
    '/v1/anti-entropy',
    {
      config: { scope: 'operate' },
      schema: {
        tags: ['anti-entropy'],
        summary: 'Let the next pass begin now',
        body: EMPTY,
        response: { 202: WISHED },
      },
    },
    async (request, reply) => {
      await wishPass(askedBy(control, request));
      void reply.code(202).header('location', '/v1/anti-entropy');
      return { state: 'waiting' as const };
    },
  );
}
