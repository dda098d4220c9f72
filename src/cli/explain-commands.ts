/** `miroir move explain`, `miroir shard explain`: why something is where it is. */
import type { Command } from 'commander';
import prettyMs from 'pretty-ms';
import { explainMove, explainShard, type MoveExplained, type ShardExplained } from '../control/explain.ts';
import type { Wait } from '../core/waits.ts';
import type { Control } from '../service.ts';
import { tableText } from './output.ts';
import { movesText } from './status-commands.ts';
import { whole } from './values.ts';
import { show, withWatch, type WatchFlags } from './watch.ts';

export function addMoveExplain(move: Command): void {
  withWatch(
    move
      .command('explain <move>')
      .description('why a move does not get on, since when, what unblocks it, and the facts behind that'),
  )
    .addHelpText('after', '\nExample:\n  miroir move explain p3f9c1a7d2e40-12-0-1f00ab3c')
    .action(async (id: string, flags: WatchFlags, command: Command) => {
      const look = (control: Control) => atNow(control, explainMove(control, id));
      await show(command, flags, look, moveText, shownOf);
    });
}

export function addShardCommands(program: Command): void {
  withWatch(
    program
      .command('shard')
      .description('look at one shard')
      .command('explain <index> <shard>')
      .description('owners and moves of a shard, and what decides about each node that could have it'),
  )
    .addHelpText('after', '\nExample:\n  miroir shard explain cities 12')
    .action(async (index: string, shard: string, flags: WatchFlags, command: Command) => {
      const number = whole(shard);
      const look = (control: Control) => atNow(control, explainShard(control, index, number));
      await show(command, flags, look, shardText, shownOf);
    });
}

interface AtNow<T> {
  readonly shown: T;
  /** Redis time: people are told how long ago things were. */
  readonly nowMs: number;
}

const atNow = async <T>({ records }: Control, looking: Promise<T>): Promise<AtNow<T>> => ({
  shown: await looking,
  nowMs: await records.nowMs(),
});
const shownOf = <T>({ shown }: AtNow<T>): T => shown;

const lengthText = (ms: number): string => prettyMs(Math.max(0, ms), { secondsDecimalDigits: 1, unitCount: 2 });

const waitLines = (waiting: Wait | null, nowMs: number): string[] =>
  waiting === null
    ? []
    : [`waits for ${lengthText(nowMs - waiting.sinceMs)}: ${waiting.text}`, `unblock: ${waiting.unblock}`];

const time = (atMs: number): string => new Date(atMs).toISOString();

function moveText({ shown, nowMs }: AtNow<MoveExplained>): string {
  const { index, shard, source, target, reason, plan, phase, outcome, route, journalIds, holder } = shown;
  const copied = shown.documents === null ? 'not counted yet' : `${shown.docsMigrated} of ${shown.documents} copied`;
  let beforeMs = shown.createdAtMs;
  const phases = shown.phases.map(({ phase: reached, atMs }) => {
    const after = atMs === null ? null : lengthText(atMs - beforeMs);
    beforeMs = atMs ?? beforeMs;
    return [reached, atMs === null ? null : time(atMs), reached === 'Idle' ? null : after];
  });
  const ended = outcome === null ? [] : [`ended ${outcome}${shown.note === null ? '' : `: ${shown.note}`}`];
  const waits = outcome === null && shown.waiting === null ? [`gets on, ${phase} was reached last`] : [];
  return [
    `${index}/${shard} ${source} → ${target} (${reason}), plan ${plan}`,
    ...ended,
    ...waits,
    ...waitLines(shown.waiting, nowMs),
    '',
    tableText(['phase', 'reached', 'after'], phases),
    '',
    `documents: ${copied}, ${shown.windowsVerified} windows verified, ${shown.differences} differences repaired`,
    `shard: ${routeText(route)}`,
    `journal: ${journalIds} ids to carry over`,
    `served by: ${holder ?? 'nobody'}`,
    '',
    tableText(
      ['node', 'as', 'moves out', 'moves in', 'oldest unfinished task'],
      shown.nodes.map((node) => [
        node.node,
        node.role,
        `${node.movesOut}/${shown.places}`,
        `${node.movesIn}/${shown.places}`,
        node.unreachable ?? taskText(node.oldestTask),
      ]),
    ),
    ...(shown.routers.length === 0 ? ['', 'no router is live'] : ['', routersText(shown)]),
  ].join('\n');
}

const routeText = ({ state, owners, readers, epoch }: MoveExplained['route']): string =>
  `${state} since epoch ${epoch}, owned by ${owners.join(',')}, read on ${readers.join(',') || 'none'}`;

const taskText = (task: MoveExplained['nodes'][number]['oldestTask']): string =>
  task === null ? 'none' : `${task.uid} ${task.type} ${task.status}, enqueued ${task.enqueuedAt}`;

const routersText = ({ routers, route }: MoveExplained): string =>
  tableText(
    ['router', 'acknowledged', `epoch ${route.epoch}`],
    routers.map(({ name, epoch, isUpToDate }) => [name, epoch, isUpToDate ? 'yes' : 'not yet']),
  );

function shardText({ shown, nowMs }: AtNow<ShardExplained>): string {
  const { index, shard, route, moves, decisions } = shown;
  let last = '';
  const rows = decisions.map(({ node, group, decider, decision, why }) => {
    const isFirst = node !== last;
    last = node;
    return [isFirst ? node : '', isFirst ? group : '', decider, decision, why];
  });
  const inMove = route.move === null ? '' : `, in move ${route.move}`;
  return [
    `${index}/${shard}: ${routeText(route)}${inMove}${route.frozen ? ', frozen' : ''}`,
    ...(moves.length === 0 ? ['no move of it is unfinished'] : ['', movesText(moves)]),
    ...moves.flatMap(({ waiting }) => waitLines(waiting, nowMs)),
    '',
    tableText(['node', 'group', 'decider', 'decision', 'why'], rows),
  ].join('\n');
}
