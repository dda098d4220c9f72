/** Keys of how Redis is reached. A part of the table. */
import { z } from 'zod';
import { flag, key } from './key.ts';
import { readRedisUrl } from './redis-url.ts';

const redisUrl = z.string().superRefine((text, context) => {
  const read = readRedisUrl(text);
  if ('problem' in read) context.addIssue({ code: 'custom', message: read.problem });
});

export const REDIS_KEYS = {
  redis_url: key(
    redisUrl,
    'redis://127.0.0.1:6379',
    'URL: redis://, redis+sentinel:// or redis+cluster://; rediss… with TLS',
    'one Redis holds records and queue; docs/operations.md has the forms',
  ),
  redis_password_file: key(
    z.string(),
    '',
    'file',
    'password of the user in redis_url, so that it stands in no variable and no command line',
  ),
  redis_ca_file: key(z.string(), '', 'PEM file', 'who signed Redis’ certificate; without it whom Node trusts'),
  redis_cert_file: key(z.string(), '', 'PEM file', 'certificate of ours, for a Redis that asks for one'),
  redis_key_file: key(z.string(), '', 'PEM file', 'the private key of redis_cert_file'),
  redis_sentinel_user: key(z.string(), '', 'name', 'user at the sentinels, who have users of their own'),
  redis_sentinel_password_file: key(z.string(), '', 'file', 'password at the sentinels; without it none is sent'),
  allow_volatile_redis: key(
    flag,
    false,
    'boolean',
    'without AOF a restart forgets moves, and sentinels may leave two masters; only for throw-away fleets',
  ),
} as const;

type RedisKey = keyof typeof REDIS_KEYS;

/** What the keys say against each other, one text each: which key, and what to do. */
export function redisProblems(value: (name: RedisKey) => unknown): string[] {
  const text = (name: RedisKey): string => String(value(name));
  const given = (name: RedisKey): boolean => text(name) !== '';
  const url = readRedisUrl(text('redis_url'));
  if ('problem' in url) return [];
  const problems: string[] = [];
  if (url.password !== '' && given('redis_password_file'))
    problems.push('redis_password_file: redis_url has a password, too; take one of them out');
  for (const name of ['redis_ca_file', 'redis_cert_file', 'redis_key_file'] as const) {
    if (given(name) && !url.isTls)
      problems.push(`${name}: redis_url is without TLS; begin it with rediss, or leave this out`);
  }
  if (given('redis_cert_file') !== given('redis_key_file')) {
    const [has, lacks] = given('redis_cert_file')
      ? ['redis_cert_file', 'redis_key_file']
      : ['redis_key_file', 'redis_cert_file'];
    problems.push(`${lacks}: ${has} is of no use without it; give both or none`);
  }
  for (const name of ['redis_sentinel_user', 'redis_sentinel_password_file'] as const) {
    if (given(name) && url.kind !== 'sentinel')
      problems.push(`${name}: redis_url names no sentinels; write redis+sentinel://…, or leave this out`);
  }
  if (given('redis_sentinel_user') && !given('redis_sentinel_password_file'))
    problems.push('redis_sentinel_password_file: redis_sentinel_user needs a password; name its file');
  return problems;
}
