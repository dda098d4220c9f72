/**
 * Everything on one machine: planner and board in this process, a mover and with `all_gateway` a gateway as processes of
 * their own that are started again when they die. The embedded default; `miroir up` runs the same with a Redis and nodes
 * beneath it.
 *
 * On SIGTERM mover and gateway drain first, then planner and board close. Configuration: `miroir config schema`.
 */
import { loadConfig } from '../src/config.ts';
import { runProcess, startAll } from '../src/service.ts';

await runProcess('all', () => startAll({ config: loadConfig(process.env) }));
