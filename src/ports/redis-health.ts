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
  /** Whether another server takes over when it dies: sentinels or a cluster see to that. */
  readonly isFailedOver: boolean;
  readonly replicas: number;
  /** Of them those that are near enough to count; null where it takes writes without any (`min-replicas-to-write 0`). */
  readonly nearReplicas: number | null;
  /** Redis time, ms. */
  readonly nowMs: number;
}

export interface RedisHealth {
  look(): Promise<RedisLook>;
}
