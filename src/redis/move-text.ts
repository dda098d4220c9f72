/** Records of moves and plans, as the texts of their hashes. */
import { type MoveReason, type Outcome, OUTCOMES, type Phase, PHASES } from '../core/move.ts';
import { reasonOf } from '../core/reasons.ts';
import { assertReadable } from '../core/version.ts';
import type { MoveState, PlanRecord } from '../ports.ts';
import { parseHold } from './plan-holds.ts';
import { parseJson } from './route-text.ts';

export type Fields = Record<string, string>;

const numberOrNull = (text: string | undefined): number | null => (text === undefined ? null : Number(text));

export function versioned(text: string, what: string): unknown {
  const value = parseJson(text, what) as { v?: unknown };
  assertReadable(value.v, what);
  return value;
}

interface StoredMove {
  v: number;
  id: string;
  planId: string;
  step: number;
  index: string;
  shard: number;
  group: number;
  source: string;
  target: string;
  retires: string | null;
  reason: MoveReason;
}

/** Thousands of moves share these texts, and comparing costs next to nothing where they are the same ones. */
const OWN_TEXTS: ReadonlyMap<string, string> = new Map([...PHASES, ...OUTCOMES].map((text) => [text, text]));

export function toMove(id: string, fields: Fields): MoveState | null {
  const text = fields['move'];
  if (text === undefined) return null;
  const { v: _v, ...planned } = versioned(text, `move ${id}`) as StoredMove;
  const count = (name: string): number => Number(fields[name] ?? '0');
  const own = (name: string): string | undefined => OWN_TEXTS.get(fields[name] ?? '') ?? fields[name];
  const outcome = own('outcome');
  const waiting = fields['waiting'];
  const wish = (fields['wish'] ?? '') as MoveState['wish'];
  return {
    ...planned,
    source: fields['source'] ?? planned.source,
    plannedSource: planned.source,
    phase: (own('phase') ?? 'Idle') as Phase,
    ...(outcome === undefined ? {} : { outcome: outcome as Outcome }),
    wish,
    cancelWished: wish === 'cancel',
    createdAtMs: count('createdAt'),
    startedAtMs: numberOrNull(fields['startedAt']),
    phaseAtMs: numberOrNull(fields['phaseAt']),
    switchedAtMs: numberOrNull(fields['switchedAt']),
    endedAtMs: numberOrNull(fields['endedAt']),
    docsMigrated: count('docsMigrated'),
    lastOffset: count('lastOffset'),
    verifiedOffset: count('verifiedOffset'),
    windowsVerified: count('windowsVerified'),
    windowsRepeated: count('windowsRepeated'),
    differences: count('differences'),
    bytes: count('bytes'),
    documents: numberOrNull(fields['documents']),
    targetFloor: numberOrNull(fields['targetFloor']),
    sourceCreated: fields['sourceCreated'] ?? null,
    targetCreated: fields['targetCreated'] ?? null,
    sourceFloor: numberOrNull(fields['sourceFloor']),
    gateFloor: numberOrNull(fields['gateFloor']),
    gateTargetFloor: numberOrNull(fields['gateTargetFloor']),
    trackingEpoch: numberOrNull(fields['trackingEpoch']),
    switchEpoch: numberOrNull(fields['switchEpoch']),
    gateRefused: count('gateRefused'),
    holdMs:
      fields['heldAt'] === undefined || fields['switchedAt'] === undefined
        ? null
        : count('switchedAt') - count('heldAt'),
    settlingBy: fields['settlingBy'] ?? null,
    settlingFloor: numberOrNull(fields['settlingFloor']),
    sourceMark: numberOrNull(fields['sourceMark']),
    takenBy: fields['takenBy'] ?? null,
    takenFloor: numberOrNull(fields['takenFloor']),
    retiresFloor: numberOrNull(fields['retiresFloor']),
    lost: count('lost'),
    lostIds: parseJson(fields['lostIds'] ?? '[]', `lost documents of move ${id}`) as string[],
    deletingAtMs: numberOrNull(fields['deletingAt']),
    level: fields['level'] === '1',
    vectors: fields['vectors'] === '1',
    flow: count('flow'),
    progressAtMs: Math.max(...['createdAt', 'startedAt', 'phaseAt', 'switchedAt', 'checkpointAt'].map(count)),
    phases: Object.fromEntries(
      PHASES.filter((phase) => `at:${phase}` in fields).map((phase) => [phase, count(`at:${phase}`)]),
    ),
    waiting:
      waiting === undefined ? null : { code: reasonOf(waiting), reason: waiting, sinceMs: count('waitingSince') },
    error: fields['error'] ?? null,
  };
}

interface StoredPlan {
  v: number;
  why: string;
  topologyVersion: number;
  moves: number;
  blocked: PlanRecord['blocked'];
}

export function toPlan(id: string, fields: Fields): PlanRecord | null {
  const text = fields['plan'];
  if (text === undefined) return null;
  const stored = versioned(text, `plan ${id}`) as StoredPlan;
  const cancelled = parseHold(fields['cancelled'] === undefined ? null : `cancel ${fields['cancelled']}`);
  return {
    id,
    why: stored.why,
    topologyVersion: stored.topologyVersion,
    moves: stored.moves,
    blocked: stored.blocked,
    state: (fields['state'] ?? 'opening') as PlanRecord['state'],
    left: Number(fields['left'] ?? stored.moves),
    createdAtMs: Number(fields['createdAt'] ?? '0'),
    startedAtMs: numberOrNull(fields['startedAt']),
    endedAtMs: numberOrNull(fields['endedAt']),
    held: parseHold(fields['held']),
    cancelled: cancelled === null ? null : { sinceMs: cancelled.sinceMs, actor: cancelled.actor },
  };
}
