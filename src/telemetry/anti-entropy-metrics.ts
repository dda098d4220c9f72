/** The metrics of anti-entropy, a part of the table; all but the documents left have the original's names. */
import { type MetricDefinition, NONE } from './metric-definition.ts';

export const ANTI_ENTROPY_METRICS = {
  antientropyShardsScanned: {
    name: 'miroir_antientropy_shards_scanned_total',
    type: 'counter',
    help: 'Shards whose replicas this process has compared to their end',
    labels: NONE,
  },
  antientropyMismatchesFound: {
    name: 'miroir_antientropy_mismatches_found_total',
    type: 'counter',
    help: 'Documents that differed between replicas when all that was on its way had been applied',
    labels: NONE,
  },
  antientropyDocsRepaired: {
    name: 'miroir_antientropy_docs_repaired_total',
    type: 'counter',
    help: 'Documents put or deleted on an owner because replicas differed',
    labels: NONE,
  },
  antientropyDocsLeft: {
    name: 'miroir_antientropy_docs_left_total',
    type: 'counter',
    help: 'Documents that differed and were left: on a repair list, changing, of unknown fate, or with repair off',
    labels: NONE,
  },
  antientropyLastScanCompleted: {
    name: 'miroir_antientropy_last_scan_completed_seconds',
    type: 'gauge',
    help: 'When the last pass over all shards ended (Unix time), from the records; 0 before the first',
    labels: NONE,
  },
} as const satisfies Record<string, MetricDefinition>;
