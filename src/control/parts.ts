/** What operator verbs work with. */
import type { TopologyNode } from '../core/topology.ts';
import type { Clock, EventSender, FleetWriter, NodeClient, PlanHolds, Records, SettingsRecords } from '../ports.ts';
import type { Asker } from './audited.ts';

export interface ControlParts {
  readonly records: Records;
  readonly planHolds: PlanHolds;
  readonly fleet: FleetWriter;
  readonly settings: SettingsRecords;
  readonly producer: EventSender;
  readonly clock: Clock;
  /** A node's client; no lease bounds it. Its calls throw `NodeOriginError` for a node that is not allowed. */
  clientOf(this: void, node: TopologyNode): NodeClient;
}

/** With who asks, for verbs that change something. */
export type ChangeParts = ControlParts & Asker;
