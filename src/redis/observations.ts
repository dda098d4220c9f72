/** Reports of nodes that do not answer, shared by all observers; whether one still counts is judged by Redis time. */
import type { NodeReport } from '../core/observations.ts';
import type { Observations } from '../ports.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import type { Scripts } from './scripts.ts';

export interface ObservationsOptions {
  readonly scripts: Scripts;
  /** How long a report counts (ms). */
  readonly reportMs: number;
}

interface StoredReport {
  readonly name: string;
  readonly nodes: Readonly<Record<string, number>>;
}

export function createObservations({ scripts, reportMs }: ObservationsOptions): Observations {
  return {
    async report({ id, name }, suspects) {
      const args = [...suspects].flatMap(([node, forMs]) => [node, Math.max(0, Math.trunc(forMs))]);
      const [, ...nodes] = await scripts.run('observations-report', [keys.observations], [id, reportMs, name, ...args]);
      return nodes;
    },
    async read() {
      const [, now = '0', count = '0', ...rest] = await scripts.run(
        'observations-read',
        [keys.observations, keys.routers],
        [],
      );
      const entries = rest.slice(Number(count));
      const reports: NodeReport[] = [];
      for (let at = 0; at + 1 < entries.length; at += 2) {
        const observer = entries[at] ?? '';
        const { name, nodes } = parseJson(entries[at + 1] ?? '', `report of ${observer}`) as StoredReport;
        reports.push({ observer, name, nodes: new Map(Object.entries(nodes)) });
      }
      return { nowMs: Number(now), routers: new Set(rest.slice(0, Number(count))), reports };
    },
  };
}
