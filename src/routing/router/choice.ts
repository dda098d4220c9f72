/** What the route of a shard asks of a write before it may be sent: pure, so that it can be tested state by state. */
import type { ShardRoute } from '../../core/routing.ts';

/** `ids`: documents by their ids; `filter`: a delete by filter, which stands for the whole shard (R6). */
export type PartKind = 'ids' | 'filter';

export type Step =
  /** Not now: the switch of the shard is under way (R4), or it settles and the write is a filter (R6). */
  | { readonly kind: 'wait'; readonly why: 'held' | 'settling' }
  | {
      readonly kind: 'send';
      /** Script call before it is sent: note the ids (R3), raise the count (R6), or look the ids up (R4). */
      readonly journal: 'append' | 'raise' | 'lookUp' | 'none';
      /** Writes to one id go one after the other (R9), and deletes leave tombstones. */
      readonly turn: boolean;
    };

export function stepOf(route: ShardRoute, kind: PartKind): Step {
  // One that left may come back with its copy: what was deleted since has to have a tombstone, which the end of a turn keeps.
  const turn = route.owners.length > 1 || route.staying === true || route.left !== undefined;
  switch (route.state) {
    case 'held':
      return { kind: 'wait', why: 'held' };
    case 'settling':
      return kind === 'filter' ? { kind: 'wait', why: 'settling' } : { kind: 'send', journal: 'lookUp', turn };
    case 'tracking':
      return { kind: 'send', journal: kind === 'filter' ? 'raise' : 'append', turn };
    case 'stable':
    case 'settled':
      return { kind: 'send', journal: 'none', turn };
  }
}

/** Whether two routes name the same owners, in whatever order (R8). */
export function sameOwners(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((owner) => b.includes(owner));
}
