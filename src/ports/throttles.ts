/** The operator's throttle of copies, shared by all workers. */
import type { Throttle } from '../core/throttle.ts';

export interface ThrottleRecord {
  readonly throttle: Throttle;
  /** Redis time; null: it was never set, or is cleared. */
  readonly sinceMs: number | null;
  readonly actor: string | null;
}

export interface Throttles {
  read(): Promise<ThrottleRecord>;
  /** What was taken under the one before is forgotten. `expected`: throws `ConflictError` when it is another by now. */
  set(throttle: Throttle, actor: string, expected?: ThrottleRecord): Promise<ThrottleRecord>;
  /**
   * Documents of one window into a node. Granted when `waitMs` is 0; else nothing is taken, and after that long it may be
   * asked again. Whoever dies with what it was granted costs the others this window's time and nothing else.
   */
  take(node: string, documents: number): Promise<{ readonly throttle: Throttle; readonly waitMs: number }>;
}
