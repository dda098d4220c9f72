/**
 * `miroir index adopt`: takes over an index that lives on nodes already. Documents of other nodes come to one, the home;
 * all get our fields; the index is registered with home as the owner of every shard; then it is planned like any other,
 * and ordinary moves spread it. Each step is safe to repeat, and a run that was cut off is gone on with.
 */
import { ConflictError, IndexConflictError, TimeoutError } from '../errors.ts';
import { adoptionTag } from '../core/write-tag.ts';
import type { AdoptionState, EventOutcome, Lease } from '../ports.ts';
import { type Settings, searchesOurFields, UNSPLIT_FILTER, withMiroirSettings } from '../routing/fields.ts';
import { compareHolders, type Comparison, type Difference } from './adopt/compare.ts';
import { mergeHolders, newestTask } from './adopt/merge.ts';
import type { AdoptParts, AdoptWish } from './adopt/parts.ts';
import { AGAIN, TASK_MS, stampDocuments, stillWritten, type StampParts } from './adopt/stamp.ts';
import { type Holder, type Survey, survey } from './adopt/survey.ts';
import { audited } from './audited.ts';
import { applied } from './node-tasks.ts';
import { sendEvent } from './events.ts';
import { differingSettings } from '../core/settings-text.ts';

export { isAdopted, type PastRouters, stampPastRouters, surveyPastRouters } from './adopt/registered.ts';
export type { AdoptParts, AdoptProgress, AdoptWish, HeldAdoption } from './adopt/parts.ts';

/** A node may come or go while the index is registered. */
const TRIES = 5;
/** How long the planner has to answer. */
const ANSWER_MS = 30_000;

export interface AdoptionReport {
  readonly uid: string;
  readonly primaryKey: string;
  readonly shards: number;
  readonly replicationFactor: number;
  readonly groups: readonly number[];
  readonly home: string;
  readonly keep: string | null;
  /** How far an earlier run has come; null: there was none. */
  readonly state: AdoptionState | null;
  readonly nodes: readonly {
    readonly node: string;
    readonly documents: number;
    readonly unsplit: number;
    /** Settings that will change. */
    readonly settings: readonly string[];
  }[];
  /** Documents that home gets from other nodes. */
  readonly copies: number;
  /** Documents in which nodes differ; the first ones by name. */
  readonly differences: number;
  readonly listed: readonly Difference[];
  /** A search for digits will look into our number fields, too. */
  readonly searchesOurFields: boolean;
}

/** What adopting would do. Writes nothing. Throws what stands against it. */
export async function surveyAdoption(parts: AdoptParts, wish: AdoptWish): Promise<AdoptionReport> {
  const found = await survey(parts, wish);
  return reportOf(found, await compared(found));
}

/** Null plan outcome: no planner has answered yet; the event waits for one. */
export interface Adopted {
  readonly report: AdoptionReport;
  readonly outcome: EventOutcome | null;
}

/** Throws what stands against it, before the first write; an abort of the signal leaves what the next run goes on with. */
export const adoptIndex = (parts: AdoptParts, wish: AdoptWish): Promise<Adopted> =>
  audited(parts, 'index adopt', { index: wish.uid }, () => adoptAudited(parts, wish));

async function adoptAudited(parts: AdoptParts, wish: AdoptWish): Promise<Adopted> {
  const held = await parts.holdAdoption(wish.uid);
  // Nothing is under way before the first write, so whoever is refused leaves nothing to wait for.
  let isClean = true;
  try {
    const bounded = { ...wish, signal: AbortSignal.any([wish.signal, held.lease.signal]) };
    await forgetIfPlanned(parts, wish.uid, held.lease);
    const found = await survey(parts, bounded);
    const comparison = await compared(found);
    assertOne(comparison, found.adoption.keep, wish.uid);
    isClean = false;
    const outcome = await adopt(parts, bounded, found, held.lease);
    isClean = true;
    return { report: reportOf(found, comparison), outcome };
  } finally {
    await held.release(isClean);
  }
}

/** A run that was cut off after its plan had begun has left nothing to do. */
async function forgetIfPlanned({ adoptions, records }: AdoptParts, uid: string, lease: Lease): Promise<void> {
  const before = await adoptions.read(uid);
  if (before?.state !== 'registered') return;
  const hasMoves = (await records.unfinishedMoves()).some(({ index }) => index === uid);
  if (hasMoves || !(await isAtHome(records, uid, before.home))) await adoptions.write(lease, uid, null);
}

/** Whether the index is registered, with home as the only owner of each shard. */
async function isAtHome(records: AdoptParts['records'], uid: string, home: string): Promise<boolean> {
  const table = (await records.index(uid)) === null ? null : await records.table(uid);
  return table?.shards.every(({ owners }) => owners.join() === home) ?? false;
}

async function adopt(
  parts: AdoptParts,
  { uid, signal, stepDocs, onProgress }: AdoptWish,
  found: Survey,
  lease: Lease,
): Promise<EventOutcome | null> {
  const { clock, redisNowMs, adoptions } = parts;
  const { entry, home, others, adoption } = found;
  const reach = (state: AdoptionState): Promise<void> => adoptions.write(lease, uid, { ...adoption, state });
  const stamp: StampParts = { clock, redisNowMs, tag: adoptionTag(uid, lease.fence), signal, stepDocs, onProgress };

  if (adoption.state === 'begun') {
    await reach('begun');
    for (const holder of [home, ...others]) await prepare(stamp, holder, uid);
    const assertQuiet = await mergeHolders(stamp, found);
    // Copies on other nodes as well: stamped, they are leftovers, which a move clears before it brings the shard there.
    for (const { client } of [home, ...others]) await stampDocuments(stamp, client, entry);
    await assertQuiet();
    await register(parts, found);
    await reach('registered');
  }
  // From here on writes past the routers are told of.
  for (const holder of [home, ...others]) {
    const mark = { created: holder.createdAt, uid: await newestTask(holder, uid) };
    await parts.marks.write(lease, uid, holder.node.id, mark);
  }
  await lookAgain(parts, stamp, found);
  const outcome = await plan(parts, uid, home.node.id, signal);
  await adoptions.write(lease, uid, null);
  return outcome;
}

/** Documents are compared until home owns them: from then on there are no others. */
const NOTHING: Comparison = { copies: 0, differences: 0, listed: [] };
const compared = (found: Survey): Promise<Comparison> =>
  found.adoption.state === 'begun' ? compareHolders(found) : Promise.resolve(NOTHING);

function assertOne({ differences, listed }: Comparison, keep: string | null, uid: string): void {
  if (differences === 0 || keep !== null) return;
  const named = listed.slice(0, 5).map(({ id, nodes }) => `${id} (${nodes.join(' and ')})`);
  throw new IndexConflictError(
    `nodes differ in ${differences} documents of index ${uid}: ${named.join(', ')}${differences > 5 ? ', …' : ''}`,
    {
      field: 'keep',
      remedy: 'say with --keep <node> whose documents win, or make them equal first',
      details: { differences, ids: listed.map(({ id }) => id) },
    },
  );
}

/** The settings that change on a node: an unneeded change costs it a pass over all documents. */
function changedSettings({ settings }: Pick<Holder, 'settings'>): Settings {
  const wanted = withMiroirSettings(settings);
  return Object.fromEntries(differingSettings(settings, wanted).map((name) => [name, wanted[name]]));
}

async function prepare({ clock, signal }: StampParts, holder: Holder, uid: string): Promise<void> {
  const changed = changedSettings(holder);
  if (Object.keys(changed).length === 0) return;
  const task = await holder.client.updateSettings(uid, changed);
  await applied(holder.client, task, { clock, withinMs: TASK_MS, again: AGAIN, signal });
}

/** Every shard belongs to home: that is where its documents are. */
async function register({ records, fleet }: AdoptParts, { entry, home, epoch }: Survey): Promise<void> {
  const owners = [home.node.id];
  const routes = Array.from(
    { length: entry.shards },
    (_, shard) => ({ shard, state: 'stable', owners, readers: owners, epoch: 1 }) as const,
  );
  for (let attempt = 1; ; attempt += 1) {
    // A run that was cut off right behind this has registered it.
    if (await isAtHome(records, entry.uid, home.node.id)) return;
    try {
      const { version } = await records.topology();
      return await fleet.createIndex(version, entry, routes, epoch);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      if (((await records.table(entry.uid))?.epoch ?? 0) !== epoch) throw deletedSince(entry.uid);
      if (attempt === TRIES) throw error;
    }
  }
}

const deletedSince = (uid: string): ConflictError =>
  new ConflictError(`index ${uid} was created and deleted since its documents were read`, {
    field: 'index_uid',
    remedy: 'see what its nodes have now, then run `miroir index adopt` again',
    details: { index: uid },
  });

/** What was written directly since the last look. While shards move, a write past the routers is nobody's to make. */
async function lookAgain({ records }: AdoptParts, stamp: StampParts, { entry, home }: Survey): Promise<void> {
  const isMoving = (await records.unfinishedMoves()).some(({ index }) => index === entry.uid);
  if (!isMoving) {
    await stampDocuments(stamp, home.client, entry);
    return;
  }
  const left = await home.client.count(entry.uid, UNSPLIT_FILTER);
  if (left > 0) throw stillWritten(home.node.id, entry.uid, left);
}

/** An event for the node as it is: it changes nothing of it, and has its index planned. */
async function plan(parts: AdoptParts, uid: string, home: string, signal: AbortSignal): Promise<EventOutcome | null> {
  try {
    const wait = { timeoutMs: ANSWER_MS, signal };
    const { outcome } = await sendEvent(parts, 'NodeAdded', { node_id: home, index_uid: uid }, wait);
    return outcome;
  } catch (error) {
    if (error instanceof TimeoutError) return null;
    throw error;
  }
}

function reportOf({ entry, home, others, before, adoption }: Survey, comparison: Comparison): AdoptionReport {
  const { uid, primaryKey, shards, replicationFactor, groups } = entry;
  return {
    uid,
    primaryKey,
    shards,
    replicationFactor,
    groups,
    home: home.node.id,
    keep: adoption.keep,
    state: before?.state ?? null,
    nodes: [home, ...others].map(({ node, documents, unsplit, settings }) => ({
      node: node.id,
      documents,
      unsplit,
      settings: Object.keys(changedSettings({ settings })),
    })),
    ...comparison,
    searchesOurFields: searchesOurFields(home.settings),
  };
}
