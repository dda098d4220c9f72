/** What operator verbs work with. */
import type { EventSender, FleetWriter, Nodes, Permit, Records } from '../ports.ts';

export interface ControlParts {
  readonly records: Records;
  readonly fleet: FleetWriter;
  readonly nodes: Nodes;
  readonly producer: EventSender;
}

/** Longest request to a node (ms): an operator waits for it. */
const REQUEST_MS = 10_000;
const NEVER = new AbortController().signal;

/** No lease protects what an operator asks of nodes: creating indexes that nobody uses yet, and looking. */
export const operatorPermit = (signal: AbortSignal = NEVER): Permit => ({ signal, budgetMs: () => REQUEST_MS });
