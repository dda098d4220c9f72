/**
 * The mover process: claims indexes that have work, holds the lease `rebalance:<index>` while it serves one, and runs
 * the five phases of each move. Run two or twenty: each index is served by one of them at a time.
 *
 * On SIGTERM it stops sending, writes its last checkpoints, hands the moves over, gives its leases back and exits
 * with 0; killed, another process takes over after at most 1.1 lease TTLs. Exit code 75: its requests to a node did not
 * end after a lease was lost, so that only the end of the process makes sure. Configuration: `miroir config schema`.
 */
import { loadConfig } from '../src/config.ts';
import { runProcess, startRebalancer } from '../src/service.ts';

await runProcess('rebalancer', () => startRebalancer(loadConfig(process.env)));
