/**
 * Which nodes have failed, by what observers report: routers and planners, each of its own sight. One observer alone
 * never decides, nor does a minority of the routers that live, nor does anybody when most of the fleet looks down.
 */
import type { NodeState, Topology } from './topology.ts';

/** What one observer reports. */
export interface NodeReport {
  readonly observer: string;
  /** `host/pid` and role, for people. */
  readonly name: string;
  /** Node id → since when (Redis time, ms) it has not answered this observer. */
  readonly nodes: ReadonlyMap<string, number>;
}

/** All fresh reports, as Redis has them at one moment. */
export interface Observed {
  /** Redis time, ms. */
  readonly nowMs: number;
  /** Registrations of the routers that live; a router reports under its registration. */
  readonly routers: ReadonlySet<string>;
  readonly reports: readonly NodeReport[];
}

export interface FailedNode {
  readonly id: string;
  /** Names of those who report it, sorted. */
  readonly observers: readonly string[];
}

export interface Verdict {
  readonly failed: readonly FailedNode[];
  /** Would have failed, but more than half of the nodes look down at once: something else is wrong. */
  readonly withheld: readonly FailedNode[];
}

/** At least this many observers, of whatever kind. */
const OBSERVERS_MIN = 2;
/** States in which a node may fail. */
const LIVE = new Set<NodeState>(['active', 'joining', 'degraded', 'draining', 'restoring']);

/** Who reports the node for at least `forMs`; undefined when these are too few. */
function observersOf(id: string, { nowMs, routers, reports }: Observed, forMs: number): FailedNode | undefined {
  const saying = reports.filter(({ nodes }) => {
    const sinceMs = nodes.get(id);
    return sinceMs !== undefined && sinceMs <= nowMs - forMs;
  });
  if (saying.length < OBSERVERS_MIN) return undefined;
  const sayingRouters = saying.filter(({ observer }) => routers.has(observer)).length;
  if (routers.size > 0 && sayingRouters * 2 <= routers.size) return undefined;
  return { id, observers: saying.map(({ name }) => name).sort() };
}

/** `failedAfterMs`: how long each of the observers that count must have had no answer. */
export function judgeNodes(topology: Topology, observed: Observed, failedAfterMs: number): Verdict {
  const live = topology.nodes.filter(({ state }) => LIVE.has(state));
  const down = live.filter(({ id }) => observersOf(id, observed, 0) !== undefined);
  const due = down.flatMap(({ id }) => observersOf(id, observed, failedAfterMs) ?? []);
  // Those that are down for less long count too: nodes that go one after the other are one trouble.
  return down.length * 2 > live.length ? { failed: [], withheld: due } : { failed: due, withheld: [] };
}

/** Whether an observer has anything to say about nodes of this state. */
export const mayFail = (state: NodeState): boolean => LIVE.has(state);

/** What one observer has seen: since when each node has not answered it. */
export class Suspicions {
  readonly #gapMs: number;
  readonly #seen = new Map<string, { readonly sinceMs: number; readonly lastMs: number }>();

  /** `gapMs`: after this long without a look nobody knows what was in between, and the time begins anew. */
  constructor(gapMs: number) {
    this.#gapMs = gapMs;
  }

  /** A look that began at `nowMs` (monotonic) got no answer. */
  noAnswer(id: string, nowMs: number): void {
    const known = this.#seen.get(id);
    const goesOn = known !== undefined && nowMs - known.lastMs <= this.#gapMs;
    this.#seen.set(id, { sinceMs: goesOn ? known.sinceMs : nowMs, lastMs: nowMs });
  }

  /** It answered, or is nobody's concern any more. */
  clear(id: string): void {
    this.#seen.delete(id);
  }

  has(id: string): boolean {
    return this.#seen.has(id);
  }

  ids(): string[] {
    return [...this.#seen.keys()];
  }

  /** Node id → for how long (ms) it has not answered. */
  all(nowMs: number): Map<string, number> {
    return new Map([...this.#seen].map(([id, { sinceMs }]) => [id, nowMs - sinceMs]));
  }
}
