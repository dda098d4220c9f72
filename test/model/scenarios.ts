/** The worlds that are searched whole, and for every guard one in which leaving it out must show. */
import type { GuardName } from './guards.ts';
import { QUIET, type Operation, type World } from './world.ts';

function world(name: string, parts: Partial<World>): World {
  return { ...QUIET, ...parts, name };
}

function op(kind: Operation['kind'], router: number, id = 0): Operation {
  return { kind, id, router };
}

/** With all guards on, nothing may be found in these. */
export const WORLDS: readonly World[] = [
  world('two routers, answers that take time, a hold that is put back', {
    operations: [op('upsert', 0), op('merge', 1)],
    routers: 2,
    holds: 2,
    slowAnswers: true,
  }),
  world('reads all along', {
    operations: [op('upsert', 0), op('delete', 1)],
    routers: 2,
    checksReads: true,
  }),
  world('a slow read', {
    operations: [op('upsert', 0)],
    routers: 2,
    checksReads: true,
    slowReads: 1,
    lapses: 1,
  }),
  world('a router freezes with a request on the wire', {
    operations: [op('merge', 0), op('upsert', 1)],
    routers: 2,
    lapses: 1,
    frail: 1,
  }),
  world('a router dies with a request on the wire', {
    operations: [op('delete', 0), op('upsert', 1)],
    routers: 2,
    lapses: 1,
    frail: 1,
    giveUps: 1,
  }),
  world('a mover dies, tasks fail', {
    operations: [op('upsert', 0), op('delete', 0)],
    takeovers: 1,
    moverFailures: 1,
    clientFailures: 1,
  }),
  world('an older mover wakes: scripts refused, its requests ended', {
    operations: [op('merge', 0)],
    takeovers: 2,
    holds: 2,
    moverFailures: 1,
  }),
  world('two documents', {
    initial: [true, false],
    operations: [op('upsert', 0, 0), op('merge', 0, 1)],
  }),
  world('a router that joins', {
    operations: [op('upsert', 0), op('merge', 1)],
    routers: 2,
    registered: 1,
  }),
  world('a delete by filter', {
    operations: [op('deleteAll', 0), op('upsert', 1)],
    routers: 2,
  }),
  world('a delete by filter, and the router freezes', {
    operations: [op('deleteAll', 0)],
    lapses: 1,
    giveUps: 1,
    takeovers: 1,
  }),
  world('the source stays: turns', {
    operations: [op('upsert', 0), op('merge', 1)],
    routers: 2,
    stays: true,
  }),
  world('the source stays: a request is given up', {
    operations: [op('upsert', 0), op('delete', 1)],
    routers: 2,
    stays: true,
    giveUps: 1,
  }),
  world('the source stays: a router dies', {
    operations: [op('upsert', 0), op('merge', 1)],
    routers: 2,
    stays: true,
    lapses: 1,
    frail: 1,
    giveUps: 1,
  }),
  world('the source stays: reads, failing tasks', {
    operations: [op('upsert', 0), op('merge', 0)],
    stays: true,
    checksReads: true,
    clientFailures: 1,
  }),
  world('the source stays: a delete by filter', {
    operations: [op('deleteAll', 0), op('upsert', 1)],
    routers: 2,
    stays: true,
  }),
  world('the source stays: a mover dies', {
    operations: [op('upsert', 0), op('merge', 0)],
    stays: true,
    takeovers: 1,
    moverFailures: 1,
  }),
  world('a mover dies and a router freezes', {
    operations: [op('merge', 0)],
    lapses: 1,
    takeovers: 1,
  }),
  world('three routers', {
    operations: [op('upsert', 0), op('merge', 1)],
    routers: 3,
  }),
];

/** Larger worlds, searched when `MODEL_DEEP` is set: another minute, and 1 GB. */
export const DEEP_WORLDS: readonly World[] = [
  world('deep: a mover dies and a router freezes', {
    operations: [op('upsert', 0), op('merge', 0)],
    lapses: 1,
    takeovers: 1,
  }),
  world('deep: three writes, one of each kind', {
    operations: [op('upsert', 0), op('merge', 0), op('delete', 1)],
    routers: 2,
  }),
  world('deep: a router freezes between its 202 and its answer', {
    operations: [op('merge', 0), op('upsert', 1)],
    routers: 2,
    lapses: 1,
    frail: 1,
    slowAnswers: true,
  }),
  world('deep: the source stays, a mover dies, a router freezes', {
    operations: [op('merge', 0), op('upsert', 1)],
    routers: 2,
    stays: true,
    lapses: 1,
    frail: 1,
    takeovers: 1,
  }),
  world('deep: two documents, two routers', {
    initial: [true, false],
    operations: [op('merge', 0, 0), op('upsert', 1, 1), op('delete', 1, 0)],
    routers: 2,
  }),
];

export interface Omission {
  readonly off: readonly GuardName[];
  readonly world: World;
  /** False: nothing is found although it is off; something else covers it. */
  readonly found: boolean;
}

function without(off: GuardName | readonly GuardName[], parts: Partial<World>, found = true, note = ''): Omission {
  const guards = typeof off === 'string' ? [off] : off;
  return { off: guards, world: world(`${guards.join(', ')}${note}`, { ...parts, off: guards }), found };
}

const ONE = { operations: [op('upsert', 0)] };
const TWO = { operations: [op('upsert', 0), op('upsert', 1)], routers: 2 };

export const OMISSIONS: readonly Omission[] = [
  without('sourceWatermark', ONE),
  without('trackingBarrier', ONE),
  without('heldBarrier', ONE),
  without('drainBeforeAck', ONE),
  without('countsOutliveRegistration', { ...ONE, lapses: 1 }, false),
  without(['countsOutliveRegistration', 'confirmAfterAccepted'], { ...ONE, lapses: 1 }),
  without('registerFirst', { ...ONE, registered: 0 }),
  without('lapse', { ...ONE, lapses: 1 }),
  without('appendCheck', { ...TWO, lapses: 1, frail: 1 }, false),
  without(['appendCheck', 'appendRegistration'], { ...TWO, lapses: 1, frail: 1 }),
  without('appendRegistration', { ...ONE, lapses: 1 }, false),
  without(['appendRegistration', 'confirmAfterAccepted'], { ...ONE, lapses: 1 }),
  without('openAttempts', ONE),
  without('catchUpWait', ONE),
  without('sendBeforeClear', { ...TWO, operations: [op('upsert', 0), op('upsert', 0)] }),
  without('successBeforeClear', { ...ONE, moverFailures: 1 }),
  without('clearComparesAttempt', { operations: [op('upsert', 0), op('upsert', 0)] }),
  without('hold', ONE),
  without('switchCompares', ONE),
  without('settleWatermark', TWO, false),
  without('settleWait', TWO, false),
  without(['settleWatermark', 'settleWait'], ONE),
  without('lookUp', TWO),
  without('compareBeforeClear', TWO),
  without('successBeforeClear', { ...ONE, checksReads: true }, false, ' (no task fails)'),
  without('targetWatermark', { ...ONE, checksReads: true, takeovers: 1, moverFailures: 1 }, false),
  without(['targetWatermark', 'successBeforeClear'], { ...ONE, checksReads: true }),
  without('settledBarrier', { ...ONE, routers: 2, checksReads: true }),
  without('confirmAfterAccepted', { ...ONE, lapses: 1 }),
  without('confirmOwners', { ...TWO, operations: [op('upsert', 0), op('merge', 1)], slowAnswers: true }, false),
  without('confirmOwners', { ...ONE, lapses: 1, stays: true, slowAnswers: true }, false, ' (the source stays)'),
  without('confirmAfterRead', { ...ONE, checksReads: true, slowReads: 1, lapses: 1 }),
  without('turns', { ...TWO, stays: true }),
  without('reverify', { operations: [op('deleteAll', 0)] }),
  without('openCounts', { operations: [op('deleteAll', 0)] }),
  without('reverifyWait', { operations: [op('deleteAll', 0)] }),
  without('switchCounts', { operations: [op('deleteAll', 0)] }),
  without('deadWritesListed', { ...ONE, stays: true, lapses: 1, giveUps: 1 }),
  without('fence', { operations: [op('upsert', 0), op('upsert', 0)], takeovers: 1 }),
  without('zombieBound', { ...ONE, takeovers: 1 }),
  without('zombieBound', { ...ONE, takeovers: 1, audit: true }, true, ' (audited; a stray after the last audit)'),
  without(
    'zombieBound',
    { ...ONE, takeovers: 1, audit: true, timelyStrays: true },
    false,
    ' (audited; no stray after the last audit)',
  ),
  without(
    'zombieBound',
    { ...ONE, takeovers: 1, timelyStrays: true },
    true,
    ' (not audited; no stray after the last audit would be)',
  ),
  without('readFilter', { ...ONE, checksReads: true }),
  without('ownersInSucceeded', { ...ONE, stays: true, checksReads: true }),
];
