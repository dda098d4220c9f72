/** The nodes of a fleet over HTTP: one bounded pool of connections per origin, shared by all clients. */
import { setMaxListeners } from 'node:events';
import { Agent } from 'undici';
import type { TopologyNode } from '../core/topology.ts';
import type { Clock, Failpoint, Nodes, Permit } from '../ports.ts';
import { MeilisearchClient } from './client.ts';
import { Keyring } from './keys.ts';
import { assertPatterns } from './origins.ts';
import type { KeyConfig } from './keys.ts';
import type { NodeLog, NodeMeters, RequestParts } from './requests.ts';

export interface NodesOptions {
  readonly config: KeyConfig;
  readonly clock: Clock;
  readonly logger?: NodeLog;
  readonly metrics?: NodeMeters;
  readonly failpoint?: Failpoint;
}

/** A node serves four reads a core at a time and shares them with its searches; what is more waits here. */
const CONNECTIONS_PER_NODE = 8;
/** Below the five seconds after which nodes close idle connections, so that a request rarely meets a closed one. */
const KEEP_ALIVE_MS = 3_000;
/** As long as a request may last at most with the default lease: a socket that takes longer helps nobody. */
const CONNECT_MS = 4_000;

const NO_FAILPOINT: Failpoint = { hit: () => Promise.resolve() };

export function createNodes({ config, clock, logger, metrics, failpoint }: NodesOptions): Nodes {
  // A wrong pattern is told at the start, not by the first event that meets it.
  assertPatterns(config.nodeOrigins);
  for (const origins of config.nodeKeyOrigins.values()) assertPatterns(origins);
  const dispatcher = new Agent({
    connections: CONNECTIONS_PER_NODE,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: { timeout: CONNECT_MS },
    // Each request has one deadline of its own over everything: the permit's budget.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const keyring = new Keyring(config, clock);
  const parts: RequestParts = {
    dispatcher,
    keyring,
    clock,
    failpoint: failpoint ?? NO_FAILPOINT,
    ...(logger === undefined ? {} : { logger }),
    ...(metrics === undefined ? {} : { metrics }),
  };
  return {
    assertAllowed(node) {
      keyring.access(node);
    },
    client(node: TopologyNode, permit: Permit) {
      // Each request under way listens to the permit and stops listening when it ends, so many at a time are no leak.
      setMaxListeners(0, permit.signal);
      return new MeilisearchClient(parts, node, permit);
    },
    close: () => dispatcher.close(),
  };
}
