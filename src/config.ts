/**
 * Configuration: environment `MIROIR_*` over a JSON file over defaults, validated once, frozen, passed down. Nothing
 * else reads the environment. The keys are in config/keys.ts; docs/configuration.md is checked against that table.
 */
import { readFileSync } from 'node:fs';
import { CONFIG_KEYS, type Key } from './config/keys.ts';
import { redisProblems } from './config/redis-keys.ts';
import { shownRedisUrl } from './config/redis-url.ts';
import { ConfigError, messageOf } from './errors.ts';

export { CONFIG_KEYS } from './config/keys.ts';
export { programVersion } from './config/version.ts';

export type ConfigKey = keyof typeof CONFIG_KEYS;
type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
type ValueOf<K> = K extends Key<infer T> ? T : never;

export type Config = {
  readonly [K in ConfigKey as Camel<K>]: ValueOf<(typeof CONFIG_KEYS)[K]>;
} & {
  /** Node API keys by reference, from MIROIR_NODE_KEY_<REF>; never printed. */
  readonly nodeKeys: ReadonlyMap<string, string>;
  /** Origins a key may be sent to, from MIROIR_NODE_KEY_ORIGINS_<REF>; without an entry: node_origins. */
  readonly nodeKeyOrigins: ReadonlyMap<string, readonly string[]>;
  /** Keys of embedders by reference, from MIROIR_EMBEDDER_KEY_<REF>; never printed. */
  readonly embedderKeys: ReadonlyMap<string, string>;
};

const camel = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
export const environmentName = (name: ConfigKey): string => `MIROIR_${name.toUpperCase()}`;

const KEY_PREFIX = 'MIROIR_NODE_KEY_';
const ORIGINS_PREFIX = 'MIROIR_NODE_KEY_ORIGINS_';
const EMBEDDER_PREFIX = 'MIROIR_EMBEDDER_KEY_';
/** Names that are not keys of the table but are ours all the same. */
const OTHER_NAMES = new Set(['MIROIR_CONFIG', 'MIROIR_TEST_NODES', 'MIROIR_TEST_API_KEY']);

function readFile(path: string, problems: string[]): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
    problems.push(`${path}: must hold one JSON object`);
  } catch (error) {
    problems.push(`${path}: ${messageOf(error)}`);
  }
  return {};
}

function crossChecks(value: (name: ConfigKey) => unknown, problems: string[]): void {
  problems.push(...redisProblems(value));
  const [bodyMax, waitingMax] = [Number(value('gateway_body_max_bytes')), Number(value('gateway_waiting_max_bytes'))];
  if (waitingMax < bodyMax) {
    problems.push(
      `gateway_waiting_max_bytes: ${waitingMax} bytes are less than gateway_body_max_bytes (${bodyMax}): the largest ` +
        'body could never be taken; raise it or lower the other',
    );
  }
  const ttlMs = Number(value('lease_ttl_secs')) * 1_000;
  if (Number(value('lease_renewal_interval_ms')) > ttlMs / 4) {
    problems.push(
      `lease_renewal_interval_ms: ${String(value('lease_renewal_interval_ms'))} ms is over a quarter of lease_ttl_secs ` +
        `(${ttlMs / 4} ms): one lost renewal would end a lease; lower it or raise the TTL`,
    );
  }
}

/** Reads, validates, freezes. Throws `ConfigError` that names every wrong key, one a line. */
export function loadConfig(
  environment: NodeJS.ProcessEnv,
  overrides: Partial<Record<ConfigKey, unknown>> = {},
): Config {
  const problems: string[] = [];
  const path = environment['MIROIR_CONFIG'];
  const file = path === undefined || path === '' ? {} : readFile(path, problems);
  for (const name of Object.keys(file)) {
    if (!(name in CONFIG_KEYS)) problems.push(`${name} in ${path}: no such key; see \`miroir config schema\``);
  }
  const values = new Map<string, unknown>();
  for (const name of Object.keys(CONFIG_KEYS) as ConfigKey[]) {
    const text = environment[environmentName(name)];
    const raw =
      overrides[name] ?? (text === undefined || text === '' ? (file[name] ?? CONFIG_KEYS[name].default) : text);
    const result = CONFIG_KEYS[name].schema.safeParse(raw);
    if (result.success) values.set(name, result.data);
    else {
      const where = text === undefined ? name : environmentName(name);
      problems.push(
        `${where}: ${result.error.issues.map((issue) => issue.message).join('; ')} (${CONFIG_KEYS[name].unit})`,
      );
    }
  }
  const nodeKeys = new Map<string, string>();
  const nodeKeyOrigins = new Map<string, readonly string[]>();
  const embedderKeys = new Map<string, string>();
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !name.startsWith('MIROIR_')) continue;
    if (name.startsWith(ORIGINS_PREFIX)) nodeKeyOrigins.set(name.slice(ORIGINS_PREFIX.length), text.split(','));
    else if (name.startsWith(KEY_PREFIX)) nodeKeys.set(name.slice(KEY_PREFIX.length), text);
    else if (name.startsWith(EMBEDDER_PREFIX)) embedderKeys.set(name.slice(EMBEDDER_PREFIX.length), text);
    else if (!OTHER_NAMES.has(name) && !(name.slice(7).toLowerCase() in CONFIG_KEYS)) {
      problems.push(`${name}: no such key; see \`miroir config schema\``);
    }
  }
  if (problems.length === 0) crossChecks((name) => values.get(name), problems);
  if (problems.length > 0) {
    throw new ConfigError(`the configuration is wrong:\n  ${problems.join('\n  ')}`, {
      remedy: 'correct the keys named above; `miroir config schema` lists them all',
    });
  }
  const entries = [...values].map(([name, value]) => [camel(name), value] as const);
  return Object.freeze({ ...Object.fromEntries(entries), nodeKeys, nodeKeyOrigins, embedderKeys }) as unknown as Config;
}

/**
 * The configuration as MIROIR_* variables, for a child process: read by `loadConfig` it gives the same again, wherever
 * the values came from. Holds the node keys.
 */
export function environmentOf(config: Config): Record<string, string> {
  const value = config as unknown as Record<string, unknown>;
  const names = Object.keys(CONFIG_KEYS) as ConfigKey[];
  return Object.fromEntries([
    // A list is written with commas, a flag as true or false.
    ...names.map((name) => [environmentName(name), String(value[camel(name)])]),
    ...[...config.nodeKeys].map(([reference, secret]) => [`${KEY_PREFIX}${reference}`, secret]),
    ...[...config.embedderKeys].map(([reference, secret]) => [`${EMBEDDER_PREFIX}${reference}`, secret]),
    ...[...config.nodeKeyOrigins].map(([reference, origins]) => [`${ORIGINS_PREFIX}${reference}`, origins.join(',')]),
  ]) as Record<string, string>;
}

/** The configuration as its keys, without secrets: a password in the Redis URL is masked. */
export function printableConfig(config: Config): Record<string, unknown> {
  const value = config as unknown as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(CONFIG_KEYS).map((name) => {
      const shown = value[camel(name)];
      return [name, name === 'redis_url' ? shownRedisUrl(String(shown)) : shown];
    }),
  );
}
