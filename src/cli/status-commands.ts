/** `miroir status` */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import pc from 'picocolors';
import { status, type MoveView, type Status, type StatusParts } from '../control/status.ts';
import { globalsOf, untilInterrupted, withControl } from './context.ts';
import { groupText, stateText } from './node-commands.ts';
import { print, say, tableText, type OutputFormat } from './output.ts';
import { pauseText, planStateText } from './plan-text.ts';

const EVERY_MS = 1_000;
/** Moves, and frozen shards, shown in a table; JSON has them all. */
const MOVES_SHOWN = 20;
/** Reasons why shards are blocked shown under the tables. */
const REASONS_SHOWN = 5;
const CLEAR = '\u001b[2J\u001b[H';
/** CI systems take colours for text; a terminal that wants none says so. */
const colors = pc.createColors(process.stdout.isTTY ? !process.env['NO_COLOR'] : false);

export function addStatusCommands(program: Command): void {
  program
    .command('status')
    .description('nodes, plans and moves')
    .option('-w, --watch', 'go on showing what changes until Ctrl-C')
    .addHelpText('after', '\nExamples:\n  miroir status\n  miroir status -w\n  miroir status -o json | jq .plans')
    .action(async (flags: { watch?: true }, command: Command) => {
      const { output } = globalsOf(command);
      await withControl(command, (control) =>
        flags.watch === undefined ? once(control, output) : watch(control, output),
      );
    });
}

async function once(control: StatusParts, output: OutputFormat): Promise<void> {
  const seen = await status(control);
  print(output, seen, () => statusText(seen));
}

/** Redraws a terminal; elsewhere prints again what has changed, JSON as one line each. */
async function watch(control: StatusParts, output: OutputFormat): Promise<void> {
  const { signal, stop } = untilInterrupted();
  let last = '';
  while (!signal.aborted) {
    const seen = await status(control);
    const text = output === 'json' ? JSON.stringify(seen) : statusText(seen);
    if (text !== last)
      process.stdout.write(output === 'table' && process.stdout.isTTY ? `${CLEAR}${text}\n` : `${text}\n`);
    last = text;
    try {
      await sleep(EVERY_MS, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
  stop();
  say('detached; the work goes on');
}

function statusText(seen: Status): string {
  const { topologyVersion, nodes, paused, plans, blocked: blockedShards, moves, missed, former, frozen } = seen;
  const parts = [
    colors.bold(`topology version ${topologyVersion}`),
    ...(paused === null ? [] : [colors.yellow(pauseText(paused))]),
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
          planStateText(plan),
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
