/** `miroir throttle …`: how fast copies may go. */
import type { Command } from 'commander';
import { changeThrottle, clearThrottle, showThrottle } from '../control/throttle.ts';
import { NO_LIMITS, type CopyLimits } from '../core/throttle.ts';
import { InvalidInputError } from '../errors.ts';
import type { ThrottleRecord } from '../ports.ts';
import { globalsOf, withControl } from './context.ts';
import { print, printStarted, say, tableText } from './output.ts';
import { whole } from './values.ts';

interface SetFlags {
  readonly documentsPerSecond?: number;
  readonly tasks?: number;
  readonly node?: string;
}

export function addThrottleCommands(program: Command): void {
  const throttle = program.command('throttle').description('how fast copies may go, in all and into single nodes');

  throttle
    .command('show')
    .description('the limits that an operator has set; the configuration’s stand above')
    .addHelpText('after', '\nExample:\n  miroir throttle show -o json')
    .action(async (_flags: object, command: Command) => {
      print(globalsOf(command).output, ...textOf(await withControl(command, showThrottle)));
    });

  throttle
    .command('set')
    .description('limit copies; what is not named stays as it is')
    .option('--documents-per-second <count>', 'of all workers together', whole)
    .option('--tasks <count>', 'windows waiting in nodes at a time, of each worker', whole)
    .option('--node <id>', 'into this node only')
    .addHelpText(
      'after',
      '\nExamples:\n  miroir throttle set --documents-per-second 2000\n  miroir throttle set --node n4 --tasks 2',
    )
    .action(async ({ documentsPerSecond, tasks, node }: SetFlags, command: Command) => {
      const change: Partial<CopyLimits> = {
        ...(documentsPerSecond === undefined ? {} : { documentsPerSecond }),
        ...(tasks === undefined ? {} : { tasksInFlight: tasks }),
      };
      if (Object.keys(change).length === 0) {
        throw new InvalidInputError('no limit is given', {
          field: 'documents-per-second',
          remedy: 'give --documents-per-second, --tasks or both',
        });
      }
      const record = await withControl(command, (control) => changeThrottle(control, node ?? null, change));
      say('copies that run heed it within 2 s');
      printStarted(globalsOf(command).output, ...textOf(record), ['miroir throttle clear']);
    });

  throttle
    .command('clear')
    .description('take the limits away; with --node those into this node')
    .option('--node <id>', 'into this node only')
    .addHelpText('after', '\nExample:\n  miroir throttle clear --node n4')
    .action(async ({ node }: Pick<SetFlags, 'node'>, command: Command) => {
      const record = await withControl(command, (control) =>
        node === undefined ? clearThrottle(control) : changeThrottle(control, node, NO_LIMITS),
      );
      print(globalsOf(command).output, ...textOf(record));
    });
}

/** As JSON and as a table. */
function textOf(record: ThrottleRecord): [ThrottleRecord, () => string] {
  const { throttle, sinceMs, actor } = record;
  const row = (where: string, { documentsPerSecond, tasksInFlight }: CopyLimits): (string | number | null)[] => [
    where,
    documentsPerSecond,
    tasksInFlight,
  ];
  const table = (): string =>
    tableText(
      ['into', 'documents/s', 'tasks'],
      [row('all nodes', throttle), ...Object.entries(throttle.nodes).map(([id, limits]) => row(id, limits))],
    );
  const by = sinceMs === null ? 'no limits are set' : `set ${new Date(sinceMs).toISOString()} by ${actor}`;
  return [record, () => `${table()}\n${by}`];
}
