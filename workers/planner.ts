/**
 * The planner process: takes topology events from the queue `topology-events`, decides which shards move where, and
 * sees that every move has a job and every index with work has a claim. It never speaks for a node and copies nothing.
 *
 * Several may run; one at a time leads, under the lease `planner`. On SIGTERM it ends the event at hand, gives the
 * lease back, so that another one leads at once, and exits with 0. Configuration: `miroir config schema`.
 */
import { loadConfig } from '../src/config.ts';
import { runProcess, startPlanner } from '../src/service.ts';

await runProcess('planner', () => startPlanner(loadConfig(process.env)));
