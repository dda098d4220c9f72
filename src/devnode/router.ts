import type { IncomingMessage } from 'node:http';

import type { Access } from './keys.ts';
import type { DevNodeCore } from './node-core.ts';
import type { Query } from './query.ts';

export interface Reply {
  readonly status: number;
  /** JSON text; null for an answer without a body. */
  readonly body: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request on its way to its handler. */
export interface Context {
  readonly node: DevNodeCore;
  readonly request: IncomingMessage;
  readonly query: Query;
  readonly params: Readonly<Record<string, string>>;
  readonly access: Access;
  /** Set by a switch: the task that this request enqueues will fail with it. */
  readonly doom?: { readonly code: string; readonly message: string };
}

export type Handler = (context: Context) => Reply | Promise<Reply>;

export interface Route {
  readonly method: string;
  /** Parts of the path; those that begin with a colon are parameters. */
  readonly path: string;
  /** What a key must be allowed to do; null for everybody. */
  readonly action: string | null;
  /** Why: reads and searches share one bounded queue, as on a real node; everything else is never turned away. */
  readonly isQueued?: boolean;
  readonly handler: Handler;
}

export function json(status: number, value: unknown): Reply {
  return { status, body: JSON.stringify(value) };
}

export type Match =
  | { readonly kind: 'found'; readonly route: Route; readonly params: Record<string, string> }
  | { readonly kind: 'notAllowed'; readonly allowed: string }
  | { readonly kind: 'missing' };

interface Compiled {
  readonly parts: readonly string[];
  readonly route: Route;
}

/** Finds the route of a request; fixed parts win over parameters. */
export class Router {
  private readonly byLength = new Map<number, Compiled[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const parts = route.path.split('/').slice(1);
      this.byLength.set(parts.length, [...(this.byLength.get(parts.length) ?? []), { parts, route }]);
    }
    const openness = ({ parts }: Compiled): number => parts.filter((part) => part.startsWith(':')).length;
    for (const compiled of this.byLength.values()) compiled.sort((a, b) => openness(a) - openness(b));
  }

  match(method: string, path: string): Match {
    const given = path.replace(/\/$/, '').split('/').slice(1).map(decode);
    const onPath: { route: Route; params: Record<string, string> }[] = [];
    for (const { parts, route } of this.byLength.get(given.length) ?? []) {
      const params = bind(parts, given);
      if (params) onPath.push({ route, params });
    }
    // A parameter must not catch the methods that a fixed path does not have.
    const best = onPath[0]?.route.path;
    const same = onPath.filter(({ route }) => route.path === best);
    const found = same.find(({ route }) => route.method === method) ?? (method === 'HEAD' ? same[0] : undefined);
    if (found) return { kind: 'found', ...found };
    if (same.length === 0) return { kind: 'missing' };
    return { kind: 'notAllowed', allowed: same.map(({ route }) => route.method).join(', ') };
  }
}

function bind(parts: readonly string[], given: readonly string[]): Record<string, string> | null {
  const params: Record<string, string> = {};
  for (const [i, part] of parts.entries()) {
    const text = given[i] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = text;
    else if (part !== text) return null;
  }
  return params;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part;
    throw error;
  }
}
