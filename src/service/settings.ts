/** What changes the settings of indexes, over the connections of a process. */
import { createLeases } from '../redis/lease.ts';
import type { LeaseWatch } from '../redis/lease-watch.ts';
import { createEmbedderKeys } from '../nodes/embedder-keys.ts';
import { settingsScope } from '../redis/keys.ts';
import type { Leases } from '../ports.ts';
import type { SettingsParts } from '../routing/router/parts.ts';
import { createSettingsObserver } from '../telemetry/observer.ts';
import type { Base } from './base.ts';

/** A router takes a lease now and then: it waits a little longer after a dead holder, and does not look all the time. */
const UNWATCHED: LeaseWatch = { sinceMs: () => null, stop: () => undefined };

export const openUnwatchedLeases = (base: Base): Leases => createLeases({ ...base, watch: UNWATCHED });

export const openSettings = (base: Base, leases: Leases): SettingsParts => ({
  records: base.settings,
  observer: createSettingsObserver(base.metrics),
  leases,
  scopeOf: settingsScope,
  clientOf: (node, permit) => base.nodes.client(node, permit),
  keyOf: createEmbedderKeys(base.config.embedderKeys),
  strategy: base.config.settingsStrategy,
  verifyTimeoutMs: base.config.settingsVerifyTimeoutS * 1_000,
  retries: base.config.settingsMaxRetries,
});
