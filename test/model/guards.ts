/** The guards of the protocol as switches: each can be left out, alone or with others. */

export const GUARDS = {
  sourceWatermark: 'the source applies what it had accepted before the copy begins',
  trackingBarrier: 'every live router acknowledges `tracking` before the copy',
  heldBarrier: 'every live router acknowledges `held` before the switch',
  drainBeforeAck: 'a router acknowledges an epoch only when no older request of it is in flight (R2)',
  countsOutliveRegistration: 'requests in flight count across registrations (R2)',
  registerFirst: 'a router registers before it reads the table (R1)',
  lapse: 'a router whose table is not confirmed stops before its entry ends (R1)',
  appendCheck: 'the journal refuses an append unless the shard is tracking (R3)',
  appendRegistration: 'the journal refuses an append of a registration that is gone (R3)',
  openAttempts: 'before the switch an entry is taken only when none of its attempts is open (R3)',
  catchUpWait: 'catch-up re-reads only after the source has applied what the entries stand for',
  sendBeforeClear: 'an entry is cleared after its document was sent, not before',
  successBeforeClear: 'an entry is cleared after the target’s task succeeded, not when it was accepted',
  clearComparesAttempt: 'clearing removes an entry only where its attempt is the one taken',
  hold: 'while the shard is held, new writes wait (R4)',
  switchCompares: 'the switch is refused unless the shard is held in this very hold',
  settleWatermark: 'settling begins with the source’s watermark, applied',
  settleWait: 'every re-read while settling waits until the source has applied what it accepted',
  lookUp: 'while the shard settles, a write of an id in the journal waits (R4)',
  compareBeforeClear: 'while settling, both copies are compared before the entry is cleared, not after',
  targetWatermark: 'the target’s watermark is applied before readers switch',
  settledBarrier: 'every live router acknowledges `settled` before the old copy is deleted',
  confirmAfterAccepted: 'after the 202 a router looks at clock, registration and table again (R8)',
  confirmOwners: 'of that look, the part that compares the owners (R8)',
  confirmAfterRead: 'an answer to a read is dropped when the table lapsed meanwhile',
  turns: 'writes to one document with two owners are sent one after the other (R9)',
  reverify: 'a delete by filter raises a count that only a full verify closes (R6)',
  openCounts: 'a full verify closes no count whose delete may still be on its way (R6)',
  reverifyWait: 'a full verify begins when the source has applied its watermark (R6)',
  switchCounts: 'the switch is refused while a count is there (R6)',
  deadWritesListed: 'what a dead router sent before the move, without a turn, is listed or found by anti-entropy',
  fence: 'scripts refuse an older fence',
  zombieBound: 'requests of an older mover end before its successor acts',
  readFilter: 'a read is filtered to the shards that the table lets it read there (R5)',
  ownersInSucceeded: '`succeeded` needs every owner that was sent the write, not only today’s readers (I11)',
} as const;

export type GuardName = keyof typeof GUARDS;
export type Guards = Readonly<Record<GuardName, boolean>>;

/** All guards but those in `off`. */
export function guardsWithout(off: readonly GuardName[]): Guards {
  const names = Object.keys(GUARDS) as GuardName[];
  return Object.fromEntries(names.map((name) => [name, !off.includes(name)])) as Record<GuardName, boolean>;
}
