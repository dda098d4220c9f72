// What redis_url may say, what its neighbours may say beside it, and that no password is shown.
import { describe, expect, it } from 'vitest';
import { environmentOf, loadConfig, printableConfig } from '../../../src/config.ts';
import { readRedisUrl, redisKind, shownRedisUrl } from '../../../src/config/redis-url.ts';
import { ConfigError } from '../../../src/errors.ts';

const problems = (env: Record<string, string>): string => {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
};

describe('redis_url', () => {
  it.each([
    ['redis://127.0.0.1:6379', { kind: 'server', isTls: false, user: '', password: '', witnesses: [] }],
    ['rediss://user:p%40ss@host/3?family=6', { kind: 'server', isTls: true, user: 'user', password: 'p@ss' }],
    [
      'redis+sentinel://s1,s2:26380,[::1]:26381/main/2',
      {
        kind: 'sentinel',
        isTls: false,
        user: '',
        masterName: 'main',
        database: 2,
        witnesses: [
          { host: 's1', port: 26_379 },
          { host: 's2', port: 26_380 },
          { host: '::1', port: 26_381 },
        ],
      },
    ],
    [
      'REDISS+cluster://miroir:a:b%2Fc@n1.example:7000,n2',
      {
        kind: 'cluster',
        isTls: true,
        user: 'miroir',
        password: 'a:b/c',
        database: 0,
        witnesses: [
          { host: 'n1.example', port: 7_000 },
          { host: 'n2', port: 6_379 },
        ],
      },
    ],
    // The last @ ends the login, as in every URL.
    ['redis+cluster://:a@b@n1', { user: '', password: 'a@b', witnesses: [{ host: 'n1', port: 6_379 }] }],
  ])('%s', (url, parts) => {
    expect(readRedisUrl(url)).toMatchObject(parts);
    expect(problems({ MIROIR_REDIS_URL: url })).toBe('');
  });

  it.each([
    ['http://host', 'write redis://host:6379'],
    ['redis://', 'write redis://host:6379'],
    ['redis:secret@host', 'write redis://host:6379'],
    ['redis+sentinel://s1:26379', 'end it with /<master name>'],
    ['redis+sentinel://s1,,s2/main', 'not a list of hosts with ports: s1,,s2'],
    ['redis+sentinel://s1:70000/main', 'not a list of hosts with ports: s1:70000'],
    ['redis+sentinel://s1/main/x', 'not a database: x'],
    ['redis+sentinel://s1/main/1/2', 'not a database: 1/2'],
    ['redis+cluster://n1/2', 'a cluster has one database; leave out /2'],
    ['redis+cluster://u:secret%@n1', 'write %25 for the sign itself'],
  ])('%s is refused', (url, text) => {
    const said = problems({ MIROIR_REDIS_URL: url });
    expect(said).toContain(`MIROIR_REDIS_URL: `);
    expect(said).toContain(text);
    expect(said).not.toContain('secret');
  });

  it.each([
    ['redis://u:secret@h:1/2', 'redis://***@h:1/2'],
    ['redis://u:sec@ret@h', 'redis://***@h'],
    ['rediss+sentinel://u:secret@a:1,b:2/m', 'rediss+sentinel://***@a:1,b:2/m'],
    ['redis://h:1', 'redis://h:1'],
  ])('%s is shown without its login', (url, shown) => {
    expect(shownRedisUrl(url)).toBe(shown);
    expect(printableConfig(loadConfig({ MIROIR_REDIS_URL: url }))['redis_url']).toBe(shown);
  });

  it('says what kind it is', () => {
    expect(['redis://h', 'redis+sentinel://h/m', 'redis+cluster://h', 'nothing'].map(redisKind)).toEqual([
      'server',
      'sentinel',
      'cluster',
      'server',
    ]);
  });
});

describe('keys beside redis_url', () => {
  const tls = 'rediss://user@host';
  const sentinels = 'redis+sentinel://s1/main';
  it.each([
    [{ REDIS_URL: 'redis://u:p@h', REDIS_PASSWORD_FILE: '/f' }, 'redis_password_file: redis_url has a password, too'],
    [{ REDIS_URL: 'redis://h', REDIS_CA_FILE: '/f' }, 'redis_ca_file: redis_url is without TLS; begin it with rediss'],
    [{ REDIS_URL: tls, REDIS_CERT_FILE: '/f' }, 'redis_key_file: redis_cert_file is of no use without it'],
    [{ REDIS_URL: tls, REDIS_KEY_FILE: '/f' }, 'redis_cert_file: redis_key_file is of no use without it'],
    [{ REDIS_URL: tls, REDIS_SENTINEL_PASSWORD_FILE: '/f' }, 'redis_url names no sentinels'],
    [{ REDIS_URL: sentinels, REDIS_SENTINEL_USER: 'u' }, 'redis_sentinel_user needs a password; name its file'],
  ])('%o are refused together', (keys, text) => {
    const env = Object.fromEntries(Object.entries(keys).map(([name, value]) => [`MIROIR_${name}`, value]));
    expect(problems(env)).toContain(text);
  });

  it('reach child processes', () => {
    const env = {
      MIROIR_REDIS_URL: 'rediss+sentinel://miroir@s1,s2/main',
      MIROIR_REDIS_PASSWORD_FILE: '/p',
      MIROIR_REDIS_CA_FILE: '/ca',
      MIROIR_REDIS_CERT_FILE: '/cert',
      MIROIR_REDIS_KEY_FILE: '/key',
      MIROIR_REDIS_SENTINEL_USER: 'watcher',
      MIROIR_REDIS_SENTINEL_PASSWORD_FILE: '/s',
    };
    expect(environmentOf(loadConfig(env))).toMatchObject(env);
    expect(loadConfig(environmentOf(loadConfig(env)))).toEqual(loadConfig(env));
  });
});
