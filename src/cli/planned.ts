/** An event from the command line: sent, what was planned because of it, and followed when asked to. */
import { Option, type Command } from 'commander';
import { sendEvent } from '../control/events.ts';
import type { ControlParts } from '../control/parts.ts';
import { stageNow } from '../control/plan-list.ts';
import { planView } from '../control/plan-view.ts';
import { stageText } from '../core/plan-stage.ts';
import type { Clock, EventOutcome } from '../ports.ts';
import { globalsOf, withControl } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { follow, outcomeExit, type FollowChoice } from './follow.ts';
import { printStarted, say, tableText, type OutputFormat } from './output.ts';
import { planText } from './plan-text.ts';
import { duration } from './values.ts';

export interface WaitFlags {
  readonly wait?: true;
  readonly timeout?: number;
  readonly until: FollowChoice['until'];
}

/** How long the planner has to answer an event. */
export const ANSWER_MS = 30_000;

/** The flags with what is left of `--timeout` when they are asked for: it is of the whole command, whatever it waits for. */
export function countedDown(flags: WaitFlags, clock: Pick<Clock, 'monotonic'>): () => WaitFlags {
  const { timeout } = flags;
  const startedMs = clock.monotonic();
  return () =>
    timeout === undefined ? flags : { ...flags, timeout: Math.max(0, timeout - (clock.monotonic() - startedMs)) };
}

/** How long what is asked may take: `most`, or what is left of `--timeout`. */
export const atMost = (most: number, { timeout }: WaitFlags): { readonly timeoutMs: number } => ({
  timeoutMs: Math.min(timeout ?? most, most),
});

export const withWait = (command: Command): Command =>
  command
    .option('-w, --wait', 'follow the plan to its end; Ctrl-C detaches, the work goes on')
    .option(
      '--timeout <duration>',
      'stop waiting after this (30s, 10m, 2h), for the planner as well; exit code 4',
      duration,
    )
    .addOption(
      new Option('--until <state>', 'settled: new owners serve; cleaned: old copies are gone, too')
        .choices(['settled', 'cleaned'])
        .default('settled'),
    );

/** Sends the event, says what was planned, and follows when asked to. */
export async function planned(command: Command, flags: WaitFlags, name: string, data: object): Promise<void> {
  const { output } = globalsOf(command);
  process.exitCode = await withControl(command, async (control): Promise<ExitCode> => {
    const left = countedDown(flags, control.clock);
    const { outcome } = await sendEvent(control, name, data, atMost(ANSWER_MS, left()));
    if (outcome === null) return EXIT.ok;
    if (outcome.plan !== null && outcome.change === 'changed') say(planText(await planView(control, outcome.plan)));
    return answered(control, output, outcome, left());
  });
}

/** Says what the planner made of it, and follows when asked to. */
export async function answered(
  control: ControlParts,
  output: OutputFormat,
  outcome: EventOutcome,
  flags: WaitFlags,
): Promise<ExitCode> {
  if (flags.wait !== undefined && outcome.plan !== null) return waited(control, output, outcome, flags);
  await tellRepeated(control, outcome);
  report(output, outcome, {});
  return outcomeExit(outcome);
}

async function waited(
  control: ControlParts,
  output: OutputFormat,
  outcome: EventOutcome,
  flags: WaitFlags,
): Promise<ExitCode> {
  await tellRepeated(control, outcome);
  const { progress, exit } = await follow(control, outcome.plan ?? '', {
    until: flags.until,
    ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }),
  });
  report(output, outcome, progress === null ? {} : { progress });
  return exit === EXIT.ok ? outcomeExit(outcome) : exit;
}

/** Of a plan that was there before, how it stands now. */
async function tellRepeated(parts: ControlParts, { change, plan: id, moves }: EventOutcome): Promise<void> {
  if (change !== 'repeated' || id === null) return;
  say(`plan ${id} is ${stageText(await stageNow(parts, id))}: ${moves} moves`);
}

function report(output: OutputFormat, outcome: EventOutcome, more: object): void {
  const { change, plan, moves, blocked } = outcome;
  if (blocked > 0) say(`${blocked} shards cannot be moved now; see: miroir status`);
  const text = (): string => tableText(['change', 'plan', 'moves', 'blocked'], [[change, plan, moves, blocked]]);
  printStarted(output, { ...outcome, ...more }, text, nextOf(outcome));
}

/** Where to look at what an event has started. */
export const nextOf = ({ plan, blocked }: EventOutcome): readonly string[] => [
  ...(plan === null ? [] : [`miroir plan show ${plan}`]),
  ...(plan === null && blocked === 0 ? [] : ['miroir status -w']),
];
