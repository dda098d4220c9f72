// What owners are known to have missed: their repair lists, now and ever since the run began. The reconciler works them off
// within seconds; until then a read may meet a copy that lacks what its list names.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { shardForKey } from '../../../src/core/hashing.ts';
import { INDEX, SHARDS } from './fleet.ts';

const LOOK_MS = 250;
const WHOLE_SHARD = '*';

export class Missed {
  readonly #client: Redis;
  /** `<shard>:<node>` → ids, as of the last look. */
  #now = new Map<string, ReadonlySet<string>>();
  readonly #ever = new Set<string>();

  constructor(client: Redis) {
    this.#client = client;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Redis is gone now and then; its lists are not.
      await this.look().catch(() => undefined);
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async look(): Promise<void> {
    const now = new Map<string, ReadonlySet<string>>();
    for (const name of await this.#client.smembers(`{miroir}:repairs:${INDEX}`)) {
      const ids = await this.#client.zrange(`{miroir}:repair:${INDEX}:${name}`, '0', '-1');
      now.set(name, new Set(ids));
      const [shard = ''] = name.split(':');
      for (const id of ids) this.#ever.add(id === WHOLE_SHARD ? `${shard}:${WHOLE_SHARD}` : id);
    }
    this.#now = now;
  }

  /** Whether the node's list names the document. */
  isListed(node: string, key: string): boolean {
    const ids = this.#now.get(`${shardForKey(key, SHARDS)}:${node}`);
    return ids !== undefined && (ids.has(key) || ids.has(WHOLE_SHARD));
  }

  /** Whether any list ever named it. */
  wasListed(key: string): boolean {
    return this.#ever.has(key) || this.#ever.has(`${shardForKey(key, SHARDS)}:${WHOLE_SHARD}`);
  }

  get documents(): number {
    return this.#ever.size;
  }
}
