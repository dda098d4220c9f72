/** Changing moves and routes under the fence of a held lease. */
import type { PlanMove } from '../core/planner.ts';
import type { Lease, MoveReply, MoveState, MoveWriter, RouteChange } from '../ports.ts';
import { RECORD_VERSION } from '../core/version.ts';
import { keys } from './keys.ts';
import { repairName } from './repairs.ts';
import { parseRoute, routeBody } from './route-text.ts';
import { type Reply, type Scripts, refusalError } from './scripts.ts';

const HANDLED = new Set([
  'phase',
  'wish',
  'held',
  'settings',
  'conflict',
  'source_full',
  'target_full',
  'hold_over',
  'counted',
  'journal',
]);

function toReply(name: string, shard: number, reply: Reply): MoveReply {
  if ('refused' in reply) {
    if (!HANDLED.has(reply.refused)) throw refusalError(name, reply);
    return { refused: reply.refused as Extract<MoveReply, { refused: string }>['refused'] };
  }
  const [, , startedAt = '', now = '', text = ''] = reply.values;
  const route = text === '' ? null : { route: parseRoute(shard, text), text };
  return { route, startedAtMs: Number(startedAt), nowMs: Number(now) };
}

const placeKeys = (move: MoveState): [string, string] => [
  keys.nodeMoves(move.plannedSource, 'out'),
  keys.nodeMoves(move.target, 'in'),
];

const journalKeys = (move: string): string[] => [
  keys.journal(move),
  keys.ranges(move),
  keys.openAttempts(move),
  keys.reverify(move),
];

const flat = (fields: Readonly<Record<string, string | number>> = {}): (string | number)[] =>
  Object.entries(fields).flat();

const routeArgs = (change: RouteChange | undefined): [string, string] =>
  change === undefined ? ['', ''] : [change.expected.text, routeBody(change.route)];

/** A move as its record stores it. Another source may be read later: that and progress are fields of their own. */
export function storedMove(planId: string, move: PlanMove): string {
  const { id, step, index, shard, group, source, target, retires, reason } = move;
  return JSON.stringify({ v: RECORD_VERSION, id, planId, step, index, shard, group, source, target, retires, reason });
}

export interface MoveWriterOptions {
  readonly scripts: Scripts;
  readonly lease: Lease;
  readonly movesPerNode: number;
  readonly auditMaxEntries: number;
}

export function createMoveWriter({ scripts, lease, movesPerNode, auditMaxEntries }: MoveWriterOptions): MoveWriter {
  const leaseKey = keys.lease(lease.scope);
  /** What every step of a move begins with. */
  const ownKeys = (move: MoveState): string[] => [
    leaseKey,
    keys.move(move.id),
    keys.routing(move.index),
    ...placeKeys(move),
    keys.audit,
  ];
  return {
    async start(move, change) {
      const reply = await scripts.try(
        'move-start',
        [...ownKeys(move), keys.settings(move.index), keys.plan(move.planId), keys.allPlans],
        [lease.fence, move.id, move.shard, ...routeArgs(change), movesPerNode, auditMaxEntries],
      );
      return toReply('move-start', move.shard, reply);
    },
    async advance(move, request) {
      const [expected, body] =
        request.route === undefined ? [request.unchanged?.text ?? '', ''] : routeArgs(request.route);
      const copied = request.copyRepairs;
      const reply = await scripts.try(
        'move-advance',
        [
          ...ownKeys(move),
          keys.reverify(move.id),
          keys.ranges(move.id),
          keys.repair(move.index, move.shard, copied?.from ?? ''),
          keys.repair(move.index, move.shard, copied?.to ?? ''),
          keys.repairs(move.index),
          keys.plan(move.planId),
          keys.allPlans,
          keys.planSamples(move.planId),
          keys.throughput,
        ],
        [
          lease.fence,
          move.id,
          move.shard,
          move.phase,
          request.to ?? '',
          expected,
          body,
          request.route?.holdMs ?? 0,
          request.holdUntilMs ?? '',
          request.unlessCancelled === true ? 1 : 0,
          request.releasePlaces === true ? 1 : 0,
          request.unlessCounted === true ? 1 : 0,
          request.unlessHeld === true ? 1 : 0,
          copied === undefined ? '' : repairName(move.shard, copied.to),
          auditMaxEntries,
          request.what,
          ...flat(request.fields),
        ],
      );
      return toReply('move-advance', move.shard, reply);
    },
    async end(move, outcome, { route, error }) {
      const retired = outcome === 'done' ? move.retires : null;
      const reply = await scripts.try(
        'move-end',
        [
          ...ownKeys(move),
          keys.moves,
          keys.movesEnded,
          keys.plan(move.planId),
          ...journalKeys(move.id),
          keys.repair(move.index, move.shard, retired ?? ''),
          keys.repairs(move.index),
          keys.planSamples(move.planId),
          keys.throughput,
        ],
        [
          lease.fence,
          move.id,
          move.shard,
          move.phase,
          outcome === 'done' ? 'OldReplicaDeleted' : 'Idle',
          outcome,
          ...routeArgs(route),
          auditMaxEntries,
          error ?? '',
          retired === null ? '' : repairName(move.shard, retired),
        ],
      );
      return toReply('move-end', move.shard, reply);
    },
    async note(moveId, { waiting, fields }) {
      await scripts.run('move-note', [leaseKey, keys.move(moveId)], [lease.fence, waiting ?? '-', ...flat(fields)]);
    },
  };
}
