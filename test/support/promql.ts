// Which metrics and labels a query speaks of, and what of it no process of ours has.
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { METRICS, type MetricDefinition } from '../../src/telemetry/metric-table.ts';

export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

export interface Spoken {
  readonly selectors: readonly Selector[];
  /** Labels that results are grouped by or matched on. */
  readonly grouped: readonly string[];
}

const SELECTOR = /([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?/g;
const MATCHER = /(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g;
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'group_left', 'group_right']);
const RANGE = /\[[^\]]*\]|\boffset\s+\w+/g;

/** Reads what our queries are made of; a name in front of a parenthesis is a function. */
export function spokenIn(query: string): Spoken {
  const grouped = [...query.matchAll(GROUPING)].flatMap(([, labels = '']) =>
    labels
      .split(',')
      .map((label) => label.trim())
      .filter((label) => label !== ''),
  );
  const rest = query.replace(RANGE, ' ').replace(GROUPING, ' ');
  const selectors = [...rest.matchAll(SELECTOR)]
    .filter(({ 0: all, 1: name = '', index }) => !WORDS.has(name) && !/^\s*\(/.test(rest.slice(index + all.length)))
    // The end of a number such as 1e3 is no name.
    .filter(({ index }) => !/[\w.]/.test(rest[index - 1] ?? ''))
    .map(([, metric = '', inside = '']) => ({
      metric,
      matchers: [...inside.matchAll(MATCHER)].map(([, label = '', operator = '', value = '']) => ({
        label,
        operator,
        value,
      })),
    }));
  return { selectors, grouped };
}

/** What Prometheus itself adds to whatever it scrapes. */
const OF_A_SCRAPE = ['instance', 'job'];

interface Known {
  /** Each label with its values, null where they are open. */
  readonly labels: Readonly<Record<string, readonly string[] | null>>;
}

function knownMetrics(): Map<string, Known> {
  const known = new Map<string, Known>([['up', { labels: {} }]]);
  const metrics = createMetrics();
  // Node's own have no labels that we ask for.
  for (const { name } of metrics.registry.getMetricsAsArray()) known.set(name, { labels: {} });
  metrics.close();
  for (const { name, type, labels } of Object.values<MetricDefinition>(METRICS)) {
    if (type !== 'histogram') known.set(name, { labels });
    else {
      known.delete(name);
      for (const part of ['_sum', '_count']) known.set(`${name}${part}`, { labels });
      known.set(`${name}_bucket`, { labels: { ...labels, le: null } });
    }
  }
  return known;
}

const KNOWN = knownMetrics();

/** The values that a matcher names, where it names them one by one. */
const namedValues = (operator: string, value: string): string[] =>
  operator.endsWith('~') ? value.split('|').filter((one) => /^\w+$/.test(one)) : [value];

function strangeIn({ metric, matchers }: Selector): string[] {
  const known = KNOWN.get(metric);
  if (known === undefined) return [`there is no metric ${metric}`];
  return matchers.flatMap(({ label, operator, value }) => {
    if (OF_A_SCRAPE.includes(label)) return [];
    if (!(label in known.labels)) return [`${metric} has no label ${label}`];
    const closed = known.labels[label] ?? null;
    if (closed === null) return [];
    return namedValues(operator, value)
      .filter((one) => !closed.includes(one))
      .map((one) => `${label} of ${metric} is never ${one}`);
  });
}

/** Whatever the query says that our processes do not; nothing when it is right. */
export function strangeWords(query: string): string[] {
  const { selectors, grouped } = spokenIn(query);
  const labels = new Set([
    ...OF_A_SCRAPE,
    ...selectors.flatMap(({ metric }) => Object.keys(KNOWN.get(metric)?.labels ?? {})),
  ]);
  const ofNoMetric = grouped
    .filter((label) => !labels.has(label))
    .map((label) => `no metric here has a label ${label}`);
  return [...selectors.flatMap(strangeIn), ...ofNoMetric];
}

/** Metrics that a query rates although they may begin with their first event, which a rate alone does not see. */
export const openCounters = (query: string): string[] =>
  [...query.matchAll(/\b(?:increase|delta)\(\s*(\w+)/g)]
    .map(([, metric = '']) => metric)
    .filter((metric) => Object.values(KNOWN.get(metric)?.labels ?? {}).includes(null));
