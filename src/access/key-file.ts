/** A key file, read at the start and again when it changes: a key is added or taken back without a restart. */
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError, messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';
import { isLoopback } from './loopback.ts';
import type { SecretEntry } from './secrets.ts';

/** What one edge's key file is called, and how its entries are checked. */
export interface KeyFileKind<E extends SecretEntry, K> {
  /** Whose it is, for people: `gateway`. */
  readonly server: string;
  /** The configuration key that names the file. */
  readonly field: string;
  /** The variable with the address that is listened on. */
  readonly hostVariable: string;
  /** The command that makes entries. */
  readonly command: string;
  readonly entry: z.ZodType<E>;
  /** What is wrong with the entries together; null: nothing. */
  readonly wrongTogether?: (entries: readonly E[]) => string | null;
  readonly keysOf: (entries: readonly E[]) => K;
  /** Without a file, which is for loopback only. */
  readonly openToAll: K;
}

export interface KeyFile<K> {
  /** As the file is now. */
  readonly keys: K;
  close(): void;
}

/** Limit: more keys than anybody writes by hand. */
const ENTRIES_MAX = 10_000;
/** Limit: ten thousand keys take a third of it. */
const FILE_MAX_BYTES = 10_000_000;

/** Throws `ConfigError` where everybody could do everything. */
export function assertGuarded(
  {
    server,
    field,
    hostVariable,
    command,
  }: Pick<KeyFileKind<never, unknown>, 'server' | 'field' | 'hostVariable' | 'command'>,
  host: string,
  path: string,
): void {
  if (path !== '' || isLoopback(host)) return;
  throw new ConfigError(`${field}: without keys the ${server} does not listen on ${host}`, {
    field,
    remedy: `make a key with \`${command}\`, or set ${hostVariable} to 127.0.0.1`,
    details: { host },
  });
}

/** The entries of a key file's text. Throws `ConfigError` that names the file and what is wrong, and no hash. */
export function readKeyFile<E extends SecretEntry, K>(
  kind: KeyFileKind<E, K>,
  text: string,
  path: string,
): readonly E[] {
  const { field, command, entry, wrongTogether } = kind;
  const wrong = (what: string): ConfigError =>
    new ConfigError(`${field}: ${path}: ${what}`, {
      field,
      remedy: `the file is a JSON array of the entries that \`${command}\` prints`,
    });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    // The parser quotes what it stumbles over.
    if (error instanceof SyntaxError) throw wrong('is no JSON');
    throw error;
  }
  const result = z.array(entry).max(ENTRIES_MAX).safeParse(parsed);
  if (!result.success) {
    throw wrong(result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; '));
  }
  const ids = result.data.map(({ id }) => id);
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) throw wrong(`${twice} is there twice`);
  const problem = wrongTogether?.(result.data) ?? null;
  if (problem !== null) throw wrong(problem);
  return result.data;
}

/** Throws `ConfigError` when the file cannot be used at the start; later the keys of before stay, and the log says why. */
export async function openKeyFile<E extends SecretEntry, K>(
  kind: KeyFileKind<E, K>,
  path: string,
  logger: Logger,
  everyMs: number,
): Promise<KeyFile<K>> {
  const { field, command, keysOf, openToAll } = kind;
  if (path === '') return { keys: openToAll, close: () => undefined };
  /** Changes with the file, however it is replaced. */
  const stampOf = async (): Promise<string> => {
    const { mtimeMs, size, ino } = await stat(path);
    if (size > FILE_MAX_BYTES) throw new ConfigError(`${field}: ${path} has more than ${FILE_MAX_BYTES} bytes`);
    return `${mtimeMs} ${size} ${ino}`;
  };
  const read = async (): Promise<{ keys: K; stamp: string; count: number }> => {
    try {
      const stamp = await stampOf();
      const entries = readKeyFile(kind, await readFile(path, 'utf8'), path);
      return { keys: keysOf(entries), stamp, count: entries.length };
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      throw new ConfigError(`${field}: ${messageOf(error)}`, {
        field,
        remedy: `name a file that this process can read; \`${command}\` prints its entries`,
        cause: error,
      });
    }
  };
  const state = await read();
  let isClosed = false;
  const look = async (): Promise<void> => {
    try {
      if ((await stampOf()) !== state.stamp) {
        Object.assign(state, await read());
        logger.info({ file: path, keys: state.count }, 'the key file was read again');
      }
    } catch (error) {
      logger.error({ file: path, problem: messageOf(error) }, 'the key file cannot be read; the keys of before hold');
    }
    if (!isClosed) timer = setTimeout(() => void look(), everyMs).unref();
  };
  let timer = setTimeout(() => void look(), everyMs).unref();
  return {
    get keys() {
      return state.keys;
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
