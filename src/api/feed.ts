/**
 * The audit stream for everybody who watches it, over server-sent events. One reader of Redis for all of them; each has a
 * bounded buffer, and who does not read what it gets is cut off: it comes again with the id of the last entry it has.
 */
import type { ServerResponse } from 'node:http';
import { messageOf, OverloadedError } from '../errors.ts';
import type { AuditEntry, AuditTrail } from '../ports.ts';
import type { Logger } from '../telemetry/logger.ts';
import { asOurs, errorAnswer } from './answers.ts';
import { LOOPBACK } from './keys.ts';

type IsWanted = (entry: AuditEntry) => Promise<boolean>;

/** Who watches, and what. */
export interface Watch {
  readonly response: ServerResponse;
  readonly actor: string;
  readonly isWanted: IsWanted;
  /** Throws what is wrong with the key by now. */
  readonly checkAgain: () => void;
}

export interface Feed {
  /**
   * Sends what follows this entry, then everything that comes; null: only what comes. Rejects before the first byte.
   * The answer's head is the caller's.
   */
  join(watch: Watch, after: string | null, begin: () => void): Promise<void>;
  /** Ends every stream. */
  close(): void;
}

interface Watcher extends Watch {
  /** Of the newest entry that it was sent, or did not want. */
  last: string;
  /** What comes is sent at once; before, it is read from Redis. */
  isLive: boolean;
}

const WATCHERS_MAX = 100;
/** Of one key: it leaves room for others. Without keys there is nobody else. */
const WATCHERS_OF_KEY_MAX = 20;
/** How soon a stream ends whose key is over, or is taken out of the key file as it was read last. */
const KEYS_EVERY_MS = 1_000;
/** Beside what the system buffers; some hundred entries. */
const BUFFER_MAX_BYTES = 262_144;
const PAGE = 200;
/** Proxies end what is silent for a minute. */
const BEAT_MS = 15_000;
/** A browser that was cut off comes again after this. */
const RETRY_MS = 2_000;
const AGAIN_MS = 1_000;

/** Both parts grow; as texts they would not compare. */
export function isAfter(one: string, other: string): boolean {
  const [oneMs = '0', oneAt = '0'] = one.split('-');
  const [otherMs = '0', otherAt = '0'] = other.split('-');
  return Number(oneMs) === Number(otherMs) ? Number(oneAt) > Number(otherAt) : Number(oneMs) > Number(otherMs);
}

const textOf = ({ id, fields }: AuditEntry): string => `id: ${id}\ndata: ${JSON.stringify(fields)}\n\n`;

export function createFeed({ audit, logger }: { readonly audit: AuditTrail; readonly logger: Logger }): Feed {
  const watchers = new Set<Watcher>();
  const closing = new AbortController();
  /** Id of the newest entry that was handed on; set before anybody is live. */
  let newest: Promise<string> | null = null;
  let seen = '0-0';

  const read = async (from: string): Promise<void> => {
    for await (const entries of audit.follow(from, closing.signal)) {
      seen = entries.at(-1)?.id ?? seen;
      for (const watcher of watchers)
        if (watcher.isLive) await send(watcher, entries).catch((error: unknown) => cutOff(watcher, error));
    }
  };
  const begin = async (): Promise<string> => {
    seen = await audit.newest();
    read(seen).catch((error: unknown) => {
      logger.error({ err: error }, 'the audit stream is not followed any more');
      newest = null;
      for (const watcher of watchers) drop(watcher);
    });
    return seen;
  };
  const beat = setInterval(() => {
    for (const { response } of watchers) response.write(':\n\n');
  }, BEAT_MS).unref();
  const looking = setInterval(() => {
    for (const watcher of watchers) endOver(watcher);
  }, KEYS_EVERY_MS).unref();

  /** It has no id, so whoever comes again with another key goes on where it was. */
  function endOver(watcher: Watcher): void {
    try {
      watcher.checkAgain();
    } catch (error) {
      watchers.delete(watcher);
      watcher.response.end(`event: ended\ndata: ${JSON.stringify(errorAnswer(asOurs(error)).body)}\n\n`);
      logger.info({ actor: watcher.actor, problem: messageOf(error) }, 'a watcher of the audit stream may not go on');
    }
  }

  function drop(watcher: Watcher): void {
    watchers.delete(watcher);
    watcher.response.destroy();
  }

  function cutOff(watcher: Watcher, error: unknown): void {
    logger.warn({ problem: messageOf(error) }, 'a watcher of the audit stream is cut off');
    drop(watcher);
  }

  async function send(watcher: Watcher, entries: readonly AuditEntry[]): Promise<void> {
    const news = entries.filter(({ id }) => isAfter(id, watcher.last));
    const texts: string[] = [];
    for (const entry of news) if (await watcher.isWanted(entry)) texts.push(textOf(entry));
    watcher.last = news.at(-1)?.id ?? watcher.last;
    if (texts.length === 0) return;
    watcher.response.write(texts.join(''));
    if (watcher.isLive && watcher.response.writableLength > BUFFER_MAX_BYTES) {
      logger.info({ last: watcher.last }, 'a watcher of the audit stream does not read: cut off');
      drop(watcher);
    }
  }

  /** From Redis until nothing is left there that the reader has handed on. */
  async function catchUp(watcher: Watcher): Promise<void> {
    while (watchers.has(watcher)) {
      const entries = await audit.after(watcher.last, PAGE);
      await send(watcher, entries);
      if (entries.length === 0 && !isAfter(seen, watcher.last)) {
        watcher.isLive = true;
        return;
      }
      if (watcher.response.writableNeedDrain) await drained(watcher.response);
    }
  }

  function assertRoom(actor: string): void {
    const own = [...watchers].filter((watcher) => watcher.actor === actor).length;
    const isShareTaken = actor !== LOOPBACK.actor && own >= WATCHERS_OF_KEY_MAX;
    if (!isShareTaken && !closing.signal.aborted && watchers.size < WATCHERS_MAX) return;
    throw new OverloadedError(
      isShareTaken
        ? `${actor} watches the audit stream ${own} times already`
        : `${watchers.size} watch the audit stream already`,
      { remedy: 'close some, or run another process of the control API', details: { retryAfterMs: AGAIN_MS } },
    );
  }

  return {
    async join(watch, after, start) {
      assertRoom(watch.actor);
      newest ??= begin();
      const now = await newest.catch((error: unknown) => {
        newest = null;
        throw error;
      });
      // Others have come meanwhile.
      assertRoom(watch.actor);
      const { response } = watch;
      const watcher: Watcher = { ...watch, last: after ?? (isAfter(seen, now) ? seen : now), isLive: false };
      watchers.add(watcher);
      response.once('close', () => watchers.delete(watcher));
      start();
      response.write(`retry: ${RETRY_MS}\n\n`);
      catchUp(watcher).catch((error: unknown) => cutOff(watcher, error));
    },
    close() {
      closing.abort();
      clearInterval(beat);
      clearInterval(looking);
      for (const { response } of watchers) response.end();
      watchers.clear();
    },
  };
}

/** Until what was written is on its way, or the client is gone. */
const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      response.off('drain', end);
      response.off('close', end);
      resolve();
    };
    response.once('drain', end);
    response.once('close', end);
  });
