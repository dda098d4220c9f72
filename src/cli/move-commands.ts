/** `miroir move …`: which there are, and what an operator decides about a move whose nodes are lost. */
import type { Command } from 'commander';
import { listMoves, showMove } from '../control/move-list.ts';
import type { Control } from '../service.ts';
import { acceptLoss, lossOf, revertMove, revertOf } from '../control/moves.ts';
import { globalsOf, withControl } from './context.ts';
import { addMoveExplain } from './explain-commands.ts';
import { print, printStarted, say, tableText } from './output.ts';
import { moreText, type PageFlags, withPages } from './plan-commands.ts';
import { movesText } from './status-commands.ts';
import { show, withWatch, type WatchFlags } from './watch.ts';

interface ListFlags extends PageFlags, WatchFlags {
  readonly ended?: true;
  readonly plan?: string;
}

export function addMoveCommands(program: Command): void {
  const move = program.command('move').description('list and explain moves; decide about one whose nodes are lost');

  withWatch(
    withPages(move.command('list').description('unfinished moves; with --ended those that have ended, newest first')),
  )
    .option('--ended', 'moves that have ended')
    .option('--plan <plan>', 'all moves of this plan')
    .addHelpText('after', '\nExample:\n  miroir move list --plan p3f9c1a7d2e40 --limit 100')
    .action(async (flags: ListFlags, command: Command) => {
      const { limit, from = null, plan = null, ended } = flags;
      const state = ended === undefined ? 'unfinished' : 'ended';
      const look = (control: Control) => listMoves(control, { limit, from, plan, state });
      await show(command, flags, look, ({ results }) => movesText(results), undefined, moreText);
    });

  move
    .command('show <move>')
    .description('one move, with when it did what')
    .addHelpText('after', '\nExample:\n  miroir move show p3f9c1a7d2e40-12-0-1f00ab3c')
    .action(async (id: string, _flags: object, command: Command) => {
      const shown = await withControl(command, (control) => showMove(control, id));
      print(globalsOf(command).output, shown, () => movesText([shown]));
    });

  addMoveExplain(move);

  move
    .command('accept-loss <move>')
    .description(
      'list the documents whose last writes went with the source of a settling move; with --yes give them up',
    )
    .option('--yes', 'give them up: the shard settles with what its new owner has')
    .addHelpText('after', '\nExample:\n  miroir move accept-loss p3f9c1a7d2e40-12-0-1f00ab3c --yes')
    .action(async (id: string, flags: { yes?: true }, command: Command) => {
      const act = flags.yes === undefined ? lossOf : acceptLoss;
      const view = await withControl(command, (control) => act(control, id));
      const { index, shard, lost, target, documents, ids } = view;
      const some = ids.length < documents ? `, ${ids.length} of them below` : '';
      say(`${documents} documents of ${index}/${shard}${some}: what ${lost.join(', ')} had last, ${target} has not`);
      say(wished(flags.yes, '--yes'));
      const text = (): string =>
        tableText(
          ['document'],
          ids.map((one) => [one]),
        );
      const wish = flags.yes === true;
      printStarted(globalsOf(command).output, { ...view, wished: wish }, text, wish ? [`miroir move show ${id}`] : []);
    });

  move
    .command('revert <move>')
    .description('say since when writes are lost if the copy that a move in grace keeps owns its shard again')
    .option('--accept-loss', 'make it the owner again: what was written since is lost')
    .addHelpText('after', '\nExample:\n  miroir move revert p3f9c1a7d2e40-12-0-1f00ab3c --accept-loss')
    .action(async (id: string, flags: { acceptLoss?: true }, command: Command) => {
      const act = flags.acceptLoss === undefined ? revertOf : revertMove;
      const view = await withControl(command, (control) => act(control, id));
      const { index, shard, lost, owner, since } = view;
      say(`${owner} has ${index}/${shard} as it was at ${since}: what ${lost.join(', ')} had later is lost`);
      say(wished(flags.acceptLoss, '--accept-loss'));
      const text = (): string =>
        tableText(
          ['index', 'shard', 'lost', 'owner', 'writes lost since'],
          [[index, shard, lost.join(', '), owner, since]],
        );
      const wish = flags.acceptLoss === true;
      printStarted(globalsOf(command).output, { ...view, wished: wish }, text, wish ? [`miroir move show ${id}`] : []);
    });
}

const wished = (flag: true | undefined, name: string): string =>
  flag === undefined ? `nothing is changed without ${name}` : 'a worker carries it out within half a minute';
