/** What Redis tells about itself. */
export interface RedisLook {
  readonly version: string;
  /** `maxmemory-policy`. */
  readonly policy: string;
  readonly hasAof: boolean;
  /** `appendfsync`; null where CONFIG is denied. */
  readonly appendFsync: string | null;
  /** False while writes to its files fail (full disk). */
  readonly areWritesSaved: boolean;
  readonly usedBytes: number;
  /** 0 = no limit. */
  readonly maxBytes: number;
  /** Redis time, ms. */
  readonly nowMs: number;
}

export interface RedisHealth {
  look(): Promise<RedisLook>;
}
