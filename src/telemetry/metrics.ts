/** The metrics of one process, built from the table: `metrics.documentsMigrated.inc(n)`, names and labels typed. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS } from './metric-table.ts';
import type { MetricDefinition, MetricKey } from './metric-table.ts';

type LabelsOf<D extends MetricDefinition> = Extract<keyof D['labels'], string>;
type MetricOf<D extends MetricDefinition> = D['type'] extends 'counter'
  ? Counter<LabelsOf<D>>
  : D['type'] extends 'gauge'
    ? Gauge<LabelsOf<D>>
    : Histogram<LabelsOf<D>>;

export type Metrics = { readonly [K in MetricKey]: MetricOf<(typeof METRICS)[K]> } & {
  readonly registry: Registry;
  /** The text of a scrape. */
  scrape(): Promise<string>;
  /** Stops measuring; the values stay readable. */
  close(): void;
};

export interface MetricsOptions {
  /** Also the process's own: memory, CPU, garbage collection, handles. Default true. */
  readonly withProcess?: boolean;
}

const NS_PER_S = 1e9;
/** How often the delay is sampled (ms); prom-client's own choice, coarser hides short stalls. */
const DELAY_RESOLUTION_MS = 10;

export function createMetrics({ withProcess = true }: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (withProcess) collectDefaultMetrics({ register: registry });
  const built = Object.fromEntries(
    Object.entries(METRICS).map(([key, definition]) => [key, build(definition, registry)]),
  );
  // The one cast: entries of METRICS keep their keys, and `build` follows the type that each definition names.
  const typed = built as unknown as { readonly [K in MetricKey]: MetricOf<(typeof METRICS)[K]> };
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  return {
    ...typed,
    registry,
    scrape() {
      const p99Ns = delay.percentile(99);
      typed.eventLoopDelay.set(Number.isFinite(p99Ns) ? p99Ns / NS_PER_S : 0);
      delay.reset();
      return registry.metrics();
    },
    close() {
      delay.disable();
    },
  };
}

function build(definition: MetricDefinition, registry: Registry): Counter | Gauge | Histogram {
  const { name, help, labels } = definition;
  const options = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  if (definition.type === 'histogram') return new Histogram({ ...options, buckets: [...(definition.buckets ?? [])] });
  const metric = definition.type === 'counter' ? new Counter(options) : new Gauge(options);
  // A series that is absent until its first increment hides that increment from rate().
  for (const values of closedLabelSets(labels)) metric.inc(values, 0);
  return metric;
}

/** Every combination of values, or none when a label is open (or there is none: those start at 0 by themselves). */
function closedLabelSets(labels: MetricDefinition['labels']): Record<string, string>[] {
  let sets: Record<string, string>[] = Object.keys(labels).length === 0 ? [] : [{}];
  for (const [label, values] of Object.entries(labels)) {
    sets = (values ?? []).flatMap((value) => sets.map((set) => ({ ...set, [label]: value })));
  }
  return sets;
}
