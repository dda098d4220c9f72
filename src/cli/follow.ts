/** Following a plan in a terminal: a bar, or plain lines where there is none. Following never is needed by the work. */
import { Presets, SingleBar } from 'cli-progress';
import prettyMs from 'pretty-ms';
import type { ControlParts } from '../control/parts.ts';
import { followPlan, type PlanProgress } from '../control/progress.ts';
import type { EventOutcome } from '../ports.ts';
import { untilInterrupted } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { say } from './output.ts';

export interface FollowChoice {
  readonly until: 'settled' | 'cleaned';
  readonly timeoutMs?: number;
}

export interface Followed {
  readonly progress: PlanProgress | null;
  readonly exit: ExitCode;
}

/** Plain lines come at most this often. */
const LINE_MS = 2_000;

const lineOf = ({ settled, moves, running, docsMigrated, documents }: PlanProgress): string =>
  `${settled}/${moves} moves settled, ${running} running, ${docsMigrated.toLocaleString('en')} of ${documents.toLocaleString('en')} documents of begun moves`;

interface Display {
  show(progress: PlanProgress): void;
  end(): void;
}

function display(): Display {
  return process.stderr.isTTY ? barDisplay() : lineDisplay();
}

function barDisplay(): Display {
  const bar = new SingleBar(
    { format: '{bar} {percentage}% | {value}/{total} moves | {documents} documents', stream: process.stderr },
    process.env['NO_COLOR'] ? Presets.legacy : Presets.shades_classic,
  );
  let isStarted = false;
  return {
    show({ settled, moves, docsMigrated }) {
      const documents = docsMigrated.toLocaleString('en');
      if (!isStarted) bar.start(moves, settled, { documents });
      else bar.update(settled, { documents });
      isStarted = true;
    },
    end: () => bar.stop(),
  };
}

function lineDisplay(): Display {
  let last = '';
  let atMs = -Infinity;
  return {
    show(progress) {
      const line = lineOf(progress);
      if (line === last || performance.now() - atMs < LINE_MS) return;
      last = line;
      atMs = performance.now();
      say(line);
    },
    end: () => undefined,
  };
}

/** Waits for the plan's end, with Ctrl-C to detach. */
export async function follow(parts: ControlParts, planId: string, choice: FollowChoice): Promise<Followed> {
  const interruption = untilInterrupted();
  const shown = display();
  const startedMs = performance.now();
  try {
    const progress = await followPlan(parts, planId, {
      ...choice,
      signal: interruption.signal,
      onProgress: (now) => shown.show(now),
    });
    shown.end();
    const took = prettyMs(performance.now() - startedMs, { secondsDecimalDigits: 1 });
    say(`plan ${planId}: ${progress.settled} of ${progress.moves} moves settled in ${took}`);
    return { progress, exit: exitOf(progress) };
  } catch (error) {
    shown.end();
    if (!interruption.signal.aborted) throw error;
    say(`detached; plan ${planId} goes on, see: miroir status -w`);
    return { progress: null, exit: EXIT.detached };
  } finally {
    interruption.stop();
  }
}

const exitOf = ({ failed, cancelled }: PlanProgress): ExitCode =>
  failed > 0 ? EXIT.error : cancelled > 0 ? EXIT.cancelled : EXIT.ok;

/** Exit code of an event that was planned: blocked when something cannot be moved. */
export const outcomeExit = ({ blocked }: EventOutcome): ExitCode => (blocked > 0 ? EXIT.blocked : EXIT.ok);
