/** What is wrong with the fleet: failed nodes, and shards that cannot be served or brought where they belong. */
import type { Lacking, NodeAnswer, PlanAnswer, TopologyAnswer } from './answers.ts';
import { clockText, countText } from './format.ts';
import { isOver } from './plan-progress.ts';

/** Shards of an index that are blocked for one reason. */
export interface BlockedShards {
  readonly index: string;
  /** As far as they are told: the first ones. */
  readonly shards: readonly number[];
  readonly count: number;
  /** Nodes that it is about; empty where only the reason says so. */
  readonly nodes: readonly string[];
  readonly why: string;
  readonly sinceMs: number | null;
}

export const failedNodes = (topology: TopologyAnswer | null): readonly NodeAnswer[] =>
  topology?.nodes.filter(({ state }) => state === 'failed') ?? [];

export const shardCount = (count: number): string => `${countText(count)} ${count === 1 ? 'shard' : 'shards'}`;

const isNamed = ({ index, shards, count }: Lacking, of: PlanAnswer['blocked'][number]): boolean =>
  index === of.index && (shards.includes(of.shard) || count > shards.length);

/** As things are, and what open plans could not plan; a shard that is both counts once. */
export function blockedShards(topology: TopologyAnswer | null, plans: readonly PlanAnswer[]): readonly BlockedShards[] {
  const lacking = topology?.lacking ?? [];
  const failed = failedNodes(topology);
  const found = lacking.map((one): BlockedShards => {
    const nodes = failed.filter(({ id }) => one.nodes.includes(id));
    return {
      ...one,
      why: `${one.lack === 'every_copy' ? 'no copy answers' : 'too few copies'}: ${one.nodes.join(', ')} failed${
        one.lack === 'every_copy' ? '' : `, ${repairText(nodes)}`
      }`,
      sinceMs: nodes.flatMap(({ failedAtMs }) => failedAtMs ?? []).sort((a, b) => a - b)[0] ?? null,
    };
  });
  const planned = new Map<string, BlockedShards>();
  for (const plan of plans.filter((one) => !isOver(one))) {
    for (const blocked of plan.blocked) {
      const { index, shard, reason: why } = blocked;
      if (lacking.some((one) => isNamed(one, blocked))) continue;
      const known = planned.get(`${index} ${why}`) ?? {
        index,
        shards: [],
        count: 0,
        nodes: [],
        why,
        sinceMs: plan.createdAtMs,
      };
      if (known.shards.includes(shard)) continue;
      planned.set(`${index} ${why}`, { ...known, shards: [...known.shards, shard], count: known.count + 1 });
    }
  }
  return [...found, ...planned.values()];
}

/** When the copies of failed nodes are restored elsewhere. */
export function repairText(nodes: readonly NodeAnswer[]): string {
  const [atMs] = nodes.flatMap(({ repairAtMs }) => repairAtMs ?? []).sort((a, b) => a - b);
  return atMs === undefined ? 'and no other node takes them: add one' : `restored elsewhere from ${clockText(atMs)} on`;
}

export const sumOf = (blocked: readonly { readonly count: number }[]): number =>
  blocked.reduce((sum, { count }) => sum + count, 0);

/** All of it in half a line; null: nothing is wrong. */
export function alarmText(topology: TopologyAnswer | null, blocked: readonly BlockedShards[]): string | null {
  const failed = failedNodes(topology).map(({ id }) => id);
  const away = sumOf((topology?.lacking ?? []).filter(({ lack }) => lack === 'every_copy'));
  const others = sumOf(blocked) - away;
  return (
    [
      failed.length > 0 && `${failed.length > 3 ? `${failed.length} nodes` : failed.join(', ')} failed`,
      away > 0 && `${shardCount(away)} without a copy`,
      others > 0 && `${shardCount(others)} blocked`,
    ]
      .filter((part) => part !== false)
      .join(' · ') || null
  );
}
