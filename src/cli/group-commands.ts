/** `miroir group …` */
import { InvalidArgumentError, type Command } from 'commander';
import { listGroups, showGroup, type GroupView } from '../control/groups.ts';
import { tableText, type Cell } from './output.ts';
import { planned, withWait, type WaitFlags } from './planned.ts';
import { whole } from './values.ts';
import { show, withWatch, type WatchFlags } from './watch.ts';

interface NewNode {
  readonly node_id: string;
  readonly url: string;
  readonly api_key_ref?: string;
}

interface AddFlags extends WaitFlags {
  readonly node: readonly NewNode[];
}

/** `n4=http://host:7700`, or `n4=http://host:7700,key=NAME`; given once for each node. */
function nodeOption(text: string, before: readonly NewNode[] = []): NewNode[] {
  const [, id, url, key] = /^([^=]+)=([^,]+)(?:,key=(.+))?$/.exec(text) ?? [];
  if (id === undefined || url === undefined)
    throw new InvalidArgumentError('Give id=url: n4=http://127.0.0.1:7704, with ,key=<name> for its key.');
  return [...before, { node_id: id, url, ...(key === undefined ? {} : { api_key_ref: key }) }];
}

/** Read by the parser, which then says what is wrong with it. */
const NUMBER = ['<group>', 'its number', whole] as const;

const NONE: WaitFlags = { until: 'settled' };

export function addGroupCommands(program: Command): void {
  const group = program.command('group').description('add, activate, drain, remove and list replica groups');

  withWait(
    group
      .command('add')
      .argument(...NUMBER)
      .description('bring in a replica group: its nodes get a copy of every shard, and are read once these are equal'),
  )
    .requiredOption('--node <id=url>', 'a node of the group; once for each', nodeOption)
    .addHelpText(
      'after',
      '\nExample:\n  miroir group add 1 --node n4=http://127.0.0.1:7704 --node n5=http://127.0.0.1:7705,key=EAST --wait',
    )
    .action(async (id: number, flags: AddFlags, command: Command) => {
      await planned(command, flags, 'GroupAdded', { replica_group: id, nodes: flags.node });
    });

  withWatch(group.command('list').description('replica groups with their phase and how far they are'))
    .addHelpText('after', '\nExample:\n  miroir group list')
    .action(async (flags: WatchFlags, command: Command) => {
      await show(command, flags, listGroups, groupsText, (views) => views.map(wire));
    });

  withWatch(
    group
      .command('status')
      .argument(...NUMBER)
      .description('how far a replica group is'),
  )
    .addHelpText('after', '\nExample:\n  miroir group status 1 -w')
    .action(async (id: number, flags: WatchFlags, command: Command) => {
      await show(
        command,
        flags,
        (control) => showGroup(control, id),
        (view) => groupsText([view]),
        wire,
      );
    });

  group
    .command('activate')
    .argument(...NUMBER)
    .description('have a replica group read that has every copy, compared and equal; it happens by itself by default')
    .addHelpText('after', '\nExample:\n  miroir group activate 1')
    .action(async (id: number, _flags: object, command: Command) => {
      await planned(command, NONE, 'GroupActivated', { replica_group: id });
    });

  withWait(
    group
      .command('drain')
      .argument(...NUMBER)
      .description('take a replica group out of service: nobody reads it any more'),
  )
    .addHelpText('after', '\nExample:\n  miroir group drain 0 && miroir group status 0 && miroir group remove 0')
    .action(async (id: number, flags: WaitFlags, command: Command) => {
      await planned(command, flags, 'GroupDraining', { replica_group: id });
    });

  group
    .command('remove')
    .argument(...NUMBER)
    .description('take out a replica group that is drained and owns nothing; its nodes keep what they have')
    .option('--force', 'the first time drains it, the second time does not wait for the grace')
    .addHelpText('after', '\nExample:\n  miroir group remove 0')
    .action(async (id: number, flags: { readonly force?: true }, command: Command) => {
      await planned(command, NONE, 'GroupRemoved', { replica_group: id, force: flags.force === true });
    });
}

const timeText = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** As the original names what it answers. */
const wire = (view: GroupView): object => ({
  group_id: view.group,
  phase: view.phase,
  nodes: view.nodes,
  progress_percent: view.progressPercent,
  shards: { ...view.shards, compared: view.compared, owned: view.owned },
  started_at: view.startedAtMs,
  since: view.sinceMs,
  why: view.why,
});

/** Rows of a table of groups. */
export const groupsText = (views: readonly GroupView[]): string =>
  tableText(
    [
      'group',
      'phase',
      'nodes',
      'progress',
      'shards',
      'pending',
      'syncing',
      'complete',
      'failed',
      'compared',
      'owned',
      'started',
      'note',
    ],
    views.map((view): Cell[] => {
      // What it was synced to is given up then: its figures would tell of work that nobody does.
      const ofSync = <T>(cell: T): T | null => (view.phase === 'draining' ? null : cell);
      return [
        view.group,
        view.phase,
        view.nodes.join(',') || null,
        ofSync(`${view.progressPercent}%`),
        ofSync(view.shards.total),
        ofSync(view.shards.pending),
        ofSync(view.shards.syncing),
        ofSync(view.shards.complete),
        ofSync(view.shards.failed),
        ofSync(view.compared),
        view.owned,
        timeText(view.startedAtMs),
        view.why,
      ];
    }),
  );
