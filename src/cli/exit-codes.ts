/** One table from error code to exit code; docs and help show it. */
import { isMiroirError } from '../errors.ts';

export const EXIT = {
  ok: 0,
  error: 1,
  /** What is asked for cannot be done as things are. */
  blocked: 3,
  /** The wait ended by its deadline; the work goes on. */
  timeout: 4,
  cancelled: 5,
  conflict: 6,
  unreachable: 7,
  usage: 64,
  config: 78,
  /** Ctrl-C: the work goes on. */
  detached: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** For people, in the order of the numbers. */
export const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done',
  error: 'any error that is not below, something that there is not, or a plan with failed moves',
  blocked: 'cannot be done as things are, or what was looked at is not as it has to be',
  timeout: 'the wait ended, the work goes on',
  cancelled: 'moves of the plan were cancelled',
  conflict: 'it exists, or somebody was first',
  unreachable: 'Redis or a node cannot be reached, or refuses the key',
  usage: 'the command line or an event is wrong, whatever there is',
  config: 'the configuration is wrong',
  detached: 'Ctrl-C, the work goes on',
};

export const EXIT_BY_CODE: Readonly<Record<string, ExitCode>> = {
  miroir_invalid_input: EXIT.usage,
  miroir_unknown_event: EXIT.usage,
  miroir_config: EXIT.config,
  miroir_conflict: EXIT.conflict,
  miroir_node_conflict: EXIT.conflict,
  miroir_index_conflict: EXIT.conflict,
  miroir_group_conflict: EXIT.conflict,
  miroir_stale_version: EXIT.conflict,
  miroir_stale_plan: EXIT.conflict,
  miroir_idempotency: EXIT.conflict,
  miroir_redis_unreachable: EXIT.unreachable,
  miroir_node_unreachable: EXIT.unreachable,
  miroir_node_refused: EXIT.unreachable,
  miroir_node_busy: EXIT.unreachable,
  miroir_node_origin: EXIT.usage,
  miroir_last_replica: EXIT.blocked,
  miroir_node_not_drained: EXIT.blocked,
  miroir_group_not_ready: EXIT.blocked,
  miroir_group_not_drained: EXIT.blocked,
  miroir_move_state: EXIT.blocked,
  miroir_plan_state: EXIT.conflict,
  miroir_index_unsplit: EXIT.blocked,
  miroir_queue_full: EXIT.blocked,
  miroir_preflight: EXIT.blocked,
  miroir_timeout: EXIT.timeout,
};

export const exitCodeOf = (error: unknown): ExitCode =>
  isMiroirError(error) ? (EXIT_BY_CODE[error.code] ?? EXIT.error) : EXIT.error;

/** An error as people read it: what, where, and what to do. Only what is not ours comes with its stack. */
export function errorText(error: unknown): string {
  if (!isMiroirError(error)) return `error ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  const lines = [`error ${error.code}: ${error.message}`];
  if (error.field !== undefined) lines.push(`field: ${error.field}`);
  if (error.remedy !== undefined) lines.push(`remedy: ${error.remedy}`);
  return lines.join('\n');
}
