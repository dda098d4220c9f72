/** `miroir doctor`: looks at everything that has to hold, changes nothing, and says for each what to do. */
import { fail, type Finding } from './doctor/finding.ts';
import { healthChecks } from './doctor/health-checks.ts';
import { indexChecks } from './doctor/index-checks.ts';
import { nodeChecks } from './doctor/node-checks.ts';
import type { DoctorParts } from './doctor/parts.ts';
import { redisChecks } from './doctor/redis-checks.ts';
import { workerChecks } from './doctor/worker-checks.ts';
import { workChecks } from './doctor/work-checks.ts';
import { toldHolds } from './held-moves.ts';

export type { Finding, Level } from './doctor/finding.ts';

/** In the order in which an operator mends: Redis, processes, nodes, indexes. */
export async function doctor(parts: DoctorParts): Promise<Finding[]> {
  const { records } = parts;
  const redis = await redisChecks(parts);
  const { nodes } = await records.topology();
  const known = nodes.filter(({ state }) => state !== 'removed');
  if (known.length === 0) {
    return [...redis, fail('nodes', 'there are none yet', 'add some: `miroir node add n1 --url http://…`')];
  }
  const moves = await toldHolds(parts, await records.unfinishedMoves());
  const work = await workChecks(parts, moves);
  const workers = await workerChecks(parts, moves);
  const findings = [...redis, ...work, ...workers, ...(await healthChecks(parts)), ...(await nodeChecks(parts, known))];
  for (const entry of await records.indexes()) findings.push(...(await indexChecks(parts, entry, known, moves)));
  return findings;
}
