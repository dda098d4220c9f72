// What a quiet fleet asks of its nodes: every process with the default configuration, all duties on, no client, nothing that
// moves. Counted by the nodes themselves, in requests for each node and minute.
import type { IndexEntry } from '../../src/core/routing.ts';
import { untilTrue } from '../support/until.ts';
import { chunks, citiesIndex, cityTexts } from './cities.ts';
import { type BenchResult, round, say } from './print.ts';
import { REAL_PRICE, type Stage, openStage } from './stage.ts';

const entry: IndexEntry = { ...citiesIndex(), replicationFactor: 2 };
const NODES = ['n1', 'n2', 'n3'] as const;
/** Two of each, as docs/operations.md says. */
const PROCESSES = ['planner', 'rebalancer', 'reconciler', 'gateway'] as const;
const FIRST_PASS_MS = 3_600_000;

/** What asks for what, by method and path. */
const KINDS: readonly (readonly [string, RegExp])[] = [
  ['health', /^GET \/health$/],
  ['authenticated_read', /^GET \/version$/],
  ['tasks', /^GET \/tasks/],
  ['settings', /^GET \/indexes\/[^/]+\/settings$/],
  ['index', /^GET \/indexes\/[^/]+$/],
  ['stats', /stats$/],
  ['documents', /\/documents(\/fetch)?$/],
];
const kindOf = (route: string): string => KINDS.find(([, pattern]) => pattern.test(route))?.[0] ?? 'other';

type Counts = Readonly<Record<string, number>>;

/** Requests by kind since the nodes started, all nodes together. */
async function counted(stage: Stage): Promise<Counts> {
  const sums: Record<string, number> = {};
  for (const { url } of stage.nodes.values()) {
    const { counters } = (await (await fetch(`${url}/_dev/log?path=%20%2F(%3F!_dev)`)).json()) as { counters: Counts };
    for (const [route, count] of Object.entries(counters)) {
      const kind = kindOf(route);
      sums[kind] = (sums[kind] ?? 0) + count;
    }
  }
  return sums;
}

interface RestOptions {
  readonly documents: number;
  readonly seconds: number;
  readonly config: Readonly<Record<string, string>>;
}

export async function benchRest({ documents, seconds, config }: RestOptions): Promise<BenchResult> {
  const stage = await openStage({ aof: 'off', config });
  try {
    for (const id of NODES) await stage.startNode(id, { ...REAL_PRICE, switches: true });
    await stage.register(NODES, [entry]);
    for (const id of NODES) await stage.prepareIndex(id, entry);
    await stage.load(entry, chunks(cityTexts(documents)));
    const before = await counted(stage);
    await stage.startWorkers([...PROCESSES, ...PROCESSES], { MIROIR_GATEWAY_PORT: '0' });
    const { passes } = stage.base;
    // The first pass of anti-entropy begins with the fleet, the next one six hours later: it is told apart.
    await untilTrue(async () => (await passes.list())[0]?.completed_at != null, FIRST_PASS_MS);
    const began = await counted(stage);
    say(`${documents} documents, RF 2: the first pass of anti-entropy is over, at rest from now on for ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    const ended = await counted(stage);
    const perMinute = (kind: string): number =>
      round(((ended[kind] ?? 0) - (began[kind] ?? 0)) / NODES.length / (seconds / 60), 2);
    const kinds = Object.keys(ended).sort();
    const figures = Object.fromEntries(kinds.map((kind) => [kind, perMinute(kind)]));
    for (const [kind, count] of Object.entries(figures)) say(`${kind.padEnd(20)} ${count} per node and minute`);
    return {
      valid: true,
      figures: {
        nodes: NODES.length,
        processes: 2 * PROCESSES.length,
        seconds,
        ...figures,
        all: round(
          Object.values(figures).reduce((sum, count) => sum + count, 0),
          2,
        ),
        anti_entropy_pass_requests_per_node: round(
          ((began['documents'] ?? 0) - (before['documents'] ?? 0)) / NODES.length,
          1,
        ),
        anti_entropy_pass_documents_per_node: Math.round((documents * entry.replicationFactor) / NODES.length),
      },
    };
  } finally {
    await stage.close();
  }
}
