/** Permission to act for a scope. */
/** Permission to act. Asked synchronously right before each side effect, so that no pause fits between. */
export interface Permit {
  /** Aborted when the holder must stop acting. */
  readonly signal: AbortSignal;
  /** Aborted when not even the answer of a write that was sent may be waited for; absent: `signal` is. */
  readonly writeSignal?: AbortSignal;
  /** How long one request may last now (ms). Throws `LeaseLostError` when nothing may be started any more. */
  budgetMs(): number;
}

/** A held lease on a scope. */
export interface Lease extends Permit {
  readonly scope: string;
  /** Ever-growing token, a decimal string. */
  readonly fence: string;
  /** Resolves when acting is allowed (after the wait that an unclean predecessor asks for); rejects when lost. */
  readonly ready: Promise<void>;
  /** Ends the lease. `clean` only when nothing is in flight and no outcome is unknown. */
  release(clean: boolean): Promise<void>;
}

export interface Leases {
  /** One try: the lease, or who holds it and for how long (ms) at most. */
  acquire(scope: string): Promise<{ lease: Lease } | { busy: { holder: string; remainingMs: number } }>;
}
