import { ApiError } from '../errors.ts';
import { readJsonBody } from '../http-body.ts';
import { expectObject, expectString, rejectUnknownKeys } from '../json-body.ts';
import { treeText } from '../json-tree.ts';
import { mutate, type Mutation } from '../mutate.ts';
import { json, type Context, type Reply, type Route } from '../router.ts';
import { readFault, type Switches } from '../switches.ts';

const DONE: Reply = { status: 204, body: null };
const PLACE = { path: '', code: 'bad_request' };

function switchesOf({ node }: Context): Switches {
  if (!node.switches) throw new Error('the switches of this node are off');
  return node.switches;
}

async function addFault(context: Context): Promise<Reply> {
  switchesOf(context).add(readFault(await readJsonBody(context.request, context.node.bodyLimit)));
  return DONE;
}

async function wipe({ node }: Context): Promise<Reply> {
  const { state, scheduler } = node;
  await scheduler.exclusively(() => state.wipe(state.keys.masterKey));
  return DONE;
}

async function changeSilently({ request, node }: Context): Promise<Reply> {
  const object = expectObject(await readJsonBody(request, node.bodyLimit), PLACE);
  rejectUnknownKeys(object, ['index', 'op', 'document', 'id'], PLACE);
  const op = object.get('op');
  if (op !== 'put' && op !== 'delete') throw new ApiError('bad_request', '`op` must be `put` or `delete`');
  const mutation: Mutation = {
    index: expectString(object.get('index') ?? null, { ...PLACE, path: '.index' }),
    op,
    text: treeText(object.get(op === 'put' ? 'document' : 'id') ?? null),
  };
  await node.scheduler.exclusively(() => {
    mutate(node.state, mutation);
    node.state.recordMutation(mutation);
  });
  return DONE;
}

/** Only reachable on a node that was started with switches. */
export const devRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/_dev/pause',
    action: null,
    handler: ({ node }) => {
      node.scheduler.pause();
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/_dev/resume',
    action: null,
    handler: ({ node }) => {
      node.scheduler.resume();
      return DONE;
    },
  },
  { method: 'POST', path: '/_dev/fault', action: null, handler: addFault },
  {
    method: 'DELETE',
    path: '/_dev/faults',
    action: null,
    handler: (context) => {
      switchesOf(context).clear();
      return DONE;
    },
  },
  { method: 'POST', path: '/_dev/wipe', action: null, handler: wipe },
  { method: 'POST', path: '/_dev/mutate', action: null, handler: changeSilently },
  {
    method: 'GET',
    path: '/_dev/log',
    action: null,
    handler: (context) => json(200, switchesOf(context).log(context.query.text('path'))),
  },
];
