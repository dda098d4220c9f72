/** The audit stream: every change, and who asked for it. */

export interface AuditEntry {
  /** Of the stream, growing: `1800000000000-0`. */
  readonly id: string;
  /** `what` names it: `asked` and `refused` of what somebody asked for, else what was done. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface AuditTrail {
  note(fields: Readonly<Record<string, string>>): Promise<void>;
  /** At most `limit` entries after this one, oldest first. */
  after(id: string, limit: number): Promise<readonly AuditEntry[]>;
  /** Id of the newest entry; `0-0` when there is none. */
  newest(): Promise<string>;
  /** Entries after this one as they come, until the signal; waits for a Redis that is away. */
  follow(id: string, signal: AbortSignal): AsyncIterable<readonly AuditEntry[]>;
}
