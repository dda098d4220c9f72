/**
 * API keys of our own, as gateway and control API keep them: a salted hash of each, with its name and until when it
 * holds. A key is 32 random bytes, so one hash is enough, and cheap enough for every request.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

const SECRET_BYTES = 32;
const HASH_BYTES = 32;
const SALT_BYTES = 16;
const ID_BYTES = 8;
/** `mk_<id>_<secret>`: found by its id, known by the whole. */
const TOKEN = /^mk_([0-9a-f]{16})_[\w-]{43}$/;

/** What every entry of a key file has; each edge adds what its keys may do. */
export const SECRET_FIELDS = {
  id: z.string().regex(/^[0-9a-f]{16}$/, 'is no id of a key'),
  name: z.string().max(200),
  salt: z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 hexadecimal digits'),
  hash: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
  expiresAt: z.iso.datetime({ offset: true }).nullable(),
};
export type SecretEntry = Readonly<z.infer<z.ZodObject<typeof SECRET_FIELDS>>>;

const hashOf = (salt: string, token: string): Buffer => createHash('sha256').update(salt).update(token).digest();

/** A new key and what an entry keeps of it. The key itself is nowhere but in this answer. */
export function newSecret(): { readonly key: string } & Pick<SecretEntry, 'id' | 'salt' | 'hash'> {
  const id = randomBytes(ID_BYTES).toString('hex');
  const key = `mk_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const salt = randomBytes(SALT_BYTES).toString('hex');
  return { key, id, salt, hash: hashOf(salt, key).toString('hex') };
}

interface Known<T> {
  readonly salt: string;
  readonly hash: Buffer;
  readonly expiresMs: number;
  readonly value: T | null;
}

/** What an unknown id is compared with, so that it takes as long as a known one. */
const NOBODY: Known<never> = { salt: '', hash: Buffer.alloc(HASH_BYTES), expiresMs: 0, value: null };

/** Finds what a key stands for; null for one that is unknown, wrong or over. Takes the same time for all of them. */
export function createLookup<E extends SecretEntry, T>(
  entries: readonly E[],
  valueOf: (entry: E) => T,
  now: () => number,
): (token: string) => T | null {
  const known = new Map<string, Known<T>>(
    entries.map((entry) => [
      entry.id,
      {
        salt: entry.salt,
        hash: Buffer.from(entry.hash, 'hex'),
        expiresMs: entry.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(entry.expiresAt),
        value: valueOf(entry),
      },
    ]),
  );
  return (token) => {
    const id = TOKEN.exec(token)?.[1];
    const found: Known<T> = (id === undefined ? undefined : known.get(id)) ?? NOBODY;
    const isRight = timingSafeEqual(hashOf(found.salt, id === undefined ? '' : token), found.hash);
    return isRight && now() < found.expiresMs ? found.value : null;
  };
}
