// @ts-check
// Recordings as they can hold at a gateway: one task there stands for the tasks of many nodes, so it has no batch; and
// documents and settings create no index, so each index that they would create is created first.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

const DATE = '2026-01-01T00:00:00Z';
/** No recording has as many tasks. */
const OWN_TASKS = 1_000_000;
const INDEX_WRITE = /^\/indexes\/(ix[a-z])\/(?:documents|settings(?:\/[\w-]+)?)(?:\?.*)?$/;
const INDEX_PATH = /\/indexes\/(ix[a-z])(?![\w-])/;

/** @typedef {{ control?: string, request?: { method: string, path: string, body?: string } }} Step */

/** The step of a client that creates the index, and what a node answers. @param {string} uid @param {string} primaryKey @param {number} taskUid */
const creation = (uid, primaryKey, taskUid) => ({
  step: 0,
  request: {
    method: 'POST',
    path: '/indexes',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uid, primaryKey }),
  },
  waitTask: true,
  response: {
    status: 202,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ taskUid, indexUid: uid, status: 'enqueued', type: 'indexCreation', enqueuedAt: DATE }),
  },
  masks: { '/taskUid': 'task', '/enqueuedAt': 'time' },
});

/** Indexes whose first mention is a write that would create them, with their primary keys. @param {readonly Step[]} steps */
function createdByWrites(steps) {
  const seen = new Set();
  const found = new Map();
  for (const { request } of steps) {
    if (request === undefined) continue;
    const created = request.path.startsWith('/indexes')
      ? /"uid":\s*"(ix[a-z])"/.exec(request.body ?? '')?.[1]
      : undefined;
    const uid = created ?? INDEX_PATH.exec(request.path)?.[1];
    if (uid === undefined || seen.has(uid)) continue;
    seen.add(uid);
    const isWrite = ['POST', 'PUT', 'PATCH'].includes(request.method) && INDEX_WRITE.test(request.path);
    if (created !== undefined || !isWrite) continue;
    found.set(uid, /[?&]primaryKey=(\w+)/.exec(request.path)?.[1] ?? 'id');
  }
  return found;
}

/** @param {string} from the folder of the recordings @param {string} to an empty one */
export async function writeForGateway(from, to) {
  for (const name of await readdir(from)) {
    const text = await readFile(path.join(from, name), 'utf8');
    const recording = JSON.parse(text.replaceAll(/\\"batchUid\\":\d+/g, '\\"batchUid\\":null'));
    if (recording.steps !== undefined) {
      const created = [...createdByWrites(recording.steps)].map(([uid, key], at) => creation(uid, key, OWN_TASKS + at));
      recording.steps.unshift(...created);
    }
    await writeFile(path.join(to, name), JSON.stringify(recording));
  }
}
