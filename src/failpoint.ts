/**
 * Where tests stop or kill a process: right before and after every write that crosses a process border. Chosen by
 * MIROIR_FAILPOINT, off by default.
 *
 *   record=<file>                          append every point that is passed, one a line
 *   <point>@<before|after>#<n>=<action>    at the n-th pass of the point: kill | term | stop | throw
 *
 * A point is `<phase>/<part>:<operation>`, e.g. `MigrationInProgress/node:putDocuments`; outside a phase the part before
 * the slash is `-`. Several are separated by `;`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { appendFileSync } from 'node:fs';
import { ConfigError, RedisUnreachableError } from './errors.ts';
import type { Failpoint } from './ports.ts';

const SPEC = /^(?<point>[^@;]+)@(?<when>before|after)#(?<pass>\d+)=(?<action>kill|term|stop|throw)$/;

export interface PhasedFailpoint extends Failpoint {
  /** Points passed inside carry the phase's name. */
  within<T>(phase: string, work: () => Promise<T>): Promise<T>;
}

const none: PhasedFailpoint = { hit: () => Promise.resolve(), within: (_phase, work) => work() };

function act(action: string, where: string): void {
  switch (action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      return;
    case 'term':
      process.kill(process.pid, 'SIGTERM');
      return;
    default:
      throw new RedisUnreachableError(`failpoint ${where}`);
  }
}

/** Throws `ConfigError` when the text is no failpoint. */
export function createFailpoint(text: string): PhasedFailpoint {
  if (text === '') return none;
  const phases = new AsyncLocalStorage<string>();
  const within: PhasedFailpoint['within'] = (phase, work) => phases.run(phase, work);
  const name = (point: string, when: string): string => `${phases.getStore() ?? '-'}/${point}@${when}`;
  const file = /^record=(.+)$/.exec(text)?.[1];
  if (file !== undefined) {
    return {
      within,
      hit(point, when) {
        appendFileSync(file, `${name(point, when)}\n`);
        return Promise.resolve();
      },
    };
  }
  const specs = text.split(';').map((part) => {
    const groups = SPEC.exec(part)?.groups;
    if (groups === undefined) {
      throw new ConfigError(`MIROIR_FAILPOINT: "${part}" is no failpoint`, {
        field: 'MIROIR_FAILPOINT',
        remedy: 'write <phase>/<part>:<operation>@<before|after>#<n>=<kill|term|stop|throw>, or leave it empty',
      });
    }
    return {
      where: `${groups['point']}@${groups['when']}`,
      left: Number(groups['pass']),
      action: groups['action'] ?? '',
    };
  });
  return {
    within,
    async hit(point, when) {
      const here = name(point, when);
      for (const spec of specs) {
        if (spec.where !== here) continue;
        spec.left -= 1;
        if (spec.left === 0) act(spec.action, here);
      }
    },
  };
}
