// Runs a script of ours at a time that the test chooses: Redis has no settable clock, but a script asks for it by TIME or INFO.
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

const FOLDER = new URL('../../src/redis/lua/', import.meta.url);

export const luaSource = (name: string): string => readFileSync(new URL(`${name}.lua`, FOLDER), 'utf8');

const whole = (name: string): string =>
  luaSource(name).replace(/^-- @include (\S+)$/gm, (_, part: string) => luaSource(`include/${part}`));

/** The script's reply as texts, run as if Redis' clock showed `atMs`. */
export async function runAt(
  redis: Redis,
  name: string,
  atMs: number,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<string[]> {
  const time = `{ '${Math.floor(atMs / 1_000)}', '${(atMs % 1_000) * 1_000}' }`;
  const info = `string.gsub(real.call(command, ...), 'server_time_usec:%d+', 'server_time_usec:${atMs * 1_000}')`;
  const source = [
    'local real = redis',
    'local redis = { call = function(command, ...)',
    `  if command == 'TIME' then return ${time} end`,
    `  if command == 'INFO' then return (${info}) end`,
    '  return real.call(command, ...)',
    'end }',
    whole(name),
  ].join('\n');
  const reply: unknown = await redis.eval(source, keys.length, ...keys, ...args);
  return Array.isArray(reply) ? reply.map(String) : [String(reply)];
}
