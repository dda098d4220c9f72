// @ts-check
// Recordings as they can hold at a gateway: one task there stands for the tasks of many nodes, so it has no batch;
// documents and settings create no index, so each index that they would create stands before; and a step that has an
// answer of the gateway's own in gateway-expected-failures.json is compared with that.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

const INDEX_WRITE = /^\/indexes\/(ix[a-z])\/(?:documents|settings(?:\/[\w-]+)?)(?:\?.*)?$/;
/** What a node takes for the primary key of documents that create their index. */
const KEY = /"(\w*id)"\s*:/i;
const MASKED = { '/message': 'string', '/type': 'string', '/link': 'string' };

/** @typedef {{ step: number, control?: string, request?: { method: string, path: string, body?: string },
 *   response?: { status: number, headers: Record<string, string>, body: string },
 *   masks?: Record<string, string>, task?: { body: string } }} Step */
/** @typedef {{ name: string, area: string, steps: Step[], node?: Record<string, string> }} Recording */
/** What the gateway answers to one step: a status and the code of an error, a whole body, or parts of the task that
 * differ; a status alone where any body will do.
 * @typedef {{ scenario: string, step: number, why: string, status?: number, code?: string, body?: object,
 *   task?: object }} OwnAnswer */

/** Indexes that writes would create, none else: `uid:primaryKey,…`. @param {readonly Step[]} steps */
function createdByWrites(steps) {
  const known = new Set();
  const found = [];
  for (const { request } of steps) {
    if (request === undefined) continue;
    const { method, path: route, body = '' } = request;
    const created = route.startsWith('/indexes') ? /"uid":\s*"(ix[a-z])"/.exec(body)?.[1] : undefined;
    const written = ['POST', 'PUT', 'PATCH'].includes(method) ? INDEX_WRITE.exec(route)?.[1] : undefined;
    const uid = created ?? written;
    if (uid === undefined || known.has(uid)) continue;
    known.add(uid);
    const primaryKey = /[?&]primaryKey=(\w+)/.exec(route)?.[1] ?? KEY.exec(body)?.[1] ?? 'id';
    if (uid === written) found.push(`${uid}:${primaryKey}`);
  }
  return found.join(',');
}

/** @param {Step} step @param {OwnAnswer} own */
function setAnswer(step, { status, code, body, task }) {
  if (step.response === undefined) throw new Error('is no request');
  if (task !== undefined) {
    if (step.task === undefined) throw new Error('has no task');
    step.task.body = JSON.stringify({ ...JSON.parse(step.task.body), ...task });
    return;
  }
  delete step.task;
  step.response.status = status ?? step.response.status;
  step.response.headers['content-type'] = 'application/json';
  if (body === undefined) step.masks = code === undefined ? { '': 'any' } : MASKED;
  step.response.body = JSON.stringify(body ?? { message: '…', code, type: '…', link: '…' });
}

/** Throws where nothing would tell of the day on which the recorded answer holds. @param {Step} step @param {Step} before */
function assertOther({ response, task, masks }, before) {
  const isSame = response?.status === before.response?.status && response?.body === before.response?.body;
  const isAny = response?.status === before.response?.status && masks?.[''] === 'any';
  if (isAny || (isSame && task?.body === before.task?.body)) throw new Error('is answered so by a node, too');
}

/** @param {string} from the folder of the recordings @param {string} to an empty one
 * @param {readonly string[]} areasLeftOut @param {readonly OwnAnswer[]} answers */
export async function writeForGateway(from, to, areasLeftOut, answers) {
  const left = new Set(answers);
  for (const name of await readdir(from)) {
    const text = await readFile(path.join(from, name), 'utf8');
    /** @type {Recording} */
    const recording = JSON.parse(text.replaceAll(/\\"batchUid\\":\d+/g, '\\"batchUid\\":null'));
    if (areasLeftOut.includes(recording.area)) continue;
    const indexes = createdByWrites(recording.steps);
    if (indexes !== '') recording.node = { ...recording.node, indexes };
    for (const own of answers) {
      if (own.scenario !== recording.name) continue;
      const step = recording.steps.find(({ step: number }) => number === own.step);
      if (step === undefined) continue;
      const before = structuredClone(step);
      try {
        setAnswer(step, own);
        assertOther(step, before);
      } catch (error) {
        throw new Error(`${own.scenario}, step ${own.step}`, { cause: error });
      }
      left.delete(own);
    }
    await writeFile(path.join(to, name), JSON.stringify(recording));
  }
  for (const { scenario, step } of left) throw new Error(`there is no step ${step} of a scenario ${scenario}`);
}
