/** Who looks at nodes: enough of them to find one failed, and whether too much looks down for anything to be done. */
import { judgeNodes } from '../../core/observations.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import type { DoctorParts } from './parts.ts';

const SUBJECT = 'observers';
const RUN_TWO = 'run two reconcilers (`miroir reconciler`), or a gateway beside the planner';

export async function healthChecks({ records, observations, judging, healthEnabled }: DoctorParts): Promise<Finding[]> {
  const observed = await observations.read();
  const { observers: counting, brake } = judgeNodes(await records.topology(), observed, judging);
  const all = new Set(observed.reports.map(({ process }) => process)).size;
  const isRepairing = observed.reports.some(({ name }) => name.endsWith(' reconciler'));
  return [
    ...(healthEnabled
      ? []
      : [warn(SUBJECT, 'nobody looks at nodes (health_enabled is off)', 'say which have failed: `miroir node fail`')]),
    all > 1
      ? ok(SUBJECT, `${all} processes look at nodes`)
      : warn(SUBJECT, `${all} processes look at nodes: none is found failed by less than two`, RUN_TWO),
    ...(counting === all
      ? []
      : [
          warn(
            SUBJECT,
            `${all - counting} of ${all} reach less than half of the nodes, and do not count`,
            'look at their network, and at the keys that they have',
          ),
        ]),
    ...(brake === null
      ? []
      : [
          fail(
            SUBJECT,
            `${brake.why} (${brake.nodes.join(', ')}): none is failed, taken back or repaired`,
            'look at the network between; for nodes that are gone for good: `miroir node fail`',
          ),
        ]),
    isRepairing
      ? ok('reconcilers', 'at least one runs')
      : warn(
          'reconcilers',
          'none runs: nothing is repaired, no settings are compared',
          'start two: `miroir reconciler`',
        ),
  ];
}
