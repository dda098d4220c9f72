/**
 * What the leading planner makes of what observers report. They only tell what they see; one process decides, under its
 * fence, so that no two ever act on different sights of the same node.
 */
import { judgeNodes, type Judged, type Verdict } from '../core/observations.ts';
import { degradedBySight, withoutTrouble } from '../core/seen.ts';
import type { TopologyNode } from '../core/topology.ts';
import type { PlanningParts } from './parts.ts';

export interface HealthRound extends Pick<Verdict, 'failed' | 'recovered'> {
  /** Redis time of the reports. */
  readonly nowMs: number;
}

const told = ({ why, observers }: Judged): string => `${why} (${observers.join(', ')})`;

export class Health {
  readonly #parts: PlanningParts;
  /** Which nodes put the brake on at the last look, as it was said; null before the first one. */
  #braked: string | null = null;

  constructor(parts: PlanningParts) {
    this.#parts = parts;
  }

  /** Whether too much looks down for anything to be done about it, or nobody knows. */
  get isBraked(): boolean {
    return this.#braked !== '';
  }

  /** Writes down which nodes are degraded or well again, and returns those whose failure or return is an event. */
  async judge(): Promise<HealthRound> {
    const { observations, records, config } = this.#parts;
    const observed = await observations.read();
    const topology = await records.topology();
    const { nowMs } = observed;
    if (!config.healthEnabled) {
      this.#braked = '';
      return { failed: [], recovered: [], nowMs };
    }
    const verdict = judgeNodes(topology, observed, {
      failedAfterMs: config.nodeFailedAfterMs,
      flapQuietMs: config.nodeFlapQuietMs,
    });
    this.#sayBrake(verdict);
    const { failed, recovered, degraded, good } = verdict;
    const of = (id: string): TopologyNode | undefined => topology.nodes.find((node) => node.id === id);
    const changes = [
      ...degraded.flatMap((one) => change(one, of(one.id), (node) => degradedBySight(node, one.why), 'degraded')),
      ...good.flatMap((one) =>
        change(one, of(one.id), (node) => ({ ...withoutTrouble(node), state: 'active' }), 'well again'),
      ),
    ];
    if (changes.length > 0) await this.#write(topology.version, changes);
    return { failed, recovered, nowMs };
  }

  async #write(version: number, changes: readonly Change[]): Promise<void> {
    const { writer, logger } = this.#parts;
    await writer.commitTopology(version, changes, { why: changes.map(({ why }) => why).join('; ') });
    for (const { id, node, why } of changes) logger.warn({ node: id, state: node.state }, why);
  }

  /** Once, and again when other nodes are down. */
  #sayBrake({ brake }: Verdict): void {
    const nodes = brake?.nodes.join(', ') ?? '';
    const isSaid = nodes === (this.#braked ?? '');
    this.#braked = nodes;
    if (isSaid) return;
    const { logger } = this.#parts;
    if (brake === null) {
      logger.info({}, 'no longer a good part of the nodes down: nodes are failed, taken back and repaired again');
      return;
    }
    const remedy = 'look at the network of the observers; for nodes that are gone for good: `miroir node fail`';
    logger.error({ nodes, remedy }, `${brake.why}; no node is failed, taken back or repaired until fewer are`);
  }
}

interface Change {
  readonly id: string;
  readonly node: TopologyNode;
  readonly why: string;
}

function change(
  judged: Judged,
  node: TopologyNode | undefined,
  next: (node: TopologyNode) => TopologyNode,
  word: string,
): Change[] {
  return node === undefined
    ? []
    : [{ id: node.id, node: next(node), why: `node ${node.id} is ${word}: ${told(judged)}` }];
}
