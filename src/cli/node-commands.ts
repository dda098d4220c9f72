/** `miroir node …` */
import type { Command } from 'commander';
import { removeNode } from '../control/events.ts';
import { listNodes, type NodeView } from '../control/nodes.ts';
import { globalsOf, withControl } from './context.ts';
import { print, tableText } from './output.ts';
import { ANSWER_MS, planned, withWait, type WaitFlags } from './planned.ts';
import { dryRun, together } from './proposal-commands.ts';
import { whole } from './values.ts';
import { show, withWatch, type WatchFlags } from './watch.ts';

interface DryRunFlag {
  readonly dryRun?: true;
}

interface AddFlags extends WaitFlags, DryRunFlag {
  readonly url?: string;
  readonly group?: number;
  readonly apiKeyRef?: string;
  readonly index?: string;
}

interface FailFlags extends WaitFlags {
  readonly now?: true;
}

export function addNodeCommands(program: Command): void {
  const node = program.command('node').description('add, drain, fail, remove and list nodes');

  withWait(node.command('add <id>').description('bring a node in and move its share of the shards to it'))
    .option('--url <url>', 'where the node answers; needed for a node that is not known yet')
    .option('--group <number>', 'replica group; needed when there are several', whole)
    .option('--api-key-ref <name>', 'name of the key: MIROIR_NODE_KEY_<NAME>, or a file in keys_dir')
    .option('--index <uid>', 'plan for this index only')
    .option('--dry-run', 'show the plan, change nothing')
    .addHelpText('after', '\nExample:\n  miroir node add n4 --url http://127.0.0.1:7704 --wait --timeout 10m')
    .action(async (id: string, flags: AddFlags, command: Command) => {
      const data = {
        node_id: id,
        ...(flags.url === undefined ? {} : { url: flags.url }),
        ...(flags.group === undefined ? {} : { replica_group: flags.group }),
        ...(flags.apiKeyRef === undefined ? {} : { api_key_ref: flags.apiKeyRef }),
        ...(flags.index === undefined ? {} : { index_uid: flags.index }),
      };
      if (flags.dryRun) process.exitCode = await dryRun(command, { add: [data], drain: [] });
      else await planned(command, flags, 'NodeAdded', data);
    });

  withWait(
    node.command('drain <id...>').description('move every shard of a node to the others; of several in one plan'),
  )
    .option('--dry-run', 'show the plan, change nothing')
    .addHelpText(
      'after',
      `
Examples:
  miroir node drain n1 n2 --dry-run
  miroir node drain n1 --wait --until cleaned --timeout 30m && miroir node remove n1`,
    )
    .action(async (ids: readonly string[], flags: WaitFlags & DryRunFlag, command: Command) => {
      const [first = '', ...more] = ids;
      if (flags.dryRun) process.exitCode = await dryRun(command, { add: [], drain: ids });
      else if (more.length > 0) await together(command, { add: [], drain: ids }, flags);
      else await planned(command, flags, 'NodeDraining', { node_id: first });
    });

  withWait(
    node
      .command('fail <id>')
      .description(
        'say that a node is lost: its shards go on without it; their lost copies are restored elsewhere unless it comes back in time',
      ),
  )
    .option('--now', 'it does not come back: restore its copies at once')
    .addHelpText(
      'after',
      '\nExamples:\n  miroir node fail n2 --now --wait\n  miroir event send NodeRecovered --data \'{"node_id":"n2"}\'',
    )
    .action(async (id: string, flags: FailFlags, command: Command) => {
      await planned(command, flags, 'NodeFailed', { node_id: id, ...(flags.now ? { repair_now: true } : {}) });
    });

  node
    .command('remove <id>')
    .description('take a node out that is drained: it owns nothing, and no move needs it any more')
    .addHelpText('after', '\nExample:\n  miroir node remove n1')
    .action(async (id: string, _flags: object, command: Command) => {
      const outcome = await withControl(command, (control) => removeNode(control, id, { timeoutMs: ANSWER_MS }));
      print(globalsOf(command).output, { node: id, ...outcome }, () => `node ${id} is removed`);
    });

  withWatch(node.command('list').description('nodes with their state, copies of shards, and moves in and out'))
    .addHelpText('after', '\nExamples:\n  miroir node list\n  miroir node list -w')
    .action(async (flags: WatchFlags, command: Command) => {
      await show(command, flags, listNodes, nodesText);
    });
}

export const nodesText = (nodes: readonly NodeView[]): string =>
  tableText(
    ['node', 'group', 'state', 'shards', 'in', 'out', 'grace', 'url', 'note'],
    nodes.map((one) => [
      one.id,
      groupText(one),
      stateText(one),
      one.shards,
      one.movesIn,
      one.movesOut,
      one.inGrace,
      one.url,
      one.note,
    ]),
  );

/** A node's replica group, with the group's state unless it is active. */
export const groupText = ({ group, groupState }: Pick<NodeView, 'group' | 'groupState'>): string =>
  groupState === 'active' ? String(group) : `${group} (${groupState})`;

/** A node's state; for one that has failed also until when it may come back, for one that is back what it has lost. */
export function stateText(node: NodeView): string {
  const { repairAtMs, drainWished, lost } = node;
  const state = node.drained ? 'drained' : node.state;
  const repair = repairAtMs === null ? '' : `, repair begins at ${new Date(repairAtMs).toISOString()}`;
  const drain = drainWished ? ', to be drained' : '';
  return `${state}${drain}${repair}${lost === null ? '' : `, has lost data (${lost})`}`;
}
