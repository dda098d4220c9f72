/** Finds the route of a path. A fixed part comes before a parameter, and keeps the path even for other methods. */
import type { Route } from './call.ts';

interface Place {
  readonly fixed: Map<string, Place>;
  parameter: { readonly name: string; readonly place: Place } | null;
  readonly routes: Map<string, Route>;
}

const newPlace = (): Place => ({ fixed: new Map(), parameter: null, routes: new Map() });

export interface Match {
  /** Null: the path is known, the method is not; `allowed` are those that are. */
  readonly route: Route | null;
  readonly allowed: readonly string[];
  readonly params: Readonly<Record<string, string>>;
}

/** What cannot be decoded is taken as it stands, as a node does. */
function decoded(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part;
    throw error;
  }
}

export class RouteTable {
  readonly #root = newPlace();

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route);
  }

  #add(route: Route): void {
    let place = this.#root;
    for (const part of route.path.split('/').slice(1)) {
      if (part.startsWith(':')) {
        place.parameter ??= { name: part.slice(1), place: newPlace() };
        place = place.parameter.place;
      } else {
        const next = place.fixed.get(part) ?? newPlace();
        place.fixed.set(part, next);
        place = next;
      }
    }
    if (place.routes.has(route.method)) throw new Error(`two routes for ${route.method} ${route.path}`);
    place.routes.set(route.method, route);
  }

  /** Null: there is no such path. A slash at the end does not count. */
  match(method: string, path: string): Match | null {
    const params: Record<string, string> = {};
    let place = this.#root;
    for (const raw of path.replace(/\/$/, '').split('/').slice(1)) {
      const part = decoded(raw);
      const fixed = place.fixed.get(part);
      if (fixed === undefined && place.parameter === null) return null;
      if (fixed === undefined && place.parameter !== null) {
        params[place.parameter.name] = part;
        place = place.parameter.place;
      } else place = fixed ?? place;
    }
    if (place.routes.size === 0) return null;
    const route = place.routes.get(method === 'HEAD' ? 'GET' : method) ?? null;
    return { route, allowed: [...place.routes.keys()], params };
  }
}
