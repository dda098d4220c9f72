/** Why a move or a shard is where it is: what is known of it, node by node. Looking changes nothing. */
import pLimit from 'p-limit';
import { type Candidate, type Decision, decide } from '../core/deciders.ts';
import { PHASES, type Phase } from '../core/move.ts';
import type { ShardState } from '../core/routing.ts';
import { settingsLacking } from '../core/settings-change.ts';
import { findNode, type TopologyNode } from '../core/topology.ts';
import { InvalidInputError, isMiroirError, messageOf } from '../errors.ts';
import type { MoveState, PlacesTaken } from '../ports.ts';
import type { DoctorParts } from './doctor/parts.ts';
import { unknownIndex } from './indexes.ts';
import { type MoveDetails, moveOf, showMove } from './move-list.ts';
import { type MoveView, viewMoves } from './move-view.ts';
import type { StatusParts } from './status.ts';

export interface ExplainParts extends DoctorParts, StatusParts {
  /** `host/pid` of the process that holds the index's lease now; null when nobody does. */
  holderOf(this: void, index: string): Promise<string | null>;
}

/** Nodes asked at a time. */
const AT_A_TIME = 8;

export interface PhaseTime {
  readonly phase: Phase;
  /** Null: not yet, or reached under a version that did not keep it. */
  readonly atMs: number | null;
}

export interface RouterView {
  readonly name: string;
  /** Of the index: it works by no older one for this shard; null: it has acknowledged none. */
  readonly epoch: number | null;
  /** Whether it has acknowledged what the shard's route is. */
  readonly isUpToDate: boolean;
}

export interface NodeQueueView {
  readonly node: string;
  readonly role: 'source' | 'target';
  /** Why the node could not be asked; null: it answered. */
  readonly unreachable: string | null;
  /** Its oldest task that is not finished, by its own clock; null: none. */
  readonly oldestTask: {
    readonly uid: number;
    readonly type: string;
    readonly status: string;
    readonly enqueuedAt: string;
  } | null;
  /** Moves that have a place there, of `places` each. */
  readonly movesOut: number;
  readonly movesIn: number;
}

export interface RouteView {
  readonly state: ShardState;
  readonly owners: readonly string[];
  readonly readers: readonly string[];
  readonly epoch: number;
}

export interface MoveExplained extends MoveDetails {
  readonly phases: readonly PhaseTime[];
  readonly route: RouteView;
  readonly routers: readonly RouterView[];
  readonly nodes: readonly NodeQueueView[];
  readonly places: number;
  /** Ids that were written while the shard moves, and are to be carried over. */
  readonly journalIds: number;
  /** Who serves the index; null: nobody does. */
  readonly holder: string | null;
}

/** Throws `MoveUnknownError`. */
export async function explainMove(parts: ExplainParts, id: string): Promise<MoveExplained> {
  const { records, registry, surroundings, holderOf } = parts;
  const move = await moveOf(parts, id);
  const [details, { route }, routers, journaled, holder, taken, topology] = await Promise.all([
    showMove(parts, id),
    records.route(move.index, move.shard),
    registry.live(),
    records.journaled(id, 0),
    holderOf(move.index),
    surroundings.placesOf([move.source, move.target]),
    records.topology(),
  ]);
  const { state, owners, readers, epoch } = route;
  const looks = [
    ['source', move.source],
    ['target', move.target],
  ] as const;
  return {
    ...details,
    phases: phasesOf(move),
    route: { state, owners, readers, epoch },
    routers: routers.map(({ name, acks }) => {
      const seen = acks[move.index];
      const acknowledged = seen === undefined ? null : (seen.late?.[String(move.shard)] ?? seen.epoch);
      return { name, epoch: acknowledged, isUpToDate: acknowledged !== null && acknowledged >= epoch };
    }),
    nodes: await Promise.all(
      looks.map(([role, node]) => queueOf(parts, role, node, findNode(topology, node), taken.get(node))),
    ),
    places: surroundings.places,
    journalIds: journaled.total,
    holder,
  };
}

const phasesOf = ({ phases, createdAtMs }: MoveState): PhaseTime[] =>
  PHASES.map((phase) => ({ phase, atMs: phase === 'Idle' ? createdAtMs : (phases[phase] ?? null) }));

async function queueOf(
  { clientOf }: ExplainParts,
  role: NodeQueueView['role'],
  id: string,
  node: TopologyNode | undefined,
  taken: PlacesTaken | undefined,
): Promise<NodeQueueView> {
  const view = { node: id, role, movesOut: taken?.out.length ?? 0, movesIn: taken?.into.length ?? 0, oldestTask: null };
  if (node === undefined || node.state === 'failed' || node.state === 'removed') {
    return { ...view, unreachable: `it is ${node?.state ?? 'not in the topology'}` };
  }
  try {
    const asked = { statuses: ['enqueued', 'processing'], limit: 1, reverse: true } as const;
    const [oldest] = await clientOf(node).tasks(asked);
    if (oldest === undefined) return { ...view, unreachable: null };
    const { uid, type, status, enqueuedAt } = oldest;
    return { ...view, unreachable: null, oldestTask: { uid, type, status, enqueuedAt } };
  } catch (error) {
    if (!isMiroirError(error)) throw error;
    return { ...view, unreachable: messageOf(error) };
  }
}

export interface ShardExplained {
  readonly index: string;
  readonly shard: number;
  readonly route: RouteView & { readonly move: string | null; readonly frozen: boolean };
  /** Unfinished moves of the shard. */
  readonly moves: readonly MoveView[];
  /** Of each node of its groups, best placed first. */
  readonly decisions: readonly Decision[];
}

/** Asks every node of the index's groups. Throws `IndexUnknownError`, `InvalidInputError` for a shard that there is not. */
export async function explainShard(parts: ExplainParts, uid: string, shard: number): Promise<ShardExplained> {
  const { records, surroundings, nodeMaxBytes } = parts;
  const entry = await records.index(uid);
  if (entry === null) throw unknownIndex(uid);
  if (!Number.isSafeInteger(shard) || shard < 0 || shard >= entry.shards) {
    const remedy = `give a number below ${entry.shards}: \`miroir index show ${uid}\``;
    throw new InvalidInputError(`index ${uid} has no shard ${shard}`, { field: 'shard', remedy });
  }
  const [{ route }, topology, unfinished] = await Promise.all([
    records.route(uid, shard),
    records.topology(),
    records.unfinishedMoves(),
  ]);
  const nodes = topology.nodes.filter(({ group, state }) => entry.groups.includes(group) && state !== 'removed');
  const taken = await surroundings.placesOf(nodes.map(({ id }) => id));
  const { state, owners, readers, epoch, moveId = null, frozen = false } = route;
  return {
    index: uid,
    shard,
    route: { state, owners, readers, epoch, move: moveId, frozen },
    moves: await viewMoves(
      parts,
      unfinished.filter((move) => move.index === uid && move.shard === shard),
    ),
    decisions: decide({
      topology,
      entry,
      route,
      candidates: await candidatesOf(parts, uid, nodes, taken),
      places: surroundings.places,
      nodeMaxBytes,
    }),
  };
}

async function candidatesOf(
  parts: ExplainParts,
  uid: string,
  nodes: readonly TopologyNode[],
  taken: ReadonlyMap<string, PlacesTaken>,
): Promise<Map<string, Candidate>> {
  const { desired } = await parts.settings.read(uid);
  const limit = pLimit(AT_A_TIME);
  const asked = nodes.map((node) =>
    limit(async (): Promise<readonly [string, Candidate]> => {
      const intoIt = taken.get(node.id)?.into.length ?? 0;
      const nothing = { usedBytes: null, lacking: null, intoIt };
      if (node.state === 'failed') return [node.id, { ...nothing, unreachable: 'it has failed' }];
      try {
        const client = parts.clientOf(node);
        const { databaseBytes } = await client.nodeStats();
        const isThere = (await client.index(uid)) !== null;
        const lacking =
          !isThere || desired === null
            ? []
            : Object.keys(settingsLacking(desired.settings, await client.settings(uid)));
        return [node.id, { unreachable: null, usedBytes: databaseBytes, lacking: isThere ? lacking : null, intoIt }];
      } catch (error) {
        if (!isMiroirError(error)) throw error;
        return [node.id, { ...nothing, unreachable: messageOf(error) }];
      }
    }),
  );
  return new Map(await Promise.all(asked));
}
