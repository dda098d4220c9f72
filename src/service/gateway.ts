/** The gateway over a router of its own. */
import { setFlagsFromString } from 'node:v8';
import type { Config } from '../config.ts';
import { assertGuarded } from '../access/key-file.ts';
import { KEY_FILE } from '../gateway/keys.ts';
import { type Gateway, startGateway as listen } from '../gateway/server.ts';
import { type Base, type Running, serveAlone } from './base.ts';
import { openRouter } from './router.ts';

/**
 * How much the heap may grow, by what lives in it, until all of it is collected. V8's own choice is up to four times as
 * much, which under 500 connections and a body of 100 MB was 100 MB of garbage, a third of the process.
 */
const HEAP_GROWTH_PERCENT = 30;

/** Serves clients in a process that has its base already; `close` drains, and leaves the base open. */
export async function openGateway(base: Base): Promise<Gateway> {
  const { config, logger, metrics } = base;
  const router = openRouter(base, { role: 'gateway' });
  try {
    return await listen({
      router,
      host: config.gatewayHost,
      port: config.gatewayPort,
      keysFile: config.gatewayKeysFile,
      bodyMaxBytes: config.gatewayBodyMaxBytes,
      waitingMaxBytes: config.gatewayWaitingMaxBytes,
      inFlightMax: config.gatewayInFlightMax,
      connectionsMax: config.gatewayConnectionsMax,
      metrics,
      logger,
    });
  } catch (error) {
    await router.close();
    throw error;
  }
}

/** A process that is a gateway and does nothing else. */
export async function startGateway(config: Config): Promise<Running & { readonly gatewayUrl: string }> {
  // Before anything is waited for: what is wrong here no start of Redis mends.
  assertGuarded(KEY_FILE, config.gatewayHost, config.gatewayKeysFile);
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const { base, opened, ...running } = await serveAlone(config, 'gateway', openGateway);
  base.logger.info({ gateway: opened.url, metrics: running.metricsUrl ?? undefined }, 'the gateway runs');
  return { ...running, gatewayUrl: opened.url };
}
