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
   * Documents of one window into a node: its turn, in `waitMs` and after those that asked before. It stands as long as the
   * throttle is the one of `sinceMs`; under another one it is to be asked for again. Whoever does not come for it costs the
   * others this window's time and nothing else.
   */
  take(node: string, documents: number): Promise<ThrottleTurn>;
}

export interface ThrottleTurn {
  readonly throttle: Throttle;
  readonly sinceMs: number | null;
  readonly waitMs: number;
}
