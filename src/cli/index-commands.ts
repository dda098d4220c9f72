/** `miroir index …` */
import type { Command } from 'commander';
import { deleteIndex, showDeletion } from '../control/index-delete.ts';
import { addIndex, listIndexes, showIndex, type IndexView } from '../control/indexes.ts';
import { thawShards } from '../control/shard-thaw.ts';
import { addAdoptCommand } from './adopt-command.ts';
import { globalsOf, withControl } from './context.ts';
import { print, say, tableText } from './output.ts';
import { list, whole, wholes } from './values.ts';

interface CreateFlags {
  readonly primaryKey: string;
  readonly shards: number;
  readonly replicationFactor: number;
  readonly groups?: number[];
  readonly searchable?: string[];
}

const copiesText = ({ copies }: IndexView): string =>
  Object.entries(copies)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([node, count]) => `${node}:${count}`)
    .join(' ');

export function addIndexCommands(program: Command): void {
  const index = program.command('index').description('create, take over, list, show and delete indexes');
  addAdoptCommand(index);

  index
    .command('create <uid>')
    .description('create an index on the nodes that will own it, and register it')
    .option('--primary-key <field>', 'field with the ids of the documents', 'id')
    .option('--shards <count>', 'parts that move one by one; fixed for the life of the index', whole, 64)
    .option('--replication-factor <count>', 'copies within each replica group', whole, 1)
    .option('--groups <numbers>', 'replica groups, e.g. 0,1; default: all', wholes)
    .option('--searchable <fields>', 'searchable attributes, so that our own fields are not searched', list)
    .addHelpText(
      'after',
      '\nExample:\n  miroir index create cities --primary-key id --shards 64 --searchable name,country',
    )
    .action(async (uid: string, flags: CreateFlags, command: Command) => {
      const { primaryKey, shards, replicationFactor, groups, searchable } = flags;
      const entry = await withControl(command, (control) =>
        addIndex(control, {
          uid,
          primaryKey,
          shards,
          replicationFactor,
          ...(groups === undefined ? {} : { groups }),
          ...(searchable === undefined ? {} : { searchableAttributes: searchable }),
        }),
      );
      print(globalsOf(command).output, entry, () =>
        tableText(
          ['index', 'primary key', 'shards', 'rf', 'groups'],
          [[entry.uid, entry.primaryKey, entry.shards, entry.replicationFactor, entry.groups.join(',')]],
        ),
      );
    });

  index
    .command('list')
    .description('all indexes')
    .addHelpText('after', '\nExample:\n  miroir index list -o ndjson')
    .action(async (_flags: object, command: Command) => {
      const views = await withControl(command, listIndexes);
      print(globalsOf(command).output, views, () =>
        tableText(
          ['index', 'primary key', 'shards', 'rf', 'groups', 'moving', 'epoch', 'copies'],
          views.map((view) => [
            view.uid,
            view.primaryKey,
            view.shards,
            view.replicationFactor,
            view.groups.join(','),
            view.moving,
            view.epoch,
            copiesText(view),
          ]),
        ),
      );
    });

  index
    .command('show <uid>')
    .description('the shards of an index: state, owners, readers')
    .addHelpText('after', '\nExample:\n  miroir index show cities')
    .action(async (uid: string, _flags: object, command: Command) => {
      const view = await withControl(command, (control) => showIndex(control, uid));
      print(globalsOf(command).output, view, () =>
        tableText(
          ['shard', 'state', 'owners', 'readers', 'move', 'epoch'],
          view.routes.map(({ shard, state, owners, readers, moveId = null, epoch, frozen }) => [
            shard,
            frozen === true ? 'frozen' : state,
            owners.join(','),
            readers.join(','),
            moveId,
            epoch,
          ]),
        ),
      );
    });

  index
    .command('delete <uid>')
    .description('delete an index with all its documents; without --yes it only shows what would go')
    .option('--yes', 'nobody needs it any more')
    .addHelpText('after', '\nExample:\n  miroir index delete cities --yes')
    .action(async (uid: string, flags: { yes?: true }, command: Command) => {
      const isSure = flags.yes === true;
      const view = await withControl(command, (control) =>
        isSure ? deleteIndex(control, uid) : showDeletion(control, uid),
      );
      if (!isSure) say('nothing is changed without --yes');
      print(globalsOf(command).output, view, () =>
        tableText(['index', 'state', 'shards', 'nodes'], [[view.index, view.state, view.shards, view.nodes.join(',')]]),
      );
    });

  index
    .command('thaw <uid>')
    .argument('[shard]', 'number of the shard; all of the index that are frozen without it', whole)
    .description('let moves touch shards again that were frozen because Redis had lost writes')
    .option('--yes', 'the copies were compared: what only another node has may be deleted')
    .addHelpText('after', '\nExamples:\n  miroir index thaw cities\n  miroir index thaw cities 17 --yes')
    .action(async (uid: string, shard: number | undefined, flags: { yes?: true }, command: Command) => {
      const views = await withControl(command, (control) =>
        thawShards(control, uid, shard ?? null, flags.yes === true),
      );
      if (views.some(({ frozen }) => frozen)) say('nothing is changed without --yes');
      print(globalsOf(command).output, views, () =>
        tableText(
          ['index', 'shard', 'owners', 'also on', 'frozen'],
          views.map((view) => [
            uid,
            view.shard,
            view.owners.join(','),
            view.others.join(',') || null,
            String(view.frozen),
          ]),
        ),
      );
    });
}
