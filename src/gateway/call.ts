/** One request on its way to the router, and what handlers ask of it. */
import type { ClientAnswer, ReadOptions, Router, WriteOptions } from '../routing/api.ts';
import type { Action } from './actions.ts';
import { INDEX_UID_RULE, isIndexUid, nodeError, Refusal, refuse } from './answers.ts';
import type { Body } from './bodies.ts';
import type { Access } from './keys.ts';
import type { Collected } from './pieces.ts';

export interface Call {
  readonly params: Readonly<Record<string, string | undefined>>;
  /** The query string without its question mark. */
  readonly search: string;
  readonly access: Access;
  /** Fires when the client is gone, the call took too long, or the gateway ends. */
  readonly signal: AbortSignal;
  /** The client takes answers without the shards that nobody can serve. */
  readonly partial: boolean;
  /** The client wants nodes at this version of the index’s settings, or later. */
  readonly minSettingsVersion?: number;
  /** The media type, refused when it is none of these. */
  contentType<T extends string>(accepted: readonly T[]): T;
  /** Throws `BodyTooLarge` over its limit. */
  body(maxBytes: number): Promise<Body>;
  /** The same of documents, in pieces where they are many. */
  documents(maxBytes: number, isLines: boolean): Promise<Collected & { readonly bytes: number }>;
  /** What the router still holds of the body when its call has rejected: its room is given back only after that. */
  readonly onHeld: (over: Promise<unknown>) => void;
  readonly limits: { readonly documentsMaxBytes: number; readonly jsonMaxBytes: number };
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Parts that begin with a colon are parameters. */
  readonly path: string;
  /** What a key must be allowed to do; null for everybody. */
  readonly action: Action | null;
  readonly handle: (router: Router, call: Call) => Promise<ClientAnswer>;
}

/** The uid in the path; refused when it cannot be one. */
export function indexOf({ params }: Call): string {
  const uid = params['uid'] ?? '';
  return isIndexUid(uid) ? uid : refuse('invalid_index_uid', `\`${uid}\` ${INDEX_UID_RULE}`);
}

export const reading = ({ signal, partial, minSettingsVersion }: Call): ReadOptions =>
  minSettingsVersion === undefined ? { signal, partial } : { signal, partial, minSettingsVersion };

export const writing = ({ signal, onHeld }: Call, customMetadata?: string): WriteOptions =>
  customMetadata === undefined ? { signal, onHeld } : { signal, onHeld, customMetadata };

/** The client's own text, given back with its task; the one parameter of the write routes without a payload. */
export const METADATA = 'customMetadata';

export const malformedJson = (reason: string): Refusal =>
  new Refusal(nodeError('malformed_payload', `The json payload provided is malformed. \`${reason}\`.`));
