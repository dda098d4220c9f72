/** What decides whether a shard goes to a node, one by one: what `shard explain` shows. */
import { groupStateOf, mayHoldShards } from './groups.ts';
import { NODE_FULL } from './node-figures.ts';
import { assignShard } from './placement.ts';
import type { IndexEntry, ShardRoute } from './routing.ts';
import { isLeaving, mayOwn, type Topology, type TopologyNode } from './topology.ts';

export const DECIDERS = ['group', 'state', 'copy', 'placement', 'reach', 'disk', 'settings', 'places'] as const;
export type Decider = (typeof DECIDERS)[number];
export type DecisionWord = 'yes' | 'no' | 'throttle';

export interface Decision {
  readonly node: string;
  readonly group: number;
  readonly decider: Decider;
  /** `throttle`: not now, and by itself later. */
  readonly decision: DecisionWord;
  readonly why: string;
}

/** What a node showed when it was asked; null where it was not asked. */
export interface Candidate {
  /** Why it could not be asked; null: it answered. */
  readonly unreachable: string | null;
  readonly usedBytes: number | null;
  /** What its settings of the index lack of those that are desired, by name; null: it has no such index yet. */
  readonly lacking: readonly string[] | null;
  /** Moves that run into it. */
  readonly intoIt: number;
}

export interface DeciderInput {
  readonly topology: Topology;
  readonly entry: IndexEntry;
  readonly route: ShardRoute;
  readonly candidates: ReadonlyMap<string, Candidate>;
  /** Places of each node; and its room (bytes), 0 when that is not known. */
  readonly places: number;
  readonly nodeMaxBytes: number;
}

type Said = readonly [DecisionWord, string];

/** Every node of the groups that the index has copies in, best placed first, with each decider's word. */
export function decide(input: DeciderInput): Decision[] {
  const { topology, entry, route, candidates } = input;
  return entry.groups.flatMap((group) => {
    const nodes = topology.nodes.filter((node) => node.group === group && node.state !== 'removed');
    const able = nodes.filter(mayOwn).map(({ id }) => id);
    const ranked = assignShard({ shard: route.shard, nodes: able, replicationFactor: able.length });
    const rankOf = (id: string): number => ranked.indexOf(id);
    const order = (id: string): number => (rankOf(id) < 0 ? ranked.length : rankOf(id));
    return [...nodes]
      .sort((a, b) => order(a.id) - order(b.id) || (a.id < b.id ? -1 : 1))
      .flatMap((node) => {
        const said: Partial<Record<Decider, Said>> = {
          group: groupSays(topology, group),
          state: stateSays(node),
          copy: copySays(route, node.id),
          placement: placementSays(rankOf(node.id), ranked.length, entry.replicationFactor),
          ...candidateSays(input, node, candidates.get(node.id)),
        };
        return DECIDERS.flatMap((decider): Decision[] => {
          const word = said[decider];
          return word === undefined ? [] : [{ node: node.id, group, decider, decision: word[0], why: word[1] }];
        });
      });
  });
}

function groupSays(topology: Topology, group: number): Said {
  const state = groupStateOf(topology, group);
  return [mayHoldShards(topology, group) ? 'yes' : 'no', `group ${group} is ${state}`];
}

function stateSays(node: TopologyNode): Said {
  if (mayOwn(node)) return ['yes', `it is ${node.state}`];
  return ['no', isLeaving(node) ? 'it is drained: it gives its shards away' : `it is ${node.state}`];
}

function copySays({ owners, readers, left = [] }: ShardRoute, id: string): Said {
  if (owners.includes(id)) return ['yes', readers.includes(id) ? 'it owns the shard and is read' : 'it owns the shard'];
  return ['no', left.includes(id) ? 'it left the shard when it failed' : 'it does not own the shard'];
}

function placementSays(rank: number, of: number, copies: number): Said {
  if (rank < 0) return ['no', 'it is none of those that are ranked'];
  const place = `rank ${rank + 1} of ${of}`;
  return rank < copies
    ? ['yes', `${place}: the best ${copies} own it`]
    : ['no', `${place}: only the best ${copies} own it`];
}

function candidateSays(
  { places, nodeMaxBytes }: DeciderInput,
  { state }: TopologyNode,
  candidate: Candidate | undefined,
): Partial<Record<Decider, Said>> {
  if (candidate === undefined || state === 'failed') return {};
  const { unreachable, usedBytes, lacking, intoIt } = candidate;
  const room: Said = [intoIt < places ? 'yes' : 'throttle', `${intoIt} of ${places} moves run into it`];
  if (unreachable !== null) return { reach: ['no', unreachable], places: room };
  return {
    reach: ['yes', 'it answers'],
    ...(nodeMaxBytes === 0 || usedBytes === null ? {} : { disk: diskSays(usedBytes, nodeMaxBytes) }),
    settings: settingsSay(lacking),
    places: room,
  };
}

function diskSays(usedBytes: number, nodeMaxBytes: number): Said {
  const found = `${usedBytes} of ${nodeMaxBytes} bytes are used`;
  return [usedBytes > nodeMaxBytes * NODE_FULL ? 'no' : 'yes', found];
}

function settingsSay(lacking: readonly string[] | null): Said {
  if (lacking === null) return ['yes', 'it has no such index yet: a move gives it one'];
  if (lacking.length === 0) return ['yes', 'as they are desired'];
  return ['no', `other than desired: ${[...lacking].sort().join(', ')}`];
}
