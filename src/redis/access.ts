/** From the keys of the configuration to what the driver takes: address, user, TLS, and who knows the master. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import type { Config } from '../config.ts';
import { type RedisUrl, readRedisUrl } from '../config/redis-url.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { masterConnector } from './master-connector.ts';
import { createWitnesses } from './witnesses.ts';

/** Files and names beside the URL; '' is none. */
export type RedisFiles = Partial<
  Pick<
    Config,
    | 'redisPasswordFile'
    | 'redisCaFile'
    | 'redisCertFile'
    | 'redisKeyFile'
    | 'redisSentinelUser'
    | 'redisSentinelPasswordFile'
  >
>;

/** Of the driver, with replies as they have always been. */
export type DriverOptions = Omit<RedisOptions, 'replyMapping'>;

export interface RedisAccess {
  readonly url: string;
  readonly files?: RedisFiles;
}

/** How a process reaches Redis, whatever it does there. */
export const accessOf = (config: Config): RedisAccess => ({ url: config.redisUrl, files: config });

/** Options of a connection; `url` where the driver reads it itself. Throws `ConfigError`. */
export function driverOptions({ url, files = {} }: RedisAccess): DriverOptions & { readonly url?: string } {
  const read = readRedisUrl(url);
  if ('problem' in read)
    throw new ConfigError(`redis_url: ${read.problem}`, { field: 'redis_url', remedy: read.problem });
  const password = read.password || secretIn('redis_password_file', files.redisPasswordFile);
  const tls = read.isTls ? tlsOf(files) : null;
  const login = { ...(read.user !== '' && { username: read.user }), ...(password !== '' && { password }) };
  if (read.kind === 'server') {
    // The driver takes what its URL says before what comes beside it, an empty password too.
    const bare = Object.assign(new URL(url), { username: '', password: '' });
    const { hostname } = bare;
    return { url: bare.href, ...login, ...(tls !== null && { tls: { ...named(hostname), ...tls } }) };
  }
  const shared = { ...(tls !== null && { tls }) };
  const witnesses = createWitnesses(read, { ...shared, ...witnessLogin(read, login, files) });
  return { ...shared, ...login, db: read.database, Connector: masterConnector(witnesses) };
}

/** Sentinels have users of their own, nodes of a cluster those of the master. */
function witnessLogin(url: RedisUrl, login: DriverOptions, files: RedisFiles): DriverOptions {
  if (url.kind === 'cluster') return login;
  const password = secretIn('redis_sentinel_password_file', files.redisSentinelPasswordFile);
  const { redisSentinelUser: username = '' } = files;
  return { ...(username !== '' && { username }), ...(password !== '' && { password }) };
}

/** The name that TLS is opened for; an address is none. */
const named = (host: string): TlsOptions => (isIP(host.replace(/^\[|\]$/g, '')) === 0 ? { servername: host } : {});

function tlsOf({ redisCaFile: ca = '', redisCertFile: cert = '', redisKeyFile: key = '' }: RedisFiles): TlsOptions {
  return {
    ...(ca !== '' && { ca: textOf('redis_ca_file', ca) }),
    ...(cert !== '' && { cert: textOf('redis_cert_file', cert) }),
    ...(key !== '' && { key: textOf('redis_key_file', key) }),
  };
}

function textOf(field: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${field}: ${messageOf(error)}`, { field, remedy: 'name a file that this process may read' });
  }
}

/** One line; the end of the line is not part of it. */
function secretIn(field: string, path = ''): string {
  if (path === '') return '';
  const secret = textOf(field, path).replace(/\r?\n$/, '');
  if (secret === '' || secret.includes('\n')) {
    throw new ConfigError(`${field}: ${path} has ${secret === '' ? 'no' : 'more than one'} line`, {
      field,
      remedy: 'put the password there, and nothing else',
    });
  }
  return secret;
}
