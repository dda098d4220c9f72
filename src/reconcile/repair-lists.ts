/**
 * Works off what owners missed (R9, R10). A task is a shard with entries on the list of an owner that answers: some of the
 * oldest ids at a time are brought level, and exactly those entries go that nobody has added to since. An owner that
 * missed more than a list holds is compared with another one, window by window.
 *
 * Safe to repeat because: an entry goes only after its document was found level, and only as it was read under the turn.
 */
import { missedAcknowledged } from '../core/missed.ts';
import { troubledNodes } from '../core/observations.ts';
import type { IndexEntry } from '../core/routing.ts';
import type { Topology, TopologyNode } from '../core/topology.ts';
import { isWaitedFor } from '../core/topology.ts';
import { InvariantError } from '../errors.ts';
import type {
  Duty,
  DutyResult,
  DutyRun,
  Logger,
  Observations,
  Observer,
  Permit,
  Records,
  RepairLists,
  Tombstones,
} from '../ports.ts';
import { type Holders, bestCopy } from './best-copy.ts';
import type { Copies } from './copies.ts';
import { formerOwners, isThere, trusted } from './former-owners.ts';
import { LEVEL_IDS_MAX, type LevelParts, type LevelRequest, type Verdict, levelIds } from './level.ts';
import { type WindowLimits, compareShard } from './whole-shard.ts';

export interface RepairListsParts extends LevelParts {
  readonly records: Pick<Records, 'topology' | 'indexes' | 'index' | 'table' | 'route' | 'move' | 'sightings'>;
  readonly repairs: RepairLists;
  readonly observations: Pick<Observations, 'read'>;
  readonly tombstones: Pick<Tombstones, 'known'>;
  readonly observer: Pick<Observer, 'repaired'>;
  readonly logger: Logger;
  readonly limits: WindowLimits;
  /** `host/pid`, as this process reports nodes. */
  readonly holder: string;
  readonly isOn: boolean;
  readonly everyMs: number;
}

const NAME = 'repair-lists';
/** The entry that stands for the whole shard. */
const WHOLE = '*';
/** Shards of one round; the next one begins elsewhere. */
const TASKS_MAX = 200;
/** Steps of one task, `LEVEL_IDS_MAX` ids each: more than a list holds. */
const STEPS_MAX = 60;
/** Steps one after the other in which nothing came off a list: the next round tries again. */
const IDLE_STEPS_MAX = 2;

/** One shard, and how its task is getting on. */
interface Shard {
  readonly entry: IndexEntry;
  readonly shard: number;
  readonly owners: readonly TopologyNode[];
  /** Nodes that owned the shard and still have a copy, and until when. */
  readonly former: readonly TopologyNode[];
  readonly formerUs: ReadonlyMap<string, number>;
  /** Owners that answer. */
  readonly alive: readonly string[];
  readonly permit: Permit;
  /** Ids that were not brought level: the next step passes them by. */
  readonly stuck: Map<string, string>;
  repaired: number;
  cleared: number;
}

export function repairListsDuty(parts: RepairListsParts): Duty {
  const { records, repairs, observations, logger, clock, holder, isOn, everyMs } = parts;
  let told = '';
  /** Task → why it was not done, as it was said last. */
  const toldStuck = new Map<string, string>();

  /** Nodes that hold their shards and answer, as far as anybody knows. */
  const answering = async (topology: Topology): Promise<ReadonlySet<string>> => {
    const troubled = troubledNodes(topology, await observations.read(), holder);
    return new Set(topology.nodes.filter((node) => isWaitedFor(node) && !troubled.has(node.id)).map(({ id }) => id));
  };

  /** Said once, and again when it is about others. */
  const tellSkipped = (skipped: ReadonlySet<string>): void => {
    const nodes = [...skipped].sort();
    if (told === nodes.join()) return;
    told = nodes.join();
    if (nodes.length > 0) logger.warn({ nodes }, 'what these nodes missed waits until they answer again');
  };

  const tellStuck = (task: string, ids: number, why: string | null): void => {
    if (why !== null && toldStuck.get(task) !== why) logger.warn({ task, ids, why }, 'not brought level yet');
    if (why === null) toldStuck.delete(task);
    else toldStuck.set(task, why);
  };

  const tasks = async (): Promise<readonly string[]> => {
    const listed = new Map<string, Awaited<ReturnType<RepairLists['sizes']>>>();
    for (const { uid } of await records.indexes()) {
      const lists = await repairs.sizes(uid);
      if (lists.length > 0) listed.set(uid, lists);
    }
    // At rest that is all there is to read.
    const alive: ReadonlySet<string> = listed.size === 0 ? new Set() : await answering(await records.topology());
    const found = new Set<string>();
    const skipped = new Set<string>();
    for (const [uid, lists] of listed) {
      const table = await records.table(uid);
      for (const { shard, owner } of lists) {
        // The list of a node that left the shard goes when a move brings it back or it is removed, and not before: decision 0017.
        if (table?.shards[shard]?.owners.includes(owner) !== true) continue;
        if (alive.has(owner)) found.add(`${uid}/${shard}`);
        else skipped.add(owner);
      }
    }
    tellSkipped(skipped);
    const all = [...found];
    const from = Math.floor(clock.random() * all.length);
    return [...all.slice(from), ...all.slice(0, from)].slice(0, TASKS_MAX);
  };

  const run = async (task: string, { lease, signal }: DutyRun): Promise<DutyResult> => {
    const at = task.lastIndexOf('/');
    const [uid, number] = [task.slice(0, at), Number(task.slice(at + 1))];
    if (at < 1 || !Number.isInteger(number)) throw new InvariantError(`${task} names no shard`);
    const [entry, topology] = await Promise.all([records.index(uid), records.topology()]);
    if (entry === null || number >= entry.shards) return { skipped: 'gone' };
    const { route } = await records.route(uid, number);
    const alive = await answering(topology);
    const formerUs = await trusted(parts, entry, topology, await formerOwners(parts, uid, route), { lease, signal });
    const shard: Shard = {
      entry,
      shard: number,
      former: topology.nodes.filter(({ id }) => formerUs.has(id) && alive.has(id)),
      formerUs: new Map([...formerUs].filter(([id]) => isThere(topology, id))),
      owners: topology.nodes.filter(({ id }) => route.owners.includes(id)),
      alive: route.owners.filter((id) => alive.has(id)),
      permit: { signal, budgetMs: () => lease.budgetMs() },
      stuck: new Map(),
      repaired: 0,
      cleared: 0,
    };
    if (shard.owners.length + shard.former.length < 2) return { skipped: 'one owner' };
    if (shard.alive.length + shard.former.length < 2) return { skipped: 'owners do not answer' };
    await workOff(parts, shard);
    const { repaired, cleared, stuck } = shard;
    const [why = null] = stuck.values();
    tellStuck(task, stuck.size, why);
    return { repaired, cleared, left: stuck.size, why };
  };

  return { name: NAME, everyMs, isOn, tasks, run };
}

async function workOff(parts: RepairListsParts, shard: Shard): Promise<void> {
  const { repairs } = parts;
  const { entry, alive, stuck, permit } = shard;
  const whole = new Set<string>();
  let idle = 0;
  for (let step = 1; step <= STEPS_MAX && idle < IDLE_STEPS_MAX; step += 1) {
    permit.signal.throwIfAborted();
    const ids = new Set<string>();
    for (const owner of alive) {
      for (const id of await repairs.list(entry.uid, shard.shard, owner, LEVEL_IDS_MAX + stuck.size)) {
        if (id === WHOLE) whole.add(owner);
        else if (!stuck.has(id) && ids.size < LEVEL_IDS_MAX) ids.add(id);
      }
    }
    if (ids.size === 0) break;
    const before = shard.cleared;
    await bringLevel(parts, shard, [...ids]);
    idle = shard.cleared === before ? idle + 1 : 0;
  }
  for (const owner of whole) await workOffWhole(parts, shard, owner);
}

/** Brings the ids level and takes them off the lists of owners that have them so. */
async function bringLevel(parts: RepairListsParts, shard: Shard, ids: readonly string[]): Promise<void> {
  const { repairs, tombstones, observer } = parts;
  const { entry, owners, alive, former, formerUs, permit, stuck } = shard;
  const names = owners.map(({ id }) => id);
  const listed = new Map(names.map((owner) => [owner, new Map<string, string>()]));
  const decide: LevelRequest['decide'] = async (copies) => {
    // Under the turn: what is added from here on makes another score, and is not taken off below.
    const missed = await repairs.scores(entry.uid, shard.shard, [...names, ...formerUs.keys()], [...copies.keys()]);
    for (const [owner, by] of missed) for (const [id, score] of by.ids) listed.get(owner)?.set(id, score);
    const { atMs: removedAtMs, ...times } = await tombstones.known(entry.uid, shard.shard, [...copies.keys()]);
    return verdicts(copies, { owners: names, missed, former: formerUs, removedAtMs, ...times });
  };
  const { level, left, repaired } = await levelIds(parts, {
    entry,
    shard: shard.shard,
    // One that is known to be silent would keep the others waiting.
    owners: owners.filter(({ id }) => alive.includes(id)),
    former,
    ids,
    decide,
    permit,
  });
  let cleared = 0;
  for (const [owner, scores] of listed) {
    const isLevel = (id: string): boolean => level.get(id)?.includes(owner) === true;
    for (const id of scores.keys()) if (!isLevel(id)) stuck.set(id, left.get(id) ?? `${owner} cannot be read`);
    const entries = new Map([...scores].filter(([id]) => isLevel(id)));
    cleared += await repairs.clear(entry.uid, shard.shard, owner, entries);
  }
  for (const [id, why] of left) stuck.set(id, why);
  shard.repaired += repaired;
  shard.cleared += cleared;
  observer.repaired(repaired, cleared);
}

const verdicts = (copies: ReadonlyMap<string, Copies>, holders: Holders): ReadonlyMap<string, Verdict> =>
  new Map([...copies].map(([id, found]) => [id, bestCopy(id, found, holders)]));

/**
 * The owner's windows are compared with those of one that missed no more than its list said, which is worked off by now;
 * where there is none, with those of all others: each may be the only one that has something. What differs is brought level,
 * and the one entry goes when nothing is open: from then on what the owner lacks passes for deleted.
 */
async function workOffWhole(parts: RepairListsParts, shard: Shard, owner: string): Promise<void> {
  const { repairs, observer } = parts;
  const { entry, owners, formerUs, stuck } = shard;
  const names = owners.map(({ id }) => id);
  // Before anything is compared: what is missed from here on makes another score.
  const missed = await repairs.scores(entry.uid, shard.shard, names, []);
  const score = missed.get(owner)?.whole ?? null;
  if (score === null) return;
  const isGood = ({ id }: TopologyNode): boolean => id !== owner && shard.alive.includes(id);
  if (formerUs.size > 0 && owners.every(({ id }) => missedAcknowledged(missed.get(id)?.whole ?? 0))) {
    stuck.set(WHOLE, `every owner missed something of the shard, and ${[...formerUs.keys()].join(', ')} may have it`);
    return;
  }
  const own = owners.find(({ id }) => id === owner);
  const reliable = owners.find((node) => isGood(node) && missed.get(node.id)?.whole == null);
  const others = reliable === undefined ? owners.filter(({ id }) => id !== owner) : [reliable];
  if (own === undefined || others.length === 0 || !others.every(isGood)) return;
  for (const other of others) {
    const why = await compareShard(parts, shard, [other, own], async (ids) => {
      for (let at = 0; at < ids.length; at += LEVEL_IDS_MAX) {
        await bringLevel(parts, shard, ids.slice(at, at + LEVEL_IDS_MAX));
      }
    });
    if (why !== null) stuck.set(WHOLE, why);
  }
  if (stuck.size > 0) return;
  const cleared = await repairs.clear(entry.uid, shard.shard, owner, new Map([[WHOLE, score]]));
  shard.cleared += cleared;
  observer.repaired(0, cleared);
}
