/** `miroir plan pause|resume|cancel`: what an operator says of a plan as a whole. */
import type { Command } from 'commander';
import {
  cancelOf,
  cancelPlan,
  pauseAll,
  pausePlan,
  resumeAll,
  resumePlan,
  untilPaused,
  type CancelView,
} from '../control/plan-orders.ts';
import { InvalidInputError } from '../errors.ts';
import { globalsOf, withControl } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { follow } from './follow.ts';
import { print, printStarted, say } from './output.ts';
import { pauseText, RESUME_ALL, resumedText } from './plan-text.ts';
import { duration } from './values.ts';

interface Flags {
  readonly all?: true;
  readonly wait?: true;
  readonly timeout?: number;
}

const withWaiting = (command: Command, what: string): Command =>
  command
    .option('--wait', what)
    .option('--timeout <time>', 'how long to wait at most: 30s, 10m; the work goes on after it', duration);

const waitOf = ({ timeout }: Flags): { readonly timeoutMs?: number } =>
  timeout === undefined ? {} : { timeoutMs: timeout };

function oneOrAll(id: string | undefined, { all, wait }: Flags): string | null {
  if ((id === undefined) !== (all === true) || (all === true && wait === true)) {
    throw new InvalidInputError('which plan is meant is not clear', {
      field: 'plan',
      remedy: 'name one plan (`miroir plan list`), or give --all, which has no --wait',
    });
  }
  return id ?? null;
}

export function addPlanOrderCommands(plan: Command): void {
  withWaiting(
    plan
      .command('pause [plan]')
      .description(
        'begin no move of a plan, and stop those that have begun at their next window; past the switch they end',
      ),
    'return when its moves have come to rest',
  )
    .option('--all', 'all plans, also those to come')
    .addHelpText(
      'after',
      '\nExamples:\n  miroir plan pause p3f9c1a7d2e40 --wait --timeout 1m\n  miroir plan pause --all',
    )
    .action(async (given: string | undefined, flags: Flags, command: Command) => {
      const id = oneOrAll(given, flags);
      const { output } = globalsOf(command);
      await withControl(command, async (control) => {
        if (id === null) {
          const view = await pauseAll(control);
          printStarted(output, view, () => (view.paused === null ? '' : pauseText(view.paused)), [RESUME_ALL]);
          return;
        }
        const view = await pausePlan(control, id);
        if (flags.wait) await untilPaused(control, id, waitOf(flags));
        const waits = view.held?.by === 'approval';
        const text = waits ? `plan ${id} waits for its approval anyway` : `plan ${id} is paused`;
        printStarted(output, view, () => text, [waits ? `miroir plan show ${id}` : `miroir plan resume ${id}`]);
      });
    });

  withWaiting(plan.command('resume [plan]').description('let a plan go on that was paused'), 'follow it to its end')
    .option('--all', 'end the pause of all plans; one that was paused by itself stays paused')
    .addHelpText('after', '\nExamples:\n  miroir plan resume p3f9c1a7d2e40 --wait\n  miroir plan resume --all')
    .action(async (given: string | undefined, flags: Flags, command: Command) => {
      const id = oneOrAll(given, flags);
      const { output } = globalsOf(command);
      await withControl(command, async (control) => {
        if (id === null) {
          print(output, await resumeAll(control), () => 'plans go on');
          return;
        }
        const view = await resumePlan(control, id);
        const { paused } = view;
        printStarted(output, view, () => resumedText(view), paused === null ? [] : [RESUME_ALL]);
        // Nothing goes on: neither is that done, nor is there anything to wait for.
        if (paused !== null) process.exitCode = EXIT.blocked;
        else if (flags.wait) {
          const { exit } = await follow(control, id, { until: 'settled', ...waitOf(flags) });
          process.exitCode = exit;
        }
      });
    });

  withWaiting(
    plan
      .command('cancel <plan>')
      .description('say what would be undone of a plan; with --yes undo it: what is past its switch stays'),
    'return when everything is undone',
  )
    .option('--yes', 'cancel it')
    .addHelpText('after', '\nExample:\n  miroir plan cancel p3f9c1a7d2e40 --yes --wait --timeout 10m')
    .action(async (id: string, flags: Flags & { readonly yes?: true }, command: Command) => {
      await withControl(command, async (control) => {
        const view = await (flags.yes === undefined ? cancelOf : cancelPlan)(control, id);
        const next = flags.yes === undefined ? [`miroir plan cancel ${id} --yes`] : view.reverse;
        if (flags.yes === undefined) say('nothing is changed without --yes');
        printStarted(globalsOf(command).output, view, () => cancelText(view, flags.yes === true), next);
        // The plan's moves are cancelled then, as was asked for.
        if (flags.yes && flags.wait) await follow(control, id, { until: 'settled', ...waitOf(flags) });
      });
    });
}

/** What takes it back is said behind `next:` once it is cancelled. */
function cancelText(view: CancelView, isDone: boolean): string {
  const { plan, why, cancelled, unbegun, undone, switched, reverse, standing } = view;
  return [
    `plan ${plan} (${why}) ${cancelled ? 'is cancelled' : 'would be cancelled'}`,
    `${unbegun} moves have not begun: they end`,
    `${undone} moves have begun: they are undone, and what they brought is deleted`,
    `${switched} moves are past their switch: they stay`,
    ...(standing === null ? [] : [standing]),
    ...(isDone ? [] : reverse.map((command) => `taken back by: ${command}`)),
  ].join('\n');
}
