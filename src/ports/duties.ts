/** What the reconciler does again and again. */
import type { Lease } from './lease.ts';

/** What one task of a duty came to: figures and words for the board, the log and the next one; never documents or keys. */
export type DutyResult = Readonly<Record<string, string | number | boolean | null>>;

export interface DutyRun {
  /** Of this task alone (scope `reconcile:<duty>:<task>`): whatever it changes asks this first. */
  readonly lease: Lease;
  /** Aborted when the lease is lost or the process drains. */
  readonly signal: AbortSignal;
}

/**
 * A recurring task of the reconcilers. Each round asks what there is to look after and gives every task a job of its own,
 * which any reconciler process takes; a task runs in one process at a time.
 */
export interface Duty {
  /** One word or two with a hyphen; part of job ids, scopes and metrics. */
  readonly name: string;
  /** Between the starts of two rounds. */
  readonly everyMs: number;
  /**
   * Its tasks may take minutes, also because a node hangs: they have a queue and places of their own, so that nothing for
   * which somebody waits stands behind them.
   */
  readonly isSlow?: boolean;
  /** Its tasks stand behind those of the other slow duties: there are many, and nobody waits for one of them. */
  readonly isPatient?: boolean;
  /** Off: its rounds are taken out of the queue. */
  readonly isOn: boolean;
  /** The tasks of a round, e.g. `cities/17`; an empty list when nothing is to be looked after. */
  tasks(signal: AbortSignal): Promise<readonly string[]>;
  /** Safe to repeat: a task whose process dies runs again. Ends with the signal's reason, or what went wrong. */
  run(task: string, run: DutyRun): Promise<DutyResult>;
}
