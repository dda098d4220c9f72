// Prometheus' own checker, from where src/setup.mjs has put it, else from PATH.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const CACHED = join(import.meta.dirname, '../../node_modules/.cache/miroir/promtool');
/** Some seconds of CPU on a machine that is free. */
const LIMIT_MS = 90_000;

export interface PromtoolAnswer {
  readonly code: number | null;
  /** What it printed, findings included. */
  readonly text: string;
}

export function promtool(args: readonly string[], input = ''): PromtoolAnswer {
  const command = existsSync(CACHED) ? CACHED : 'promtool';
  const { error, status, stdout, stderr } = spawnSync(command, args, { input, encoding: 'utf8', timeout: LIMIT_MS });
  if (error !== undefined) {
    const remedy =
      'on Debian `node src/setup.mjs --tests` fetches it (`npm test` does that first); elsewhere install Prometheus, which ' +
      'brings it, and have it on PATH';
    throw new Error(`promtool, which checks what is for Prometheus, could not be started: ${error.message}; ${remedy}`);
  }
  return { code: status, text: `${stdout}${stderr}`.trim() };
}
