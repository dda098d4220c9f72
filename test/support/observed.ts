// An observer that keeps what it is told, and a logger that keeps what is said.
import type { Logger, Observer } from '../../src/ports.ts';

export interface Observed {
  readonly observer: Observer;
  /** What was told, one text each: `lease lost rebalance:a`. */
  readonly told: string[];
}

export function observed(): Observed {
  const told: string[] = [];
  const note =
    (what: string) =>
    (...values: readonly (string | number | object)[]): void => {
      told.push(
        [what, ...values.map((value) => (typeof value === 'object' ? JSON.stringify(value) : value))].join(' '),
      );
    };
  const observer: Observer = {
    lease: (scope, what) => told.push(`lease ${what} ${scope}`),
    phase: note('phase'),
    migrated: note('migrated'),
    window: note('window'),
    differences: note('differences'),
    settled: note('settled'),
    hold: note('hold'),
    refused: note('refused'),
    target: note('target'),
    event: note('event'),
    leftovers: note('leftovers'),
    repaired: note('repaired'),
    compared: note('compared'),
    untagged: note('untagged'),
    unsplit: note('unsplit'),
    duty: note('duty'),
  };
  return { observer, told };
}

export interface Said {
  readonly logger: Logger;
  readonly lines: { readonly level: string; readonly fields: Record<string, unknown>; readonly message: string }[];
}

export function said(): Said {
  const lines: Said['lines'] = [];
  const make = (bound: Record<string, unknown>): Logger => {
    const at =
      (level: string) =>
      (fields: object, message: string): void => {
        lines.push({ level, fields: { ...bound, ...fields }, message });
      };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (fields) => make({ ...bound, ...fields }),
    };
  };
  return { logger: make({}), lines };
}
