/**
 * What becomes of nodes by what observers report. An observer is a process: what its router, planner and reconciler see
 * comes from one place. One observer alone never decides, nor does one that is itself cut off, nor does a minority of the
 * routers, nor does anybody when a good part of the fleet looks down at once.
 */
import { FLAP_WINDOW_MS } from './seen.ts';
import type { Seen, Sight } from './sights.ts';
import type { NodeState, Topology, TopologyNode } from './topology.ts';

/** What one part of a process reports; it is there, with or without nodes, for as long as that part looks. */
export interface NodeReport {
  readonly observer: string;
  /** `host/pid`: reports of one process are one observer. */
  readonly process: string;
  /** Process and role, for people. */
  readonly name: string;
  readonly nodes: ReadonlyMap<string, Sight>;
}

/** All fresh reports, as Redis has them at one moment. */
export interface Observed {
  /** Redis time, ms. */
  readonly nowMs: number;
  /** Registrations of the routers that live; a router reports under its registration. */
  readonly routers: ReadonlySet<string>;
  readonly reports: readonly NodeReport[];
}

export interface Judged {
  readonly id: string;
  readonly why: string;
  /** Names of those who say so, sorted. */
  readonly observers: readonly string[];
}

export interface Verdict {
  readonly failed: readonly Judged[];
  readonly degraded: readonly Judged[];
  /** Failed by observers, and back. */
  readonly recovered: readonly Judged[];
  /** Degraded, and well again. */
  readonly good: readonly Judged[];
  /** Too much looks down at once: nothing of the above is done, and this is why. */
  readonly brake: { readonly why: string; readonly nodes: readonly string[] } | null;
  /** Observers that count. */
  readonly observers: number;
}

export interface JudgeOptions {
  /** How long each of those who say so must have had no answer. */
  readonly failedAfterMs: number;
  /** How long a flapping node must have answered. */
  readonly flapQuietMs: number;
}

const OBSERVERS_MIN = 2;
/** Looks in a row that make trouble, and that end it. */
const BAD_LOOKS = 3;
const GOOD_LOOKS = 2;
/** The brake: more than this share of the nodes, or this many, and never for one node alone. */
const BRAKE_SHARE = 0.4;
const BRAKE_NODES = 10;

const WORDS: Readonly<Record<Seen, string>> = {
  silent: 'no answer',
  refused: 'its key is refused',
  unasked: 'not asked',
  answers: 'it answers',
};

/** States in which a node may fail. */
const LIVE = new Set<NodeState>(['active', 'joining', 'degraded', 'draining', 'restoring']);

/** Failed on the word of observers. */
const isFailedBySight = ({ state, seen }: TopologyNode): boolean => state === 'failed' && seen?.failed === true;

/** Whether observers look at the node at all. */
export const isLookedAt = (node: TopologyNode): boolean => LIVE.has(node.state) || isFailedBySight(node);

/** Whether somebody waits for the word that the node answers. */
export const isAwaited = (node: TopologyNode): boolean => node.state === 'degraded' || isFailedBySight(node);

type Says = (sight: Sight) => boolean;

class Observers {
  readonly #processes: readonly (readonly NodeReport[])[];
  readonly #routers: readonly NodeReport[];

  constructor(reports: readonly NodeReport[], routers: ReadonlySet<string>) {
    const names = [...new Set(reports.map(({ process }) => process))];
    this.#processes = names.map((name) => reports.filter(({ process }) => process === name));
    this.#routers = reports.filter(({ observer }) => routers.has(observer));
  }

  get count(): number {
    return this.#processes.length;
  }

  /** Those that reach half of these nodes: one that does not is cut off itself, or may speak to nobody. */
  counting(ids: readonly string[], routers: ReadonlySet<string>): Observers {
    const reaches = (reports: readonly NodeReport[]): boolean => {
      const missed = ids.filter((id) => reports.some(({ nodes }) => (nodes.get(id)?.what ?? 'answers') !== 'answers'));
      return missed.length * 2 <= ids.length;
    };
    return new Observers(this.#processes.filter(reaches).flat(), routers);
  }

  /** Who says it, when more than half of all and of the routers do; null otherwise. */
  most(id: string, says: Says, min: number): readonly NodeReport[] | null {
    const saying = ({ nodes }: NodeReport): boolean => {
      const sight = nodes.get(id);
      return sight !== undefined && says(sight);
    };
    const processes = this.#processes.filter((reports) => reports.some(saying)).length;
    if (processes < min || processes * 2 <= this.count) return null;
    if (this.#routers.length > 0 && this.#routers.filter(saying).length * 2 <= this.#routers.length) return null;
    return this.#processes.flat().filter(saying);
  }

  some(id: string, says: Says): boolean {
    return this.#processes.flat().some(({ nodes }) => {
      const sight = nodes.get(id);
      return sight !== undefined && says(sight);
    });
  }
}

const isBad: Says = ({ what }) => what === 'silent' || what === 'refused';
const isSilent: Says = ({ what }) => what === 'silent';
const isBack: Says = ({ what, looks }) => what === 'answers' && looks >= GOOD_LOOKS;

/** Judges all nodes for those who say something of them. */
function judged(nodes: readonly TopologyNode[], who: (node: TopologyNode) => readonly NodeReport[] | null): Judged[] {
  return nodes.flatMap((node) => {
    const reports = who(node);
    if (reports === null) return [];
    const said = reports.flatMap(({ nodes: seen }) => seen.get(node.id)?.what ?? []);
    const what = said.includes('silent') ? 'silent' : (said[0] ?? 'silent');
    return [{ id: node.id, why: WORDS[what], observers: reports.map(({ name }) => name).sort() }];
  });
}

/**
 * Nodes that most of those who reach half of the nodes get no answer from, or this process itself does not. One observer
 * that is cut off, or has a wrong key, does not keep the others from what they can do.
 */
export function troubledNodes({ nodes }: Topology, { routers, reports }: Observed, process: string): Set<string> {
  const ids = nodes.filter(({ state }) => LIVE.has(state)).map(({ id }) => id);
  const counting = new Observers(reports, routers).counting(ids, routers);
  const own = new Observers(
    reports.filter((report) => report.process === process),
    routers,
  );
  return new Set(ids.filter((id) => own.some(id, isBad) || counting.most(id, isBad, 1) !== null));
}

/** What holds a node up that a move needs, and since when (Redis time, ms). */
export interface NodeTrouble {
  readonly node: string;
  readonly what: 'failed' | 'silent' | 'refused';
  readonly sinceMs: number;
  /** In words: who says so. */
  readonly told: string;
}

/** Nodes that have failed, or that most of those who reach half of the nodes get no good answer from, by id. */
export function nodeTroubles({ nodes }: Topology, { nowMs, routers, reports }: Observed): Map<string, NodeTrouble> {
  const ids = nodes.filter(({ state }) => LIVE.has(state)).map(({ id }) => id);
  const counting = new Observers(reports, routers).counting(ids, routers);
  const troubles = new Map<string, NodeTrouble>();
  for (const { id, state, failedAtMs = nowMs, seen } of nodes) {
    if (state === 'failed') {
      const told = `${id} has failed${seen?.why === undefined ? '' : `: ${seen.why}`}`;
      troubles.set(id, { node: id, what: 'failed', sinceMs: failedAtMs, told });
      continue;
    }
    const saying = counting.most(id, (sight) => isBad(sight) && sight.looks >= BAD_LOOKS, 1);
    if (saying === null) continue;
    const sights = saying.flatMap(({ nodes: seenBy }) => seenBy.get(id) ?? []);
    const what = sights.some(isSilent) ? 'silent' : 'refused';
    const sinceMs = nowMs - Math.max(...sights.filter((sight) => sight.what === what).map(({ forMs }) => forMs));
    const [first = '', ...more] = saying.map(({ name }) => name).sort();
    const who = more.length === 0 ? first : `${first} and ${more.length} more`;
    troubles.set(id, { node: id, what, sinceMs, told: `${id}: ${WORDS[what]}, as seen by ${who}` });
  }
  return troubles;
}

export function judgeNodes(topology: Topology, observed: Observed, options: JudgeOptions): Verdict {
  const { nowMs, routers, reports } = observed;
  const live = topology.nodes.filter(({ state }) => LIVE.has(state));
  const away = topology.nodes.filter(isFailedBySight);
  const all = new Observers(reports, routers);
  const counting = all.counting(
    live.map(({ id }) => id),
    routers,
  );
  const verdict = {
    failed: judged(live, ({ id }) =>
      counting.most(
        id,
        (sight) => isSilent(sight) && sight.looks >= BAD_LOOKS && sight.forMs >= options.failedAfterMs,
        OBSERVERS_MIN,
      ),
    ),
    recovered: judged(away, ({ id, seen }) =>
      counting.some(id, isBad)
        ? null
        : counting.most(
            id,
            (sight) => isBack(sight) && (seen?.flapping !== true || sight.forMs >= options.flapQuietMs),
            OBSERVERS_MIN,
          ),
    ),
    good: judged(
      live.filter(({ state }) => state === 'degraded'),
      ({ id }) => counting.most(id, isBack, 1),
    ),
  };
  const failing = new Set(verdict.failed.map(({ id }) => id));
  const degraded = judged(
    live.filter(({ id, state }) => state === 'active' && !failing.has(id)),
    ({ id }) => counting.most(id, (sight) => isBad(sight) && sight.looks >= BAD_LOOKS, OBSERVERS_MIN),
  );
  // Those that are down for less long count, and those that failed lately and are still away: one after the other is one
  // trouble. Who is cut off is heard as well: when all are, nothing may be done, and somebody should know.
  const down = live.filter(({ id }) => all.most(id, isSilent, OBSERVERS_MIN) !== null);
  const lately = away.filter(
    ({ id, seen }) =>
      (seen?.failuresAtMs?.at(-1) ?? 0) > nowMs - FLAP_WINDOW_MS && all.most(id, isBack, OBSERVERS_MIN) === null,
  );
  const nodes = [...down, ...lately].map(({ id }) => id).sort();
  const among = live.length + lately.length;
  const observers = counting.count;
  if (nodes.length < 2 || (nodes.length <= among * BRAKE_SHARE && nodes.length < BRAKE_NODES)) {
    return { ...verdict, degraded, brake: null, observers };
  }
  const why = `${nodes.length} of ${among} nodes look down at once`;
  return { failed: [], degraded: [], recovered: [], good: [], brake: { why, nodes }, observers };
}
