/**
 * API keys of the gateway's own. The file holds a salted hash of each, with what it may do and until when; a key is
 * 32 random bytes, so one hash is enough, and cheap enough for every request.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { ConfigError, InvalidInputError } from '../errors.ts';
import { refuse } from './answers.ts';
import { ACTIONS } from './actions.ts';

/** What a request may do. */
export interface Access {
  allowsAction(action: string): boolean;
  allowsIndex(uid: string): boolean;
  /** Null when every index is allowed. */
  readonly indexPatterns: readonly string[] | null;
}

export interface Keys {
  /** Checks the header of a request for one action; throws the refusal. */
  authorize(header: string | undefined, action: string): Access;
}

const SECRET_BYTES = 32;
const HASH_BYTES = 32;
const ID_BYTES = 8;
/** `mk_<id>_<secret>`: found by its id, known by the whole. */
const TOKEN = /^mk_([0-9a-f]{16})_[\w-]{43}$/;
const INDEX_PATTERN = /^(?:\*|[A-Za-z0-9_-]{1,400}\*?)$/;

const isAction = (pattern: string): boolean => ACTIONS.some((action) => coversAction(pattern, action));

const KEY = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{16}$/, 'is no id of a key'),
  name: z.string().max(200),
  salt: z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 hexadecimal digits'),
  hash: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
  actions: z.array(z.string().refine(isAction, 'is no action that the gateway knows')).min(1),
  indexes: z.array(z.string().regex(INDEX_PATTERN, 'is no index, no prefix with a star, and no star')).min(1),
  expiresAt: z.iso.datetime({ offset: true }).nullable(),
});
export type KeyEntry = Readonly<z.infer<typeof KEY>>;

/** Limit: more keys than anybody writes by hand. */
const KEY_FILE = z.array(KEY).max(10_000);

/** The entries of a key file's text. Throws `ConfigError` that names the file and what is wrong, and no hash. */
export function readKeyFile(text: string, path: string): readonly KeyEntry[] {
  const wrong = (what: string): ConfigError =>
    new ConfigError(`gateway_keys_file: ${path}: ${what}`, {
      field: 'gateway_keys_file',
      remedy: 'the file is a JSON array of the entries that `miroir gateway-key` prints',
    });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    // The parser quotes what it stumbles over.
    if (error instanceof SyntaxError) throw wrong('is no JSON');
    throw error;
  }
  const result = KEY_FILE.safeParse(parsed);
  if (!result.success) {
    throw wrong(result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; '));
  }
  const ids = result.data.map(({ id }) => id);
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) throw wrong(`${twice} is there twice`);
  return result.data;
}

const hashOf = (salt: string, token: string): Buffer => createHash('sha256').update(salt).update(token).digest();

export interface KeyWish {
  readonly name?: string;
  readonly actions: readonly string[];
  readonly indexes: readonly string[];
  readonly expiresAt?: string;
}

/** A new key and its entry. The key itself is nowhere but in this answer. */
export function newKey(wish: KeyWish): { readonly key: string; readonly entry: KeyEntry } {
  const id = randomBytes(ID_BYTES).toString('hex');
  const key = `mk_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const salt = randomBytes(16).toString('hex');
  const result = KEY.safeParse({
    id,
    name: wish.name ?? '',
    salt,
    hash: hashOf(salt, key).toString('hex'),
    actions: wish.actions,
    indexes: wish.indexes,
    expiresAt: wish.expiresAt ?? null,
  });
  if (result.success) return { key, entry: result.data };
  const [issue] = result.error.issues;
  const [field = 'key', at] = issue?.path ?? [];
  const value =
    typeof at === 'number' ? ` ${String((wish as unknown as Record<string, string[]>)[String(field)]?.[at])}` : '';
  throw new InvalidInputError(`${String(field)}:${value} ${issue?.message}`, {
    field: String(field),
    remedy: `actions are ${ACTIONS.join(', ')}, or documents.* and the like, or *; times as in 2027-01-31T00:00:00Z`,
  });
}

function coversAction(pattern: string, action: string): boolean {
  if (pattern === action || pattern === '*') return true;
  if (pattern === '*.get') return action.endsWith('.get') && !action.startsWith('keys.');
  return pattern.endsWith('.*') && action.startsWith(pattern.slice(0, -1));
}

const coversIndex = (pattern: string, uid: string): boolean =>
  pattern.endsWith('*') ? uid.startsWith(pattern.slice(0, -1)) : pattern === uid;

function accessOf({ actions, indexes }: KeyEntry): Access {
  return {
    allowsAction: (action) => actions.some((pattern) => coversAction(pattern, action)),
    allowsIndex: (uid) => indexes.some((pattern) => coversIndex(pattern, uid)),
    indexPatterns: indexes.includes('*') ? null : indexes,
  };
}

const EVERYTHING: Access = { allowsAction: () => true, allowsIndex: () => true, indexPatterns: null };

/** Without a key file, which is for loopback only. */
export const OPEN_TO_ALL: Keys = { authorize: () => EVERYTHING };

export const invalidKey = (): never => refuse('invalid_api_key', 'The provided API key is invalid.');

interface KnownKey {
  readonly salt: string;
  readonly hash: Buffer;
  readonly expiresMs: number;
  readonly access: Access;
}

/** What an unknown id is compared with, so that it takes as long as a known one. */
const NOBODY: KnownKey = { salt: '', hash: Buffer.alloc(HASH_BYTES), expiresMs: 0, access: EVERYTHING };

export function createKeys(entries: readonly KeyEntry[], now: () => number): Keys {
  const known = new Map<string, KnownKey>(
    entries.map((entry) => [
      entry.id,
      {
        salt: entry.salt,
        hash: Buffer.from(entry.hash, 'hex'),
        expiresMs: entry.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(entry.expiresAt),
        access: accessOf(entry),
      },
    ]),
  );
  return {
    authorize(header, action) {
      if (header !== 'Bearer' && header?.startsWith('Bearer ') !== true) {
        const rule = 'It must use the bearer authorization method.';
        return refuse('missing_authorization_header', `The Authorization header is missing. ${rule}`);
      }
      const token = header.slice('Bearer '.length);
      const id = TOKEN.exec(token)?.[1];
      const found = (id === undefined ? undefined : known.get(id)) ?? NOBODY;
      const isRight = timingSafeEqual(hashOf(found.salt, id === undefined ? '' : token), found.hash);
      if (!isRight || found === NOBODY || now() >= found.expiresMs) return invalidKey();
      return found.access.allowsAction(action) ? found.access : invalidKey();
    },
  };
}
