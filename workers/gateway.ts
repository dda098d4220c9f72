/**
 * The gateway process: an HTTP server in front of the fleet that unmodified Meilisearch clients talk to. Each has a
 * router of its own, so run as many as you like behind a load balancer that asks `GET /health`. It holds no lease.
 *
 * Without a key file it listens on loopback only (`miroir gateway-key` makes a key). On SIGTERM it stops accepting, lets
 * what is under way end, takes its router out of the registry and exits with 0. What a node can do and the gateway
 * cannot is in docs/gateway.md. Configuration: `miroir config schema` (gateway_host, gateway_port, …).
 */
import { loadConfig } from '../src/config.ts';
import { runProcess, startGateway } from '../src/service.ts';

await runProcess('gateway', () => startGateway(loadConfig(process.env)));
