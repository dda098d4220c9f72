/** The key file, read at the start and again when it changes: a key is added or taken back without a restart. */
import { readFile, stat } from 'node:fs/promises';
import { ConfigError, messageOf } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createKeys, type Keys, OPEN_TO_ALL, readKeyFile } from './keys.ts';

export interface KeyFile {
  /** As the file is now. */
  readonly keys: Keys;
  close(): void;
}

/** Limit: ten thousand keys take a third of it. */
const FILE_MAX_BYTES = 10_000_000;

/** Changes with the file, however it is replaced. */
async function stampOf(path: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(path);
  if (size > FILE_MAX_BYTES) throw new ConfigError(`gateway_keys_file: ${path} has more than ${FILE_MAX_BYTES} bytes`);
  return `${mtimeMs} ${size} ${ino}`;
}

/** Throws `ConfigError` when the file cannot be used at the start; later the keys of before stay, and the log says why. */
export async function openKeyFile(path: string, logger: Logger, everyMs: number): Promise<KeyFile> {
  if (path === '') return { keys: OPEN_TO_ALL, close: () => undefined };
  const read = async (): Promise<{ keys: Keys; stamp: string; count: number }> => {
    try {
      const stamp = await stampOf(path);
      const entries = readKeyFile(await readFile(path, 'utf8'), path);
      return { keys: createKeys(entries, Date.now), stamp, count: entries.length };
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      throw new ConfigError(`gateway_keys_file: ${messageOf(error)}`, {
        field: 'gateway_keys_file',
        remedy: 'name a file that this process can read; `miroir gateway-key` prints its entries',
        cause: error,
      });
    }
  };
  const state = await read();
  let isClosed = false;
  const look = async (): Promise<void> => {
    try {
      if ((await stampOf(path)) !== state.stamp) {
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
