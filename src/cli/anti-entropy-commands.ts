/** `miroir anti-entropy …` */
import type { Command } from 'commander';
import { listPasses, wishPass } from '../control/anti-entropy.ts';
import type { Pass } from '../ports.ts';
import { globalsOf, withControl } from './context.ts';
import { printStarted, say, tableText } from './output.ts';
import { show, withWatch, type WatchFlags } from './watch.ts';

/** Passes shown in a table; JSON has them all. */
const PASSES_SHOWN = 10;

export function addAntiEntropyCommands(program: Command): void {
  const antiEntropy = program.command('anti-entropy').description('passes over replicas that compare and repair them');

  withWatch(
    antiEntropy.command('status').description('the passes of the reconcilers, newest first, and what each came to'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  miroir anti-entropy status\n  miroir anti-entropy status -o json | jq .[0].documents_left',
    )
    .action(async (flags: WatchFlags, command: Command) => {
      await show(command, flags, listPasses, (passes) =>
        passes.length === 0 ? 'no pass yet' : passesText(passes.slice(0, PASSES_SHOWN)),
      );
    });

  antiEntropy
    .command('run')
    .description('let the next pass begin now')
    .addHelpText('after', '\nExample:\n  miroir anti-entropy run && miroir anti-entropy status -w')
    .action(async (_flags: object, command: Command) => {
      await withControl(command, wishPass);
      say('reconcilers begin a pass within 15 s, or when the present one is over');
      printStarted(globalsOf(command).output, {}, null, ['miroir anti-entropy status -w']);
    });
}

const timeText = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

const passesText = (passes: readonly Pass[]): string =>
  tableText(
    ['started', 'completed', 'shards', 'to go', 'with drift', 'repairs', 'left', 'errors'],
    passes.map((pass) => [
      timeText(pass.started_at),
      timeText(pass.completed_at),
      pass.shards_scanned,
      pass.shards_left,
      pass.shards_with_drift,
      pass.repairs_performed,
      pass.documents_left,
      pass.errors,
    ]),
  );
