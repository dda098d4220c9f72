/**
 * API keys of nodes. Records and events hold a reference only; the key itself comes from `MIROIR_NODE_KEY_<REF>` or
 * from the file `<keys_dir>/<ref>` and is given out for the origins it is bound to, never for another.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { TopologyNode } from '../core/topology.ts';
import { ConfigError, InvalidInputError } from '../errors.ts';
import type { Clock } from '../ports.ts';
import { assertOriginAllowed } from './origins.ts';

export type KeyConfig = Pick<Config, 'nodeOrigins' | 'keysDir' | 'nodeKeys' | 'nodeKeyOrigins'>;
export type NodeAddress = Pick<TopologyNode, 'id' | 'url' | 'apiKeyRef'>;

/** Where to send a node's requests, and with which key. */
export interface NodeAccess {
  readonly origin: string;
  readonly apiKey: string | null;
}

/** Neither separators nor dots: a reference is never a path. */
const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** Visible ASCII, so that a key cannot carry a second header. Meilisearch's own keys are 64 characters. */
const KEY_TEXT = /^[\x21-\x7e]{1,1024}$/;
const KEY_FILE_BYTES_MAX = 4_096;
/** A rotated key is taken up within this time; reading the file for every request would block the process too often. */
const KEY_FILE_KEPT_MS = 5_000;
/** More than nodes of a fleet; whoever can send events can name any number of URLs. */
const ORIGINS_KEPT = 1_000;
/** `MIROIR_NODE_KEY_ORIGINS_<REF>` binds a key to origins, so no reference may be read from under that name. */
const RESERVED_PREFIX = 'ORIGINS_';

export class Keyring {
  readonly #config: KeyConfig;
  readonly #clock: Clock;
  readonly #files = new Map<string, { key: string; readAtMs: number }>();
  /** URLs that are allowed, with their origins: reading them costs more than the rest of a small request's way here. */
  readonly #origins = new Map<string, string>();

  constructor(config: KeyConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** Throws `NodeOriginError`, `InvalidInputError` (an ill-formed reference) or `ConfigError` (no such key here). */
  access(node: NodeAddress): NodeAccess {
    const origin = this.#originOf(node.url);
    const reference = node.apiKeyRef;
    if (reference === undefined) return { origin, apiKey: null };
    const name = environmentSuffix(reference);
    const own = this.#config.nodeKeyOrigins.get(name);
    if (own !== undefined) assertOriginAllowed(origin, own, 'api_key_ref');
    const fromEnvironment = this.#config.nodeKeys.get(name)?.trim() ?? '';
    if (fromEnvironment === '') return { origin, apiKey: this.#fromFile(reference, name) };
    if (!KEY_TEXT.test(fromEnvironment)) throw unusable(`MIROIR_NODE_KEY_${name}`);
    return { origin, apiKey: fromEnvironment };
  }

  #originOf(url: string): string {
    const known = this.#origins.get(url);
    if (known !== undefined) return known;
    const origin = assertOriginAllowed(url, this.#config.nodeOrigins);
    if (this.#origins.size >= ORIGINS_KEPT) this.#origins.clear();
    this.#origins.set(url, origin);
    return origin;
  }

  #fromFile(reference: string, name: string): string {
    const kept = this.#files.get(reference);
    const nowMs = this.#clock.monotonic();
    if (kept !== undefined && nowMs - kept.readAtMs < KEY_FILE_KEPT_MS) return kept.key;
    const key = this.#config.keysDir === '' ? null : readKeyFile(join(this.#config.keysDir, reference), reference);
    if (key === null) {
      throw new ConfigError(`there is no API key named ${reference} here`, {
        field: 'api_key_ref',
        remedy: `set MIROIR_NODE_KEY_${name}, or put the key into the file ${reference} in keys_dir, for every process`,
      });
    }
    if (!KEY_TEXT.test(key)) throw unusable(`the file ${reference} in keys_dir`);
    this.#files.set(reference, { key, readAtMs: nowMs });
    return key;
  }
}

function environmentSuffix(reference: string): string {
  const name = reference.toUpperCase().replaceAll('-', '_');
  if (REFERENCE.test(reference) && !name.startsWith(RESERVED_PREFIX)) return name;
  throw new InvalidInputError('api_key_ref is not the name of a key', {
    field: 'api_key_ref',
    remedy: 'give a name of 1 to 64 letters, digits, - and _ that does not begin with origins_; never the key itself',
  });
}

/** The trimmed text, or null when there is no such file. The bound keeps a wrong mount from being read whole. */
function readKeyFile(path: string, reference: string): string | null {
  let file: number;
  try {
    // Why: opening a named pipe would wait for its writer, and the whole process with it.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw unusable(`the file ${reference} in keys_dir`);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > KEY_FILE_BYTES_MAX) throw unusable(`the file ${reference} in keys_dir`);
    const bytes = Buffer.alloc(KEY_FILE_BYTES_MAX);
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, KEY_FILE_BYTES_MAX, 0)).trim();
  } finally {
    closeSync(file);
  }
}

/** Says neither the path nor what was read: the one tells about the machine, the other may be a secret. */
const unusable = (what: string): ConfigError =>
  new ConfigError(`${what} holds no usable API key`, {
    field: 'api_key_ref',
    remedy:
      'give the key alone, as one line of visible ASCII; a file must be plain, small and readable for this process',
  });
