/** API keys of the control API's own: who somebody is, and what they may do. */
import { z } from 'zod';
import type { KeyFileKind } from '../access/key-file.ts';
import { createLookup, newSecret, SECRET_FIELDS } from '../access/secrets.ts';
import { InvalidInputError, KeyInvalidError, KeyMissingError, KeyScopeError } from '../errors.ts';

/** Each may do what those before it may: look; ask what a change would do; change what can be undone; everything. */
export const SCOPES = ['read', 'plan', 'operate', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface Principal {
  /** As the audit stream names who did it. */
  readonly actor: string;
  readonly scope: Scope;
}

export interface ApiKeys {
  /** Null: a request that carries none. Throws what is wrong with it. */
  authenticate(token: string | null): Principal;
}

const KEY = z.strictObject({
  ...SECRET_FIELDS,
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'must be 1 to 64 letters, digits, dots, dashes or @'),
  scope: z.enum(SCOPES, `must be one of ${SCOPES.join(', ')}`),
});
export type ApiKeyEntry = Readonly<z.infer<typeof KEY>>;

/** An old one holds on while users of it change over to the new one. */
const LIVE_MAX = 2;

function wrongTogether(entries: readonly ApiKeyEntry[]): string | null {
  const live = new Map<string, number>();
  for (const { name, expiresAt } of entries) {
    if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) continue;
    const count = (live.get(name) ?? 0) + 1;
    if (count > LIVE_MAX) return `${name} has more than ${LIVE_MAX} keys that hold: take an old one out`;
    live.set(name, count);
  }
  return null;
}

export function createApiKeys(entries: readonly ApiKeyEntry[], now: () => number): ApiKeys {
  const find = createLookup(entries, ({ name, scope }): Principal => ({ actor: `key:${name}`, scope }), now);
  return {
    authenticate(token) {
      if (token === null) {
        throw new KeyMissingError('there is no key in the request', {
          remedy: 'send `Authorization: Bearer <key>`; a browser asks for it as the password, with any name',
        });
      }
      const principal = find(token);
      if (principal !== null) return principal;
      throw new KeyInvalidError('the key is none of ours, or is over', {
        remedy: 'make one with `miroir api-key`, and put its entry into the file of MIROIR_API_KEYS_FILE',
      });
    },
  };
}

/** Who reaches loopback reaches Redis there, as a rule; see docs/decisions/0021. */
export const LOOPBACK: Principal = { actor: 'loopback', scope: 'admin' };

export const API_KEY_FILE: KeyFileKind<ApiKeyEntry, ApiKeys> = {
  server: 'control API',
  field: 'api_keys_file',
  hostVariable: 'MIROIR_API_HOST',
  command: 'miroir api-key',
  entry: KEY,
  wrongTogether,
  keysOf: (entries) => createApiKeys(entries, Date.now),
  openToAll: { authenticate: () => LOOPBACK },
};

export const mayDo = ({ scope }: Principal, needed: Scope): boolean => SCOPES.indexOf(scope) >= SCOPES.indexOf(needed);

export function assertMayDo(principal: Principal, needed: Scope): void {
  if (mayDo(principal, needed)) return;
  throw new KeyScopeError(`this key may ${principal.scope}, and this needs ${needed}`, {
    remedy: `use a key with the scope ${needed}`,
  });
}

export interface ApiKeyWish {
  readonly name: string;
  readonly scope: string;
  readonly expiresAt?: string;
}

/** A new key and its entry. The key itself is nowhere but in this answer. */
export function newApiKey({ name, scope, expiresAt }: ApiKeyWish): {
  readonly key: string;
  readonly entry: ApiKeyEntry;
} {
  const { key, ...secret } = newSecret();
  const result = KEY.safeParse({ ...secret, name, scope, expiresAt: expiresAt ?? null });
  if (result.success) return { key, entry: result.data };
  const [issue] = result.error.issues;
  const field = String(issue?.path[0] ?? 'key');
  throw new InvalidInputError(`${field}: ${issue?.message}`, {
    field,
    remedy: `give a name, one of ${SCOPES.join(', ')}, and maybe a time as in 2027-01-31T00:00:00Z`,
  });
}
