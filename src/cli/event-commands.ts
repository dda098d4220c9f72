/** `miroir event send` and `miroir where` */
import type { Command } from 'commander';
import { sendEvent } from '../control/events.ts';
import { where } from '../control/where.ts';
import { globalsOf, withControl } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { outcomeExit } from './follow.ts';
import { print, tableText } from './output.ts';
import { duration, json } from './values.ts';

interface SendFlags {
  readonly data: unknown;
  readonly wait?: true;
  readonly timeout: number;
}

export function addEventCommands(program: Command): void {
  program
    .command('event')
    .description('topology events, as other services send them')
    .command('send <name>')
    .description('put NodeAdded, NodeDraining, NodeFailed or NodeRecovered on the public queue')
    .requiredOption('--data <json>', 'fields of the event', json)
    .option('-w, --wait', 'wait until it is planned (not until shards have moved)')
    .option('--timeout <duration>', 'stop waiting after this', duration, 30_000)
    .addHelpText('after', `\nExample:\n  miroir event send NodeFailed --data '{"node_id":"n2"}' --wait`)
    .action(async (name: string, flags: SendFlags, command: Command) => {
      const wait = flags.wait === undefined ? null : { timeoutMs: flags.timeout };
      const { jobId, outcome } = await withControl(command, (control) => sendEvent(control, name, flags.data, wait));
      process.exitCode = outcome === null ? EXIT.ok : outcomeExit(outcome);
      print(globalsOf(command).output, { jobId, ...outcome }, () =>
        tableText(
          ['job', 'change', 'plan', 'moves', 'blocked'],
          [[jobId, outcome?.change ?? null, outcome?.plan ?? null, outcome?.moves ?? null, outcome?.blocked ?? null]],
        ),
      );
    });

  program
    .command('where <index> <id>')
    .description('where a document belongs: shard, slot, owners, readers, epoch')
    .addHelpText('after', '\nExample:\n  miroir where cities 3040132')
    .action(async (index: string, id: string, _flags: object, command: Command) => {
      const found = await withControl(command, (control) => where(control, index, id));
      print(globalsOf(command).output, found, () =>
        tableText(
          ['index', 'id', 'shard', 'slot', 'state', 'owners', 'readers', 'epoch'],
          [
            [
              found.index,
              found.id,
              found.shard,
              found.slot,
              found.state,
              found.owners.join(','),
              found.readers.join(','),
              found.epoch,
            ],
          ],
        ),
      );
    });
}
