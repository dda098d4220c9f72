// What owners are known to have missed: their repair lists, now and ever since the run began, and when. The reconciler works
// them off within seconds; until then a read may meet a copy that lacks what its list names. Lists of nodes that own the shard
// no more say nothing of any read.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { shardForKey } from '../../../src/core/hashing.ts';
import { INDEX, SHARDS } from './fleet.ts';

const LOOK_MS = 250;
const WHOLE_SHARD = '*';
/** From a write that an owner misses to its list, over a router's death; and from the last look that saw it listed. */
const BEFORE_MS = 20_000;
const AFTER_MS = 5_000;

/** Recorder's clock. */
interface Span {
  readonly fromMs: number;
  untilMs: number;
}

export class Missed {
  readonly #client: Redis;
  /** `<shard>:<node>` → ids, as of the last look. */
  #now = new Map<string, ReadonlySet<string>>();
  /** Id, or `<shard>:*` → when some owner's list named it, and some time around that. */
  readonly #spans = new Map<string, Span[]>();

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
    const names = await this.#client.smembers(`{miroir}:repairs:${INDEX}`);
    // All at one moment: a node that becomes an owner gets another list by the same script.
    const asked = this.#client.multi().hgetall(`{miroir}:routing:${INDEX}`);
    for (const name of names) asked.zrange(`{miroir}:repair:${INDEX}:${name}`, '0', '-1');
    const replies = (await asked.exec()) ?? [];
    const failure = replies.find(([error]) => error !== null)?.[0];
    if (failure) throw failure;
    const [routes, ...lists] = replies.map(([, reply]) => reply) as [Record<string, string>, ...string[][]];
    const now = new Map<string, ReadonlySet<string>>();
    for (const [at, name] of names.entries()) {
      const [shard = '', node = ''] = name.split(':');
      const { owners, readers } = JSON.parse(routes[`s:${shard}`] ?? '{"owners":[],"readers":[]}') as {
        readonly owners: readonly string[];
        readonly readers: readonly string[];
      };
      const ids = lists[at] ?? [];
      if (![...owners, ...readers].includes(node)) continue;
      now.set(name, new Set(ids));
      for (const id of ids) this.#listed(id === WHOLE_SHARD ? `${shard}:${WHOLE_SHARD}` : id);
    }
    this.#now = now;
  }

  /** Whether the node's list names the document. */
  isListed(node: string, key: string): boolean {
    const ids = this.#now.get(`${shardForKey(key, SHARDS)}:${node}`);
    return ids !== undefined && (ids.has(key) || ids.has(WHOLE_SHARD));
  }

  /** Whether some list named it about then. */
  wasListed(key: string, fromMs: number, toMs: number): boolean {
    return [key, `${shardForKey(key, SHARDS)}:${WHOLE_SHARD}`].some((name) =>
      this.#spans.get(name)?.some((span) => span.fromMs <= toMs && span.untilMs >= fromMs),
    );
  }

  get documents(): number {
    return this.#spans.size;
  }

  #listed(name: string): void {
    const atMs = performance.now();
    const spans = this.#spans.get(name) ?? [];
    this.#spans.set(name, spans);
    const last = spans.at(-1);
    if (last !== undefined && last.untilMs >= atMs - BEFORE_MS) last.untilMs = atMs + AFTER_MS;
    else spans.push({ fromMs: atMs - BEFORE_MS, untilMs: atMs + AFTER_MS });
  }
}
