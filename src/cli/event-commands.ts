/** `miroir event …` and `miroir where` */
import type { Command } from 'commander';
import { sendEvent, showEvent } from '../control/events.ts';
import { where } from '../control/where.ts';
import type { EventOutcome } from '../ports.ts';
import { globalsOf, withControl } from './context.ts';
import { errorText, EXIT, exitCodeOf } from './exit-codes.ts';
import { outcomeExit } from './follow.ts';
import { nextOf } from './planned.ts';
import { print, printStarted, tableText } from './output.ts';
import { duration, json } from './values.ts';

interface SendFlags {
  readonly data: unknown;
  readonly wait?: true;
  readonly timeout: number;
}

export function addEventCommands(program: Command): void {
  const event = program.command('event').description('topology events, as other services send them');

  event
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
      const next = outcome === null ? [`miroir event show ${jobId}`] : nextOf(outcome);
      printStarted(globalsOf(command).output, { jobId, ...outcome }, () => outcomeText(jobId, outcome), next);
    });

  event
    .command('show <job>')
    .description('what became of an event: it waits for a planner, was planned, or was refused')
    .addHelpText('after', '\nExample:\n  miroir event show 42')
    .action(async (jobId: string, _flags: object, command: Command) => {
      const seen = await withControl(command, (control) => showEvent(control, jobId));
      const { state } = seen;
      const outcome = state === 'planned' ? seen.outcome : null;
      const error = state === 'refused' ? errorText(seen.error) : null;
      const next = outcome === null ? [] : nextOf(outcome);
      const text = (): string => error ?? (outcome === null ? state : outcomeText(jobId, outcome));
      printStarted(globalsOf(command).output, { jobId, state, ...outcome, error }, text, next);
      if (state === 'refused') process.exitCode = exitCodeOf(seen.error);
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

const outcomeText = (jobId: string, outcome: EventOutcome | null): string =>
  tableText(
    ['job', 'change', 'plan', 'moves', 'blocked'],
    [[jobId, outcome?.change ?? null, outcome?.plan ?? null, outcome?.moves ?? null, outcome?.blocked ?? null]],
  );
