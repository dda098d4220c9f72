// What must hold whatever goes wrong: watched all along, and looked at in full at the end. Shares no code with what it
// judges but the names of keys and phases.
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { checkPlacement } from '../support/check.ts';
import { type Fleet, INDEX, TTL_MS } from './workload.ts';

const LOOK_MS = 40;
const KEY = '{miroir}:';
const LEASES = [`rebalance:${INDEX}`, 'planner'];
/**
 * A move from its first word in the audit stream to its last; a hold may end without a switch and come again, and a
 * deletion be begun again by a successor. Where nothing retires, none is begun.
 */
const COURSE =
  /^tracking DualWriteStarted MigrationInProgress MigrationComplete (?:held (?:tracking )?)+settling DualWriteStopped (?:deleting )*done$/;
/** One that is not wanted any more ends before its switch. */
const UNDONE =
  /^(?:tracking )?(?:DualWriteStarted )?(?:MigrationInProgress )?(?:MigrationComplete )?(?:held (?:tracking )?)*cancelled$/;
const SHOWN = 5;

interface AuditEntry {
  /** Redis time, ms. */
  readonly atMs: number;
  readonly what: string;
  readonly move?: string;
  readonly epoch?: string;
  readonly fence?: string;
}

interface WriteTask {
  readonly uid: number;
  readonly status: string;
  readonly tag: { move: string; fence: string; attempt: number; window?: [number, number] } | null;
}

const toEntry = (id: string, fields: readonly string[]): AuditEntry =>
  ({
    atMs: Number(id.split('-')[0]),
    ...Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, at) => [fields[2 * at] ?? '', fields[2 * at + 1] ?? '']),
    ),
  }) as unknown as AuditEntry;

/** Looks at Redis every few milliseconds and notes what goes backward. */
export class Watch {
  readonly faults: string[] = [];
  readonly #fleet: Fleet;
  readonly #running: Promise<void>;
  #over = false;
  #epoch = 0;
  readonly #fences = new Map<string, bigint>();
  /** Every fence of the index's lease that was seen. */
  readonly grants = new Set<bigint>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      try {
        await this.#look();
      } catch {
        // Redis is gone or comes back: nothing to be seen.
      }
      await Promise.all([sleep(LOOK_MS), this.#scrape()]);
    }
  }

  async #look(): Promise<void> {
    const { client } = this.#fleet;
    const epoch = Number((await client.hget(`${KEY}routing:${INDEX}`, 'epoch')) ?? '0');
    if (epoch < this.#epoch) this.faults.push(`epoch went from ${this.#epoch} to ${epoch}`);
    this.#epoch = epoch;
    for (const scope of LEASES) {
      const fence = BigInt((await client.hget(`${KEY}${scope}`, 'fence')) ?? '0');
      const before = this.#fences.get(scope) ?? 0n;
      if (fence < before) this.faults.push(`fence of ${scope} went from ${before} to ${fence}`);
      this.#fences.set(scope, fence);
      if (scope !== 'planner' && fence > 0n) this.grants.add(fence);
    }
  }

  async #scrape(): Promise<void> {
    await Promise.all(this.#fleet.processes.map((one) => one.scrape()));
  }
}

export interface Verdict {
  readonly faults: string[];
  /** Windows sent more than once, wholly or in part. */
  readonly sentAgain: number;
  readonly moves: number;
}

const some = (what: string, items: readonly string[]): string[] =>
  items.length === 0
    ? []
    : [
        `${what}: ${items.slice(0, SHOWN).join('; ')}${items.length > SHOWN ? ` and ${items.length - SHOWN} more` : ''}`,
      ];

async function audit(fleet: Fleet): Promise<AuditEntry[]> {
  return (await fleet.client.xrange(`${KEY}audit`, '-', '+')).map(([id, fields]) => toEntry(id, fields));
}

function checkAudit(
  entries: readonly AuditEntry[],
  grants: ReadonlySet<bigint>,
  mayUndo: boolean,
): { faults: string[]; moves: number } {
  const faults: string[] = [];
  const courses = new Map<string, string[]>();
  let fence = 0n;
  let epoch = 0;
  for (const entry of entries) {
    if (entry.move === undefined) continue;
    courses.set(entry.move, [...(courses.get(entry.move) ?? []), entry.what]);
    const now = BigInt(entry.fence ?? '0');
    if (now < fence) faults.push(`${entry.what} of ${entry.move} under fence ${now} after ${fence}`);
    fence = now;
    // A fence is the time of its grant in microseconds: whoever wrote under an older one after that was not stopped.
    const newer = [...grants].find((grant) => grant > now && Number(grant / 1_000n) < entry.atMs);
    if (newer !== undefined)
      faults.push(`${entry.what} of ${entry.move} under fence ${now} while ${newer} held the lease`);
    if (entry.epoch === undefined || entry.epoch === '') continue;
    if (Number(entry.epoch) <= epoch)
      faults.push(`${entry.what} of ${entry.move} in epoch ${entry.epoch} after ${epoch}`);
    epoch = Number(entry.epoch);
  }
  for (const [move, words] of courses) {
    const course = words.join(' ');
    if (!COURSE.test(course) && !(mayUndo && UNDONE.test(course))) faults.push(`course of ${move}: ${course}`);
  }
  return { faults, moves: courses.size };
}

/** Every write to the index on a node, oldest first. */
async function writesOn(url: string): Promise<WriteTask[]> {
  const types = 'documentAdditionOrUpdate,documentDeletion';
  const response = await fetch(`${url}/tasks?indexUids=${INDEX}&types=${types}&limit=10000`);
  const { results } = (await response.json()) as {
    results: { uid: number; status: string; customMetadata?: string | null }[];
  };
  return results
    .map(({ uid, status, customMetadata }) => ({
      uid,
      status,
      tag:
        customMetadata?.startsWith('{"move":') === true
          ? (JSON.parse(customMetadata) as NonNullable<WriteTask['tag']>)
          : null,
    }))
    .sort((a, b) => a.uid - b.uid);
}

/** I2 on one node: once a fence has written, no older one is accepted. */
function checkFences(node: string, writes: readonly WriteTask[]): string[] {
  const faults: string[] = [];
  let newest = 0n;
  for (const { uid, tag } of writes) {
    if (tag === null) continue;
    const fence = BigInt(tag.fence);
    if (fence < newest) faults.push(`task ${uid} on ${node} of ${tag.move} under fence ${fence} after ${newest}`);
    if (fence > newest) newest = fence;
  }
  return faults;
}

/** Sends of a window that touch slots which this move had sent before. */
function countSentAgain(writes: readonly WriteTask[]): number {
  const sent = new Map<string, [number, number][]>();
  let again = 0;
  for (const { tag } of writes) {
    if (tag?.window === undefined) continue;
    const [from, to] = tag.window;
    const before = sent.get(tag.move) ?? [];
    if (before.some((window) => window[0] <= to && from <= window[1])) again += 1;
    sent.set(tag.move, [...before, [from, to]]);
  }
  return again;
}

async function checkQueues(fleet: Fleet): Promise<string[]> {
  const faults: string[] = [];
  for (const name of ['topology-events', 'rebalance-claims', `rebalance.${INDEX}`]) {
    const queue = new Queue(name, { connection: fleet.client, prefix: '{miroir}', skipWaitingForReady: true });
    try {
      for (const job of await queue.getFailed()) faults.push(`job ${job.name} of ${name} failed: ${job.failedReason}`);
    } finally {
      await queue.close();
    }
  }
  return faults;
}

async function checkRecords(fleet: Fleet): Promise<string[]> {
  const { client } = fleet;
  const faults: string[] = [];
  const unfinished = await client.smembers(`${KEY}moves`);
  faults.push(...some('unfinished moves', unfinished));
  for (const { id } of fleet.nodes) {
    for (const way of ['in', 'out']) {
      const left = await client.smembers(`${KEY}node:${id}:${way}`);
      faults.push(...some(`places at ${id} ${way}`, left));
    }
  }
  const table = await client.hgetall(`${KEY}routing:${INDEX}`);
  const unstable = Object.entries(table).filter(
    ([name, text]) => name.startsWith('s:') && !text.includes('"state":"stable"'),
  );
  faults.push(
    ...some(
      'shards not stable',
      unstable.map(([name, text]) => `${name} ${text}`),
    ),
  );
  return faults;
}

/** A lease is free, or somebody renews it; waits for the rest of one whose holder died after the last move. */
async function checkLease(fleet: Fleet): Promise<string[]> {
  const read = () => fleet.client.hmget(`${KEY}rebalance:${INDEX}`, 'state', 'until', 'holder');
  const giveUpAt = Date.now() + 2 * TTL_MS;
  for (;;) {
    const [state, until, holder] = await read();
    if (state !== 'held' || Number(until) < Date.now()) return [];
    if (Date.now() > giveUpAt) return [`lease still held by ${holder} with nothing to do`];
    await sleep(LOOK_MS);
  }
}

/** The whole look at the end; `mayBeSentAgain`: windows that nobody could know the fate of. */
export async function judge(fleet: Fleet, watch: Watch, mayBeSentAgain: number, mayUndo = false): Promise<Verdict> {
  const { faults, moves } = checkAudit(await audit(fleet), watch.grants, mayUndo);
  if (moves === 0) faults.push('nothing moved');
  let sentAgain = 0;
  for (const node of fleet.nodes) {
    const writes = await writesOn(node.url);
    faults.push(...checkFences(node.id, writes));
    sentAgain += countSentAgain(writes);
    faults.push(
      ...some(
        `unfinished tasks on ${node.id}`,
        writes.filter(({ status }) => status === 'enqueued').map(({ uid }) => String(uid)),
      ),
    );
  }
  if (sentAgain > mayBeSentAgain) faults.push(`${sentAgain} windows sent again, at most ${mayBeSentAgain} may be`);
  const table = await fleet.base.records.table(INDEX);
  if (table === null) faults.push('no routing table');
  else {
    const placed = await checkPlacement(fleet.nodes, fleet.entry, table, fleet.documents);
    faults.push(
      ...some('lost or twice', placed.lost),
      ...some('changed', placed.wrong),
      ...some('misplaced', placed.misplaced),
    );
  }
  faults.push(...(await checkQueues(fleet)), ...(await checkRecords(fleet)), ...(await checkLease(fleet)));
  return { faults, sentAgain, moves };
}
