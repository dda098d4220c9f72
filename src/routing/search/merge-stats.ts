/**
 * Stats of an index over several nodes. Documents are counted by the shards that each node is read for. Everything else
 * a node tells of all copies it holds, so the part that is read is taken: exact where a node holds nothing else,
 * an estimate while it also holds copies that are read elsewhere.
 */
import { z } from 'zod';
import { compareText } from './order.ts';
import { isOurs } from './own-fields.ts';

const amount = z.number().nonnegative();
const shape = z.object({
  numberOfDocuments: amount,
  rawDocumentDbSize: amount.default(0),
  isIndexing: z.boolean(),
  numberOfEmbeddings: amount.default(0),
  numberOfEmbeddedDocuments: amount.default(0),
  fieldDistribution: z.record(z.string(), amount),
});

export type NodeStats = z.infer<typeof shape>;

export const readStats = (value: unknown): NodeStats => shape.parse(value);

export interface StatsPart {
  readonly stats: NodeStats;
  /** Documents of the shards that this node is read for. */
  readonly documents: number;
}

export interface IndexStats {
  readonly numberOfDocuments: number;
  readonly rawDocumentDbSize: number;
  readonly avgDocumentSize: number;
  readonly isIndexing: boolean;
  readonly numberOfEmbeddings: number;
  readonly numberOfEmbeddedDocuments: number;
  readonly fieldDistribution: Readonly<Record<string, number>>;
}

/** Documents may have a field named as what every object has: `constructor`. */
const countIn = ({ fieldDistribution: counts }: NodeStats, name: string): number =>
  Object.hasOwn(counts, name) ? (counts[name] ?? 0) : 0;

export function mergeStats(parts: readonly StatsPart[]): IndexStats {
  const sum = (of: (part: StatsPart) => number): number =>
    Math.round(parts.reduce((total, part) => total + of(part), 0));
  const share = ({ stats, documents }: StatsPart): number =>
    stats.numberOfDocuments === 0 ? 0 : Math.min(1, documents / stats.numberOfDocuments);
  const fields = [...new Set(parts.flatMap(({ stats }) => Object.keys(stats.fieldDistribution)))]
    .filter((name) => !isOurs(name))
    .sort(compareText)
    .map((name) => [name, sum((part) => countIn(part.stats, name) * share(part))] as const)
    .filter(([, count]) => count > 0);
  const numberOfDocuments = sum(({ documents }) => documents);
  const rawDocumentDbSize = sum((part) => part.stats.rawDocumentDbSize * share(part));
  return {
    numberOfDocuments,
    rawDocumentDbSize,
    avgDocumentSize: numberOfDocuments === 0 ? 0 : Math.round(rawDocumentDbSize / numberOfDocuments),
    isIndexing: parts.some(({ stats }) => stats.isIndexing),
    numberOfEmbeddings: sum((part) => part.stats.numberOfEmbeddings * share(part)),
    numberOfEmbeddedDocuments: sum((part) => part.stats.numberOfEmbeddedDocuments * share(part)),
    fieldDistribution: Object.fromEntries(fields),
  };
}
