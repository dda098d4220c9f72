/** API keys of the gateway's own, and what each may do. */
import { z } from 'zod';
import type { KeyFileKind } from '../access/key-file.ts';
import { createLookup, newSecret, SECRET_FIELDS } from '../access/secrets.ts';
import { InvalidInputError } from '../errors.ts';
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

const INDEX_PATTERN = /^(?:\*|[A-Za-z0-9_-]{1,400}\*?)$/;

const isAction = (pattern: string): boolean => ACTIONS.some((action) => coversAction(pattern, action));

const KEY = z.strictObject({
  ...SECRET_FIELDS,
  actions: z.array(z.string().refine(isAction, 'is no action that the gateway knows')).min(1),
  indexes: z.array(z.string().regex(INDEX_PATTERN, 'is no index, no prefix with a star, and no star')).min(1),
});
export type KeyEntry = Readonly<z.infer<typeof KEY>>;

export interface KeyWish {
  readonly name?: string;
  readonly actions: readonly string[];
  readonly indexes: readonly string[];
  readonly expiresAt?: string;
}

/** A new key and its entry. The key itself is nowhere but in this answer. */
export function newKey(wish: KeyWish): { readonly key: string; readonly entry: KeyEntry } {
  const { key, ...secret } = newSecret();
  const result = KEY.safeParse({
    ...secret,
    name: wish.name ?? '',
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

export const invalidKey = (): never => refuse('invalid_api_key', 'The provided API key is invalid.');

export function createKeys(entries: readonly KeyEntry[], now: () => number): Keys {
  const find = createLookup(entries, accessOf, now);
  return {
    authorize(header, action) {
      if (header !== 'Bearer' && header?.startsWith('Bearer ') !== true) {
        const rule = 'It must use the bearer authorization method.';
        return refuse('missing_authorization_header', `The Authorization header is missing. ${rule}`);
      }
      const access = find(header.slice('Bearer '.length));
      return access?.allowsAction(action) === true ? access : invalidKey();
    },
  };
}

export const KEY_FILE: KeyFileKind<KeyEntry, Keys> = {
  server: 'gateway',
  field: 'gateway_keys_file',
  hostVariable: 'MIROIR_GATEWAY_HOST',
  command: 'miroir gateway-key',
  entry: KEY,
  keysOf: (entries) => createKeys(entries, Date.now),
  openToAll: { authorize: () => EVERYTHING },
};
