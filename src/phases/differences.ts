/** What differs between a shard's copies on two nodes, and what it means that it does. */
import type { Window } from '../core/windows.ts';
import type { PhaseContext } from './context.ts';

export interface Differences {
  /** JSON texts of documents that the target lacks or has otherwise. */
  readonly put: readonly string[];
  /** JSON texts of keys that only the target has. */
  readonly remove: readonly string[];
}

/** Told of what is about to be made equal; `isFault`: no write by a filter that is still to be verified explains it. */
export type OnRepair = (
  found: Differences,
  at: { readonly window: Window; readonly round: number; readonly isFault: boolean },
) => void;

/** To a verification: what was copied differs, although nobody wrote it since. */
export const tellFault =
  ({ observer, log }: PhaseContext): OnRepair =>
  ({ put, remove }, { window, round, isFault }) => {
    if (!isFault) return;
    observer.differences(put.length + remove.length);
    observer.window('repaired');
    log.warn({ window, put: put.length, remove: remove.length, round }, 'source and target differ: repairing');
  };
