/** The steps of a broadcast of settings: propose, verify, commit. Names and fields are those of the original miroir. */
import { IllegalTransitionError } from '../errors.ts';

/** In the order of `miroir_settings_broadcast_phase`: 0 to 3. */
export const BROADCAST_PHASES = ['Idle', 'Propose', 'Verify', 'Commit'] as const;
export type BroadcastPhase = (typeof BROADCAST_PHASES)[number];

export interface BroadcastStatus {
  readonly index: string;
  readonly phase: BroadcastPhase;
  readonly proposed_fingerprint: string;
  /** Node → its newest task of this broadcast; a node that had the settings already has none. */
  readonly node_task_uids: Readonly<Record<string, number>>;
  readonly node_hashes: Readonly<Record<string, string>>;
  readonly verify_ok: boolean;
  /** Given by the commit, and by nothing else. */
  readonly settings_version: number | null;
  /** Why it is being set back; null while it goes forward. */
  readonly error: string | null;
}

export const proposed = (index: string, fingerprint: string): BroadcastStatus => ({
  index,
  phase: 'Propose',
  proposed_fingerprint: fingerprint,
  node_task_uids: {},
  node_hashes: {},
  verify_ok: false,
  settings_version: null,
  error: null,
});

/** Nodes have been sent what they lack. */
export function sent(status: BroadcastStatus, taskUids: Readonly<Record<string, number>>): BroadcastStatus {
  expectPhase(status, 'enter verify', 'Propose', 'Verify');
  return { ...status, phase: 'Verify', node_task_uids: { ...status.node_task_uids, ...taskUids }, verify_ok: false };
}

/** What nodes show; `fingerprint` is what was proposed, in the nodes' words. */
export function compared(
  status: BroadcastStatus,
  fingerprint: string,
  hashes: Readonly<Record<string, string>>,
): BroadcastStatus {
  expectPhase(status, 'be compared', 'Verify');
  const shown = Object.values(hashes);
  // Nobody there, nothing compared: that is no agreement.
  const isEqual = shown.length > 0 && shown.every((hash) => hash === fingerprint);
  return { ...status, proposed_fingerprint: fingerprint, node_hashes: hashes, verify_ok: isEqual };
}

/** The nodes whose hash is another than what was proposed. */
export const mismatching = ({ node_hashes, proposed_fingerprint }: BroadcastStatus): string[] =>
  Object.keys(node_hashes).filter((node) => node_hashes[node] !== proposed_fingerprint);

export function committed(status: BroadcastStatus, version: number): BroadcastStatus {
  expectPhase(status, 'commit', 'Verify');
  if (!status.verify_ok || status.error !== null) throw illegal(status, 'commit');
  return { ...status, phase: 'Commit', settings_version: version };
}

/** From now on nodes are set back. The first reason stays. */
export function aborted(status: BroadcastStatus, error: string): BroadcastStatus {
  expectPhase(status, 'abort', 'Propose', 'Verify');
  return { ...status, verify_ok: false, error: status.error ?? error };
}

function expectPhase(status: BroadcastStatus, step: string, ...phases: readonly BroadcastPhase[]): void {
  if (!phases.includes(status.phase)) throw illegal(status, step);
}

const illegal = ({ index, phase, error }: BroadcastStatus, step: string): IllegalTransitionError =>
  new IllegalTransitionError(`the broadcast of settings of ${index} in ${phase} cannot ${step}`, {
    details: { index, phase, step, error },
  });
