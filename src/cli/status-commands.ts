/** `miroir status` */
import type { Command } from 'commander';
import { stageText } from '../core/plan-stage.ts';
import type { MoveView } from '../control/move-view.ts';
import { status, type Status } from '../control/status.ts';
import { paceText } from './eta-text.ts';
import { groupText, stateText } from './node-commands.ts';
import { colors, tableText } from './output.ts';
import { pauseText, RESUME_ALL } from './plan-text.ts';
import { show, withWatch, type WatchFlags } from './watch.ts';

/** Moves, and frozen shards, shown in a table; JSON has them all. */
const MOVES_SHOWN = 20;
/** Reasons why shards are blocked shown under the tables. */
const REASONS_SHOWN = 5;

export function addStatusCommands(program: Command): void {
  withWatch(program.command('status').description('nodes, plans and moves'))
    .addHelpText('after', '\nExamples:\n  miroir status\n  miroir status -w\n  miroir status -o json | jq .plans')
    .action(async (flags: WatchFlags, command: Command) => {
      await show(command, flags, status, statusText);
    });
}

function statusText(seen: Status): string {
  const { topologyVersion, nodes, paused, plans, blocked: blockedShards, moves, missed, former, frozen } = seen;
  const parts = [
    colors.bold(`topology version ${topologyVersion}`),
    ...(paused === null ? [] : [colors.yellow(`${pauseText(paused)}: go on with \`${RESUME_ALL}\``)]),
    tableText(
      ['node', 'group', 'state', 'shards', 'in', 'out', 'grace'],
      nodes.map((node) => [
        node.id,
        groupText(node),
        stateText(node),
        node.shards,
        node.movesIn,
        node.movesOut,
        node.inGrace,
      ]),
    ),
  ];
  if (plans.length > 0) {
    parts.push(
      '',
      tableText(
        ['plan', 'why', 'state', 'moves', 'settled', 'cleaned', 'cancelled', 'failed', 'documents', 'blocked'],
        plans.map(({ progress, blocked, ...plan }) => [
          plan.id,
          plan.why,
          stageText(plan.stage),
          progress.moves,
          progress.settled,
          progress.cleaned,
          progress.cancelled,
          progress.failed,
          progress.docsMigrated,
          blocked.length,
        ]),
      ),
    );
  }
  for (const plan of plans)
    if (plan.state === 'running') parts.push(`plan ${plan.id}: ${paceText(plan.progress, plan.held)}`);
  for (const line of blockedLines(blockedShards).slice(0, REASONS_SHOWN)) parts.push(colors.yellow(line));
  if (moves.length > 0) {
    const shown = moves.slice(0, MOVES_SHOWN);
    parts.push('', movesText(shown));
    if (moves.length > shown.length) parts.push(`… and ${moves.length - shown.length} more; -o json has them all`);
  }
  if (missed.length > 0) {
    const rows = missed.map((one) => [one.index, one.node, one.shards, one.entries - one.wholeShards, one.wholeShards]);
    parts.push('', tableText(['missed', 'by', 'shards', 'documents', 'whole shards'], rows));
  }
  if (former.length > 0) {
    const rows = former.map(({ index, node, shards }) => [index, node, shards]);
    parts.push('', tableText(['was left', 'by', 'shards'], rows));
  }
  if (frozen.length > 0) {
    const rows = frozen
      .slice(0, MOVES_SHOWN)
      .map(({ index, shard, owners, others }) => [`${index}/${shard}`, owners.join(','), others.join(',') || null]);
    parts.push('', tableText(['frozen', 'owners', 'also on'], rows));
    if (frozen.length > rows.length) parts.push(`… and ${frozen.length - rows.length} more; -o json has them all`);
  }
  return parts.join('\n');
}

/** By reason: most often one explains all. */
function blockedLines(blocked: Status['blocked']): string[] {
  const shards = new Map<string, string[]>();
  for (const { index, shard, reason } of blocked) {
    shards.set(reason, [...(shards.get(reason) ?? []), `${index}/${shard}`]);
  }
  return [...shards].map(([reason, [first, ...others]]) => {
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    return `blocked ${first}${more}: ${reason}`;
  });
}

export const movesText = (moves: readonly MoveView[]): string =>
  tableText(['move', 'from', 'to', 'why', 'phase', 'documents', 'note'], moves.map(moveRow));

const moveRow = (move: MoveView): string[] => [
  `${move.index}/${move.shard}`,
  move.source,
  move.target,
  move.reason,
  move.phase,
  move.documents === null ? '-' : `${move.docsMigrated}/${move.documents}`,
  move.note ?? '',
];
