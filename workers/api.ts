/**
 * The control API: /docs says what it serves, /queues is Bull Board over the queues `topology-events`, `rebalance-claims`
 * and `rebalance.<index>`, whose jobs carry names such as `cities/17 n1→n4 MigrationInProgress`. It holds no lease; run
 * it anywhere, or not at all. Configuration: `miroir config schema` (api_host, api_port).
 */
import { loadConfig } from '../src/config.ts';
import { runProcess, startApi } from '../src/service.ts';

await runProcess('api', () => startApi(loadConfig(process.env)));
