/**
 * `miroir index adopt` of an index that is registered already: documents that came to an owner past the routers get our
 * fields there, so that reads find them, and anti-entropy brings them to the other owners. Where a node does not own a
 * document's shard it is listed and left: nobody knows whether the owners have a later one.
 *
 * No mover acts meanwhile, since its lease is held here: a document that is stamped while its shard moves would be left
 * behind with the old copy. Nothing is written where the index has unfinished moves. Routers go on: a partial update of these
 * fields alone changes nothing of what they write, and brings back nothing that they delete.
 */
import type { IndexEntry, RoutingTable } from '../../core/routing.ts';
import { isWaitedFor, type TopologyNode } from '../../core/topology.ts';
import { adoptionTag } from '../../core/write-tag.ts';
import { locateKey } from '../../core/hashing.ts';
import { scalarText, splitKeyed } from '../../core/json-text.ts';
import { ConflictError, InvalidInputError, InvariantError } from '../../errors.ts';
import type { NodeClient } from '../../ports.ts';
import { UNSPLIT_FILTER } from '../../routing/fields.ts';
import { audited } from '../audited.ts';
import type { AdoptParts, AdoptWish } from './parts.ts';
import { pagesOf } from './pages.ts';
import { stampDocuments, type StampChoice } from './stamp.ts';

/** Documents that are named, of each node. */
const LISTED = 20;

export interface PastRouters {
  readonly node: string;
  /** Without our fields, of shards that the node owns: those that got them, or would. */
  readonly owned: number;
  /** Of other shards: they stay as they are; the first ones by name. */
  readonly others: number;
  readonly listed: readonly string[];
}

/** Documents of other shards: counted, and no more of their names kept than are told, however many there are. */
class Left {
  #others = 0;
  readonly #listed: string[] = [];

  add(ids: readonly string[]): void {
    this.#others += ids.length;
    this.#listed.push(...ids.slice(0, LISTED - this.#listed.length));
  }

  told(): Pick<PastRouters, 'others' | 'listed'> {
    return { others: this.#others, listed: this.#listed };
  }
}

/** Whether the index is registered, and no run that takes it over was cut off. */
export const isAdopted = async ({ records, adoptions }: AdoptParts, uid: string): Promise<boolean> =>
  (await records.index(uid)) !== null && (await adoptions.read(uid)) === null;

const FIXED = ['shards', 'replicationFactor', 'groups', 'home', 'keep'] as const;

function assertNothingFixed(wish: AdoptWish): void {
  const given = FIXED.find((name) => wish[name] !== undefined);
  if (given === undefined) return;
  throw new InvalidInputError(`index ${wish.uid} is registered already: ${given} cannot be chosen any more`, {
    field: given,
    remedy: 'leave it out: only documents that came past the routers are looked for; see `miroir index show`',
  });
}

interface Index {
  readonly entry: IndexEntry;
  readonly table: RoutingTable;
  readonly nodes: readonly TopologyNode[];
}

async function read({ records }: AdoptParts, uid: string): Promise<Index> {
  const [entry, table, { nodes }] = await Promise.all([records.index(uid), records.table(uid), records.topology()]);
  if (entry === null || table === null) throw new InvariantError(`index ${uid} is not registered any more`);
  return { entry, table, nodes: nodes.filter(isWaitedFor) };
}

const owns =
  ({ table }: Index, node: string) =>
  (shard: number): boolean => {
    const route = table.shards[shard];
    return route?.state === 'stable' && route.frozen === undefined && route.owners.includes(node);
  };

/** The client of a node that has the index. */
async function clientOn(parts: AdoptParts, node: TopologyNode, { uid, signal }: AdoptWish): Promise<NodeClient | null> {
  const client = parts.clientUnder(node, signal);
  return (await client.index(uid)) === null ? null : client;
}

/** What would be stamped. Writes nothing. */
export async function surveyPastRouters(parts: AdoptParts, wish: AdoptWish): Promise<readonly PastRouters[]> {
  assertNothingFixed(wish);
  const index = await read(parts, wish.uid);
  const { primaryKey, shards } = index.entry;
  const found: PastRouters[] = [];
  for (const node of index.nodes) {
    const client = await clientOn(parts, node, wish);
    if (client === null) continue;
    const isOwned = owns(index, node.id);
    let owned = 0;
    const left = new Left();
    for await (const text of pagesOf(client, wish.uid, [primaryKey], UNSPLIT_FILTER)) {
      for (const { field } of splitKeyed(text, primaryKey)) {
        const id = field === undefined ? '' : scalarText(text, field.start, field.end);
        if (isOwned(locateKey(id, shards).shard)) owned += 1;
        else left.add([id]);
      }
    }
    found.push({ node: node.id, owned, ...left.told() });
  }
  return found;
}

/** Stamps them. Throws what stands against it before the first write; Ctrl-C leaves the rest to the next run. */
export const stampPastRouters = (parts: AdoptParts, wish: AdoptWish): Promise<readonly PastRouters[]> =>
  audited(parts, 'index adopt', { index: wish.uid }, () => stampAudited(parts, wish));

async function stampAudited(parts: AdoptParts, wish: AdoptWish): Promise<readonly PastRouters[]> {
  assertNothingFixed(wish);
  const held = await parts.holdMoves(wish.uid);
  let isClean = true;
  try {
    const { clock, redisNowMs } = parts;
    const signal = AbortSignal.any([wish.signal, held.lease.signal]);
    const index = await read(parts, wish.uid);
    const move = (await parts.records.unfinishedMoves()).find((one) => one.index === wish.uid);
    if (move !== undefined) {
      throw new ConflictError(`index ${wish.uid} has moves, such as ${move.id}`, {
        field: 'index_uid',
        remedy: 'wait until they have ended: `miroir status`',
        details: { move: move.id },
      });
    }
    const tag = adoptionTag(wish.uid, held.lease.fence);
    const stamp = { clock, redisNowMs, tag, signal, stepDocs: wish.stepDocs, onProgress: wish.onProgress };
    const found: PastRouters[] = [];
    isClean = false;
    for (const node of index.nodes) {
      const client = await clientOn(parts, node, { ...wish, signal });
      if (client === null) continue;
      const left = new Left();
      const choice: StampChoice = { owns: owns(index, node.id), passedBy: (ids) => left.add(ids) };
      const owned = await stampDocuments(stamp, client, index.entry, choice);
      found.push({ node: node.id, owned, ...left.told() });
    }
    isClean = true;
    return found;
  } finally {
    await held.release(isClean);
  }
}
