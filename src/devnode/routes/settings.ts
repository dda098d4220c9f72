import { readJsonBody } from '../http-body.ts';
import { json, type Context, type Reply, type Route } from '../router.ts';
import {
  PATCHED_SETTINGS,
  readSetting,
  readSettingsPatch,
  resetPatch,
  SETTING_ROUTES,
  type SettingName,
  type SettingsPatch,
} from '../settings.ts';
import { accept, pathUid, requireIndex } from './indexes.ts';

function enqueue(context: Context, patch: SettingsPatch, mayCreateIndex: boolean): Reply {
  const uid = pathUid(context);
  const work = { kind: 'settings', patch, mayCreateIndex } as const;
  return accept(context, 'settingsUpdate', uid, work, patch);
}

function mayCreate({ access }: Context): boolean {
  return access.allowsAction('indexes.create');
}

async function patchAll(context: Context): Promise<Reply> {
  pathUid(context);
  const body = await readJsonBody(context.request, context.node.bodyLimit);
  return enqueue(context, readSettingsPatch(body), mayCreate(context));
}

function routesOf(name: SettingName, path: string): Route[] {
  const full = `/indexes/:uid/settings/${path}`;
  return [
    {
      method: 'GET',
      path: full,
      action: 'settings.get',
      handler: (context) => json(200, requireIndex(context).settings[name]),
    },
    {
      method: PATCHED_SETTINGS.has(name) ? 'PATCH' : 'PUT',
      path: full,
      action: 'settings.update',
      handler: async (context) => {
        pathUid(context);
        const body = await readJsonBody(context.request, context.node.bodyLimit);
        return enqueue(context, { [name]: readSetting(name, body, '') }, mayCreate(context));
      },
    },
    {
      method: 'DELETE',
      path: full,
      action: 'settings.update',
      handler: (context) => enqueue(context, { [name]: null }, false),
    },
  ];
}

export const settingsRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/indexes/:uid/settings',
    action: 'settings.get',
    handler: (context) => json(200, requireIndex(context).settings),
  },
  { method: 'PATCH', path: '/indexes/:uid/settings', action: 'settings.update', handler: patchAll },
  {
    method: 'DELETE',
    path: '/indexes/:uid/settings',
    action: 'settings.update',
    handler: (context) => enqueue(context, resetPatch(), false),
  },
  ...[...SETTING_ROUTES].flatMap(([path, name]) => routesOf(name, path)),
];
