/**
 * Everything on one machine: planner and board in this process, and a mover as a process of its own that is started
 * again when it dies. The embedded default; `miroir up` runs the same with a Redis and nodes beneath it.
 *
 * On SIGTERM the mover drains first, then planner and board close. Configuration: `miroir config schema`.
 */
import { loadConfig } from '../src/config.ts';
import { runProcess, startAll } from '../src/service.ts';

await runProcess('all', () => startAll({ config: loadConfig(process.env) }));
