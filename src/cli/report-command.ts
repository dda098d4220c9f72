/** `miroir report <plan>` */
import type { Command } from 'commander';
import prettyMs from 'pretty-ms';
import { planReport, type ReportView } from '../control/report.ts';
import { stageText } from '../core/plan-stage.ts';
import { globalsOf, withControl } from './context.ts';
import { print, tableText } from './output.ts';

export function addReportCommand(program: Command): void {
  program
    .command('report <plan>')
    .description('what a plan moved and why, how long each step took, what was verified, and predicted against actual')
    .addHelpText(
      'after',
      '\nExamples:\n  miroir report p3f9c1a7d2e40\n  miroir report p3f9c1a7d2e40 -o json | jq .totals',
    )
    .action(async (plan: string, _flags: object, command: Command) => {
      const shown = await withControl(command, (control) => planReport(control, plan));
      print(globalsOf(command).output, shown, () => reportText(shown));
    });
}

const lengthText = (ms: number | null): string | null => (ms === null ? null : prettyMs(ms, { unitCount: 2 }));
const secondsText = (seconds: number): string => prettyMs(seconds * 1_000, { unitCount: 2 });
const rangeText = (low: number, high: number): string => `${secondsText(low)} to ${secondsText(high)}`;
const actualText = (actual: { readonly documents: number; readonly seconds: number }): string =>
  `${actual.documents} documents, ${secondsText(actual.seconds)}`;

function reportText(shown: ReportView): string {
  const { id, why, stage, totals, settledSeconds, isSettled, blocked, unknown } = shown;
  const reasons = Object.entries(totals.byReason).map(([reason, count]) => `${count} to ${reason}`);
  const took =
    settledSeconds === null
      ? 'has not begun'
      : `${isSettled ? 'settled after' : 'runs for'} ${secondsText(settledSeconds)}`;
  return [
    `plan ${id} (${why}), ${stageText(stage)}: ${took}`,
    `moves: ${totals.moves} (${reasons.join(', ') || 'none'}), ${totals.settled} settled, ${totals.cancelled} cancelled, ${totals.failed} failed`,
    `copied: ${totals.documents} documents, ${totals.bytes} bytes`,
    `verified: ${totals.windowsVerified} windows, ${totals.repaired} documents differed and were repaired, ${totals.retries} retries`,
    `clients: the longest write wait for a switch was ${lengthText(totals.longestWriteWaitMs) ?? 'none so far'}`,
    ...(totals.lost === 0 ? [] : [`lost: the last writes of ${totals.lost} documents were given up`]),
    ...shownLines(shown),
    ...predictedLines(shown),
    ...(blocked.length === 0 ? [] : [`blocked: ${blocked.length} shards could not be planned`]),
    ...unknown.map((what) => `not known: ${what}`),
    '',
    movesTable(shown),
  ].join('\n');
}

function shownLines({ shown }: ReportView): string[] {
  if (shown === null) return [];
  const { documents, lowSeconds, highSeconds, actual } = shown;
  const time = lowSeconds === null || highSeconds === null ? 'time not known' : rangeText(lowSeconds, highSeconds);
  const said = `${documents ?? '?'} documents, ${time}`;
  return [`shown before it ran: ${said}${actual === null ? '' : `; actual: ${actualText(actual)}`}`];
}

function predictedLines({ predicted, actual }: ReportView): string[] {
  if (predicted === null) return [];
  const { documents, lowSeconds, highSeconds, seconds } = predicted;
  const said = `${documents} documents, ${secondsText(seconds)} (${rangeText(lowSeconds, highSeconds)})`;
  if (actual === null) return [`predicted: ${said}`];
  return [`predicted: ${said}; actual: ${actualText(actual)}`];
}

const movesTable = ({ moves }: ReportView): string =>
  tableText(
    [
      'move',
      'from',
      'to',
      'why',
      'ended',
      'documents',
      'begun',
      'copied',
      'verified',
      'switched',
      'cleaned',
      'held',
      'repaired',
    ],
    moves.map((move) => [
      `${move.index}/${move.shard}`,
      move.source,
      move.target,
      move.reason,
      move.outcome ?? move.phase,
      move.documents,
      lengthText(move.phaseMs.DualWriteStarted),
      lengthText(move.phaseMs.MigrationInProgress),
      lengthText(move.phaseMs.MigrationComplete),
      lengthText(move.phaseMs.DualWriteStopped),
      lengthText(move.phaseMs.OldReplicaDeleted),
      lengthText(move.longestWriteWaitMs),
      move.repaired,
    ]),
  );
