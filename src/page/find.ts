/** What Ctrl K finds: nodes, indexes and their shards, moves, plans. */
import type { IndexAnswer, MoveAnswer, NodeAnswer, PlanAnswer } from './answers.ts';
import type { Place } from './hash-route.ts';
import { activityOf } from './move-steps.ts';
import { nodeStateText } from './node-rows.ts';
import { stateText, whyText } from './plan-progress.ts';

export interface Found {
  readonly label: string;
  readonly about: string;
  readonly place: Place;
}

export interface Findable {
  readonly nodes: readonly NodeAnswer[];
  readonly indexes: readonly IndexAnswer[];
  readonly moves: readonly MoveAnswer[];
  readonly plans: readonly PlanAnswer[];
}

const SHOWN = 12;

export function find(asked: string, { nodes, indexes, moves, plans }: Findable): readonly Found[] {
  const words = asked
    .trim()
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const shard = shardOf(asked.trim(), indexes);
  const all: Found[] = [
    ...nodes.map((node): Found => ({
      label: node.id,
      about: `node, ${nodeStateText(node)} ${node.url ?? ''}`,
      place: { kind: 'node', id: node.id },
    })),
    ...plans.map((plan): Found => ({
      label: plan.id,
      about: `plan, ${stateText(plan)}: ${whyText(plan.why)}`,
      place: { kind: 'plan', id: plan.id },
    })),
    ...moves.map((move): Found => ({
      label: `${move.index}/${move.shard} ${move.source}→${move.target}`,
      about: `move, ${activityOf(move)} ${move.id}`,
      place: { kind: 'move', id: move.id },
    })),
  ];
  const fits = all.filter(({ label, about }) =>
    words.every((word) => `${label} ${about}`.toLowerCase().includes(word)),
  );
  // What is called just so comes first.
  const rank = ({ label }: Found): number => (label.toLowerCase().startsWith(words[0] ?? '') ? 0 : 1);
  return [...shard, ...fits.sort((a, b) => rank(a) - rank(b))].slice(0, SHOWN);
}

/** `cities/17`, or `17` where there is one index. */
function shardOf(asked: string, indexes: readonly IndexAnswer[]): readonly Found[] {
  const [, name = '', number = ''] = /^(?:(.+)\/)?(\d+)$/.exec(asked) ?? [];
  if (number === '') return [];
  const shard = Number(number);
  return indexes
    .filter(({ uid, shards }) => (name === '' ? indexes.length === 1 : uid === name) && shard < shards)
    .map(({ uid }) => ({ label: `${uid}/${shard}`, about: 'shard', place: { kind: 'shard', index: uid, shard } }));
}
