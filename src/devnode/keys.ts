import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';

import { ApiError } from './errors.ts';

/** An API key; times in milliseconds since the epoch. */
export interface ApiKey {
  readonly uid: string;
  name: string | null;
  description: string | null;
  readonly actions: readonly string[];
  readonly indexes: readonly string[];
  readonly expiresAt: number | null;
  readonly createdAt: number;
  updatedAt: number;
}

/** What a request may do. */
export interface Access {
  /** Whether the key's index patterns cover an index. */
  allowsIndex(uid: string): boolean;
  allowsAction(action: string): boolean;
  /** Null when every index is allowed. */
  readonly indexPatterns: readonly string[] | null;
}

const EVERYTHING: Access = { allowsIndex: () => true, allowsAction: () => true, indexPatterns: null };

/** The keys of a node; without a master key everything is open. */
export class KeyStore {
  readonly masterKey: string | null;
  private readonly keys = new Map<string, ApiKey>();
  /** By the key's text; deriving it costs a hash, so not at every request. */
  private readonly byText = new Map<string, ApiKey>();

  constructor(masterKey: string | null, at: number) {
    this.masterKey = masterKey;
    if (masterKey === null) return;
    const add = (name: string, description: string, actions: string[]): void =>
      this.put({
        uid: randomUUID(),
        name,
        description,
        actions,
        indexes: ['*'],
        expiresAt: null,
        createdAt: at,
        updatedAt: at,
      });
    add('Default Search API Key', 'Use it to search from the frontend', ['search']);
    add(
      'Default Admin API Key',
      'Use it for anything that is not a search operation. Caution! Do not expose it on a public frontend',
      ['*'],
    );
    add(
      'Default Read-Only Admin API Key',
      'Use it to read information across the whole database. Caution! Do not expose this key on a public frontend',
      ['*.get', 'keys.get'],
    );
    add('Default Chat API Key', 'Use it to chat and search from the frontend', ['chatCompletions', 'search']);
  }

  all(): ApiKey[] {
    return [...this.keys.values()];
  }

  load(keys: readonly ApiKey[]): void {
    if (this.masterKey === null) return;
    this.keys.clear();
    this.byText.clear();
    for (const key of keys) this.put(key);
  }

  put(key: ApiKey): void {
    this.keys.set(key.uid, key);
    this.byText.set(this.textOf(key), key);
  }

  delete(key: ApiKey): void {
    this.keys.delete(key.uid);
    this.byText.delete(this.textOf(key));
  }

  /** By uid or by the key itself. */
  find(uidOrText: string): ApiKey | undefined {
    return this.keys.get(uidOrText.toLowerCase()) ?? this.byText.get(uidOrText);
  }

  textOf(key: ApiKey): string {
    return createHmac('sha256', this.masterKey ?? '')
      .update(key.uid)
      .digest('hex');
  }

  /** Checks the header of a request for one action; throws the error it is refused with. */
  authorize(header: string | undefined, action: string): Access {
    if (this.masterKey === null) {
      if (!action.startsWith('keys.')) return EVERYTHING;
      throw new ApiError(
        'missing_master_key',
        'Meilisearch is running without a master key. To access this API endpoint, you must have set a master key at launch.',
      );
    }
    if (header !== 'Bearer' && !header?.startsWith('Bearer ')) {
      throw new ApiError(
        'missing_authorization_header',
        'The Authorization header is missing. It must use the bearer authorization method.',
      );
    }
    const token = header.slice('Bearer '.length);
    if (isSame(token, this.masterKey)) return EVERYTHING;
    const key = this.byText.get(token);
    if (!key || (key.expiresAt !== null && key.expiresAt <= Date.now())) throw invalidKey();
    const access = accessOf(key);
    if (!access.allowsAction(action)) throw invalidKey();
    return access;
  }
}

export function invalidKey(): ApiError {
  return new ApiError('invalid_api_key', 'The provided API key is invalid.');
}

/** Why constant time: only to behave like a careful server; nothing secret is kept here. */
function isSame(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function accessOf(key: ApiKey): Access {
  return {
    allowsAction: (action) => key.actions.some((granted) => coversAction(granted, action)),
    allowsIndex: (uid) => key.indexes.some((pattern) => coversIndex(pattern, uid)),
    indexPatterns: key.indexes.includes('*') ? null : key.indexes,
  };
}

function coversAction(granted: string, action: string): boolean {
  if (granted === action) return true;
  if (granted === '*') return true;
  if (granted === '*.get') return action.endsWith('.get') && !action.startsWith('keys.');
  return granted.endsWith('.*') && action.startsWith(granted.slice(0, -1));
}

function coversIndex(pattern: string, uid: string): boolean {
  return pattern.endsWith('*') ? uid.startsWith(pattern.slice(0, -1)) : pattern === uid;
}
