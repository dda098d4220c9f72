/** The nodes of a fleet over HTTP: one bounded pool of connections per origin, shared by all clients. */
import { setMaxListeners } from 'node:events';
import { Agent } from 'undici';
import type { TopologyNode } from '../core/topology.ts';
import type { Clock, Failpoint, NodeProbe, Nodes, Permit, Traffic } from '../ports.ts';
import { checkedLookup } from './addresses.ts';
import { MeilisearchClient } from './client.ts';
import { Keyring } from './keys.ts';
import { assertPatterns } from './origins.ts';
import type { KeyConfig } from './keys.ts';
import { createNodeProbe } from './probe.ts';
import type { NodeLog, NodeMeters, RequestParts } from './requests.ts';
import { ClientTraffic } from './traffic.ts';

export interface NodesOptions {
  readonly config: KeyConfig;
  readonly clock: Clock;
  readonly logger?: NodeLog;
  readonly metrics?: NodeMeters;
  readonly failpoint?: Failpoint;
}

/** A node serves four reads a core at a time and shares them with its searches; what is more waits here. */
const CONNECTIONS_PER_NODE = 8;
/** One that hangs, and the next one. */
const PROBES_PER_NODE = 2;
/** Below the five seconds after which nodes close idle connections, so that a request rarely meets a closed one. */
const KEEP_ALIVE_MS = 3_000;
/** As long as a request may last at most with the default lease: a socket that takes longer helps nobody. */
const CONNECT_MS = 4_000;

const NO_FAILPOINT: Failpoint = { hit: () => Promise.resolve() };

export interface TrafficOptions extends NodesOptions {
  /** Requests under way to one node; each has a connection. */
  readonly connectionsPerNode?: number;
  /** Requests that wait for one of these; one more is refused with `NodeBusyError`. */
  readonly waitingPerNode?: number;
}

/** Above what a node serves at a time (four reads a core), since writes only wait for its disk. */
const CLIENT_CONNECTIONS_PER_NODE = 32;
/** A node has a line of 1,000 itself; what would wait longer than that is better told at once. */
const CLIENTS_WAITING_PER_NODE = 512;

export function createNodes(options: NodesOptions): Nodes {
  const refusals = new Map<string, number>();
  const parts = { ...requestParts(options, CONNECTIONS_PER_NODE), refusals };
  return {
    assertAllowed(node) {
      parts.keyring.access(node);
    },
    client(node: TopologyNode, permit: Permit) {
      // Each request under way listens to the permit and stops listening when it ends, so many at a time are no leak.
      setMaxListeners(0, permit.signal, permit.writeSignal ?? permit.signal);
      return new MeilisearchClient(parts, node, permit);
    },
    refusals: (id) => refusals.get(id) ?? 0,
    close: () => parts.dispatcher.close(),
  };
}

/** Clients' requests: a pool and lines of their own, so that a mover's pages never stand before a search. */
export function createTraffic(options: TrafficOptions): Traffic {
  const { connectionsPerNode: active = CLIENT_CONNECTIONS_PER_NODE } = options;
  const { waitingPerNode: waiting = CLIENTS_WAITING_PER_NODE } = options;
  return new ClientTraffic(requestParts(options, active), { active, waiting });
}

/** Asks nodes whether they live. */
export const createProbe = (options: NodesOptions): NodeProbe =>
  createNodeProbe(requestParts(options, PROBES_PER_NODE));

function requestParts({ config, clock, logger, metrics, failpoint }: NodesOptions, connections: number): RequestParts {
  // A wrong pattern is told at the start, not by the first event that meets it.
  assertPatterns(config.nodeOrigins);
  for (const origins of config.nodeKeyOrigins.values()) assertPatterns(origins);
  return {
    dispatcher: new Agent({
      connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: { timeout: CONNECT_MS, lookup: checkedLookup(config.nodeOrigins) },
      // Each request has one deadline of its own over everything: the permit's budget.
      headersTimeout: 0,
      bodyTimeout: 0,
    }),
    keyring: new Keyring(config, clock),
    clock,
    failpoint: failpoint ?? NO_FAILPOINT,
    ...(logger === undefined ? {} : { logger }),
    ...(metrics === undefined ? {} : { metrics }),
  };
}
