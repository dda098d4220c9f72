/** What observers report of nodes, shared by all of them; whether a report still counts is judged by Redis time. */
import type { NodeReport } from '../core/observations.ts';
import type { Seen } from '../core/sights.ts';
import type { Observations, NodeObserver } from '../ports.ts';
import { keys } from './keys.ts';
import { parseJson } from './route-text.ts';
import type { Scripts } from './scripts.ts';

export interface ObservationsOptions {
  readonly scripts: Scripts;
  /** How long a report counts (ms). */
  readonly reportMs: number;
}

interface StoredReport {
  readonly process: string;
  readonly name: string;
  /** What, since when (Redis time), looks. */
  readonly nodes: Readonly<Record<string, readonly [Seen, number, number]>>;
}

/** One that says a node is silent is listened to before all others. */
function worst(said: readonly string[]): ReadonlyMap<string, Seen> {
  const nodes = new Map<string, Seen>();
  for (let at = 0; at + 1 < said.length; at += 2) {
    const [node = '', what] = [said[at], said[at + 1] as Seen];
    const known = nodes.get(node);
    if (known === undefined || what === 'silent' || (what === 'refused' && known !== 'silent')) nodes.set(node, what);
  }
  return nodes;
}

export function createObservations({ scripts, reportMs }: ObservationsOptions): Observations {
  const write = ({ id, process, name }: NodeObserver, forMs: number, nodes: readonly (string | number)[]) =>
    scripts.run('observations-report', [keys.observers], [id, forMs, process, name, ...nodes]);
  return {
    async report(observer, sights) {
      const nodes = [...sights].flatMap(([node, { what, forMs, looks }]) => [
        node,
        what,
        Math.max(0, Math.trunc(forMs)),
        looks,
      ]);
      const [, ...said] = await write(observer, reportMs, nodes);
      return worst(said);
    },
    async withdraw(observer) {
      await write(observer, 0, []);
    },
    async read() {
      const [, now = '0', count = '0', ...rest] = await scripts.run(
        'observations-read',
        [keys.observers, keys.routers],
        [],
      );
      const nowMs = Number(now);
      const entries = rest.slice(Number(count));
      const reports: NodeReport[] = [];
      for (let at = 0; at + 1 < entries.length; at += 2) {
        const observer = entries[at] ?? '';
        const { process, name, nodes } = parseJson(entries[at + 1] ?? '', `report of ${observer}`) as StoredReport;
        const sights = Object.entries(nodes).map(
          ([id, [what, sinceMs, looks]]) => [id, { what, forMs: nowMs - sinceMs, looks }] as const,
        );
        reports.push({ observer, process, name, nodes: new Map(sights) });
      }
      return { nowMs, routers: new Set(rest.slice(0, Number(count))), reports };
    },
  };
}
