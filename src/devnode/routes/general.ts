import { timeText } from '../clock.ts';
import { FEATURE_NAMES } from '../features.ts';
import { readJsonBody } from '../http-body.ts';
import type { IndexStore } from '../index-store.ts';
import { expectBoolean, expectObject, rejectUnknownKeys } from '../json-body.ts';
import { json, type Context, type Reply, type Route } from '../router.ts';
import { requireIndex } from './indexes.ts';

/** Bytes of a page of a real node's database; sizes are given out in whole pages. */
const PAGE_BYTES = 4096;

function indexStats(context: Context, index: IndexStore): Record<string, unknown> {
  const vectors = index.vectorCounts();
  return {
    numberOfDocuments: index.size,
    rawDocumentDbSize: Math.ceil(index.textBytes / PAGE_BYTES) * PAGE_BYTES,
    avgDocumentSize: index.size === 0 ? 0 : Math.round(index.textBytes / index.size),
    isIndexing: context.node.scheduler.isIndexing(index.uid),
    numberOfEmbeddings: vectors.embeddings,
    numberOfEmbeddedDocuments: vectors.documents,
    fieldDistribution: index.shapes.distribution(),
  };
}

function allStats(context: Context): Reply {
  const all = [...context.node.state.indexes.values()];
  const visible = all.filter((index) => context.access.allowsIndex(index.uid));
  const bytes = all.reduce((sum, index) => sum + index.textBytes, 0);
  const lastUpdate = Math.max(...visible.map((index) => index.updatedAt));
  return json(200, {
    databaseSize: (Math.ceil((bytes * 2) / PAGE_BYTES) + 64) * PAGE_BYTES,
    usedDatabaseSize: (Math.ceil(bytes / PAGE_BYTES) + 32) * PAGE_BYTES,
    lastUpdate: visible.length === 0 ? null : timeText(lastUpdate),
    indexes: Object.fromEntries(visible.map((index) => [index.uid, indexStats(context, index)])),
  });
}

async function patchFeatures(context: Context): Promise<Reply> {
  const { state, bodyLimit } = context.node;
  const place = { path: '', code: 'bad_request' };
  const object = expectObject(await readJsonBody(context.request, bodyLimit), place);
  rejectUnknownKeys(object, FEATURE_NAMES, place);
  const features = { ...state.features };
  for (const name of FEATURE_NAMES) {
    const value = object.get(name) ?? null;
    if (value !== null) features[name] = expectBoolean(value, { ...place, path: `.${name}` });
  }
  state.features = features;
  state.recordFeatures();
  return json(200, features);
}

export const generalRoutes: readonly Route[] = [
  { method: 'GET', path: '/health', action: null, handler: () => json(200, { status: 'available' }) },
  {
    method: 'GET',
    path: '/version',
    action: 'version',
    handler: () =>
      json(200, {
        commitSha: 'devnode',
        commitDate: '2026-07-23T14:39:41.000000000Z',
        pkgVersion: '1.50.0',
      }),
  },
  { method: 'GET', path: '/stats', action: 'stats.get', handler: allStats },
  {
    method: 'GET',
    path: '/indexes/:uid/stats',
    action: 'stats.get',
    handler: (context) => json(200, indexStats(context, requireIndex(context))),
  },
  {
    method: 'GET',
    path: '/experimental-features',
    action: 'experimental.get',
    handler: ({ node }) => json(200, node.state.features),
  },
  { method: 'PATCH', path: '/experimental-features', action: 'experimental.update', handler: patchFeatures },
];
