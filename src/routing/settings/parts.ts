/** What a change of settings works with. */
import type { Clock, Logger, SettingsObserver, SettingsRecords } from '../../ports.ts';
import type { IndexNodesParts } from './index-nodes.ts';

export type Strategy = 'two_phase' | 'sequential';

export interface BroadcastParts extends IndexNodesParts {
  readonly settings: SettingsRecords;
  readonly strategy: Strategy;
  /** A node that does not answer for this long ends the broadcast. */
  readonly verifyTimeoutMs: number;
  /** How often a node that shows other settings is sent them again. */
  readonly retries: number;
  /** Throws for the name of a key that this process does not have. */
  keyOf(this: void, reference: string): string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: SettingsObserver;
}
