/**
 * The only way our records change: Lua scripts from files, loaded here once, run here, and their refusals turned into
 * errors here. Every run passes the failpoint, so the kill matrix covers a new write unasked.
 */
import { readFileSync, readdirSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { isNotNow } from '../core/redis-fault.ts';
import {
  ConflictError,
  IndexConflictError,
  InvariantError,
  type MiroirError,
  RedisUnreachableError,
  StaleFenceError,
  messageOf,
} from '../errors.ts';
import type { Failpoint } from '../ports.ts';

const FOLDER = new URL('./lua/', import.meta.url);

function load(name: string): string {
  const source = readFileSync(new URL(`${name}.lua`, FOLDER), 'utf8');
  return source.replace(/^-- @include (\S+)$/gm, (_, part: string) =>
    readFileSync(new URL(`include/${part}.lua`, FOLDER), 'utf8'),
  );
}

const SOURCES: ReadonlyMap<string, string> = new Map(
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.lua'))
    .map((file) => file.slice(0, -'.lua'.length))
    .map((name) => [name, load(name)]),
);

/** Scripts that only look; they pass no failpoint. */
const READS = new Set([
  'run-accepted',
  'leases-observe',
  'barrier',
  'observations-read',
  'turns-held',
  'passes-list',
  'tombstones-known',
  'changes-read',
  'epochs-read',
]);

/** A script's refusal: nothing was changed. `reason` is the script's word. */
export interface Refusal {
  readonly refused: string;
  readonly detail: string;
}

export type Reply = { readonly values: readonly string[] } | Refusal;

export interface Scripts {
  /** Runs a script; a refusal is a value, an unknown outcome throws `RedisUnreachableError`. */
  try(name: string, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply>;
  /** Runs a script; a refusal throws the error of the table below. */
  run(name: string, keys: readonly string[], args: readonly (string | number)[]): Promise<readonly string[]>;
}

/** One table from refusal to error. */
export function refusalError(name: string, { refused, detail }: Refusal): MiroirError {
  const details = { script: name, reason: refused, detail };
  switch (refused) {
    case 'fence':
    case 'server':
    case 'expired':
    case 'token':
    case 'backward':
      return new StaleFenceError(`${name} was refused: ${refused} ${detail}`.trim(), { details });
    case 'exists':
      return new IndexConflictError('the index is registered already', { field: 'index_uid', details });
    case 'conflict':
    case 'broadcast':
    case 'moving':
    case 'phase':
    case 'hold_over':
    case 'counted':
    case 'journal':
    case 'hold':
    case 'wish':
    case 'held':
    case 'source_full':
    case 'target_full':
      return new ConflictError(`${name} was refused: ${refused} ${detail}`.trim(), { details });
    default:
      return new InvariantError(`${name} was refused: ${refused} ${detail}`.trim(), { details });
  }
}

/** Replies are read as text everywhere: a fence would lose digits as a number. */
const texts = (reply: unknown): string[] => (Array.isArray(reply) ? reply.map(String) : [String(reply)]);

export function createScripts(
  redis: Redis,
  failpoint: Failpoint,
  onRefused: (reason: string) => void = () => undefined,
): Scripts {
  for (const [name, lua] of SOURCES) redis.defineCommand(name, { lua });
  const commands = redis as unknown as Record<string, (...args: (string | number)[]) => Promise<unknown>>;

  const execute = async (name: string, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> => {
    const command = commands[name];
    if (command === undefined) throw new InvariantError(`no script ${name}`);
    const point = `script:${name}`;
    if (!READS.has(name)) await failpoint.hit(point, 'before');
    let reply: string[];
    try {
      reply = texts(await command.call(redis, keys.length, ...keys, ...args));
    } catch (error) {
      if (error instanceof Error && error.name === 'ReplyError' && !isNotNow(error.message)) {
        throw new InvariantError(`script ${name} failed: ${error.message}`, { cause: error });
      }
      // No answer says nothing about whether it ran: callers read the records again.
      throw new RedisUnreachableError(`script ${name}: ${messageOf(error)}`, { cause: error });
    }
    if (!READS.has(name)) await failpoint.hit(point, 'after');
    if (reply[0] !== 'refused') return { values: reply };
    onRefused(reply[1] ?? '');
    return { refused: reply[1] ?? '', detail: reply[2] ?? '' };
  };

  return {
    try: execute,
    async run(name, keys, args) {
      const reply = await execute(name, keys, args);
      if ('refused' in reply) throw refusalError(name, reply);
      return reply.values;
    },
  };
}
