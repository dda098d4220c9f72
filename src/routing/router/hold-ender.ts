/**
 * Ends holds that are over (R4), so that a dead mover holds nobody: only those that a write waits for, by a compare, and
 * whether it is over Redis says by its own time.
 */
import type { ShardRoute } from '../../core/routing.ts';
import { messageOf } from '../../errors.ts';
import type { Clock, Logger, Records } from '../../ports.ts';
import type { Registration } from './registration.ts';

export interface HoldEnderOptions {
  readonly records: Pick<Records, 'route' | 'endHold'>;
  readonly registration: Registration;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Our reckoning of Redis time is a little ahead of it at most. */
const AGAIN_MS = 20;
const TRIES = 50;

export class HoldEnder {
  readonly #options: HoldEnderOptions;
  readonly #watched = new Set<string>();
  readonly #stop = new AbortController();

  constructor(options: HoldEnderOptions) {
    this.#options = options;
  }

  /** Sees to it that the hold ends when it is over. Asking again for the same hold changes nothing. */
  watch(index: string, route: ShardRoute): void {
    const name = `${index}/${route.shard}/${route.epoch}`;
    if (this.#watched.has(name) || this.#stop.signal.aborted) return;
    this.#watched.add(name);
    void this.#end(index, route)
      .catch((error: unknown) => {
        this.#options.logger.debug({ index, shard: route.shard, problem: messageOf(error) }, 'hold not ended');
      })
      .finally(() => this.#watched.delete(name));
  }

  close(): void {
    this.#stop.abort();
  }

  async #end(index: string, { shard, epoch, heldUntilMs = 0 }: ShardRoute): Promise<void> {
    const { records, registration, clock } = this.#options;
    const leftMs = heldUntilMs - registration.redisNowMs();
    if (leftMs > 0) await clock.sleep(leftMs, this.#stop.signal);
    for (let tries = 0; tries < TRIES && !this.#stop.signal.aborted; tries += 1) {
      const read = await records.route(index, shard);
      if (read.route.epoch !== epoch || read.route.state !== 'held' || (await records.endHold(index, read))) {
        // Whoever ended it: the table is another now.
        registration.confirmSoon();
        return;
      }
      await clock.sleep(AGAIN_MS, this.#stop.signal);
    }
  }
}
