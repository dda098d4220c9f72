/**
 * The frame of a process: start it, say where it can be reached, drain it on a signal. What cannot start says why in
 * words, not in a stack: the configuration and Redis are for an operator to mend.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import { ConfigError, isMiroirError } from '../errors.ts';
import { createLogger } from '../telemetry/logger.ts';
import type { Running } from './base.ts';

/** EX_CONFIG of BSD's sysexits. */
const EXIT_CONFIG = 78;
const EXIT_ERROR = 1;
/** A process is gone in under 5 s: what has not drained by then is left to the lease's successor. */
const DRAIN_MS = 4_700;
/** A signal during the start waits this long for it to end, since a part that is half started cannot drain. */
const START_MS = 1_500;

/** What a process prints on stdout when it runs: one JSON line, for whoever started it. */
export interface ReadyLine {
  readonly role: string;
  readonly pid: number;
  readonly metrics: string | null;
  /** Of the board, where this process serves it. */
  readonly board?: string;
  /** Where clients reach it, where it is a gateway. */
  readonly gateway?: string;
}

/** A running process and, where it has them, its board and its gateway. */
export type RunningProcess = Running & { readonly boardUrl?: string; readonly gatewayUrl?: string };

/** An error as a person at a terminal needs it: what, and what to do; a stack only for what is not ours. */
function failureText(error: unknown): string {
  if (!isMiroirError(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  return error.remedy === undefined ? error.message : `${error.message}\n  what to do: ${error.remedy}`;
}

/**
 * Runs a process until a signal: 0 after SIGTERM or SIGINT once drained, 1 after an uncaught error or when it cannot
 * start, 78 when its configuration is wrong.
 */
export async function runProcess(role: string, start: () => Promise<RunningProcess>): Promise<void> {
  const state: { starting: Promise<RunningProcess> | null } = { starting: null };
  closeWithGrace(
    { delay: DRAIN_MS, logger: false, onTimeout: () => complain(role, 'did not drain in time') },
    async ({ err }) => {
      if (err !== undefined)
        createLogger({ level: 'error', role }).fatal({ err }, 'uncaught error: ending this process');
      const running = await Promise.race([state.starting, sleep(START_MS, null)]);
      await running?.close();
    },
  );
  try {
    state.starting = start();
    const { metricsUrl, boardUrl, gatewayUrl } = await state.starting;
    const line: ReadyLine = {
      role,
      pid: process.pid,
      metrics: metricsUrl,
      ...(boardUrl === undefined ? {} : { board: boardUrl }),
      ...(gatewayUrl === undefined ? {} : { gateway: gatewayUrl }),
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  } catch (error) {
    complain(role, failureText(error));
    process.exit(error instanceof ConfigError ? EXIT_CONFIG : EXIT_ERROR);
  }
}

function complain(role: string, text: string): void {
  process.stderr.write(`miroir ${role}: ${text}\n`);
}
