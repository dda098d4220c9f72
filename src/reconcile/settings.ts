/**
 * Settings of indexes, looked after: a broadcast whose process died is finished or set back, and nodes are compared with
 * what is desired, never with each other's majority. A node that drifted is sent the difference alone, since every change
 * costs it a pass over all its documents.
 */
import { settingsLacking } from '../core/settings-change.ts';
import { withKeys, withoutSecrets, withReferences } from '../core/settings-secrets.ts';
import { fingerprintOf } from '../core/settings-text.ts';
import { messageOf, TimeoutError } from '../errors.ts';
import type { Duty, DutyResult, Lease, Logger, Records, SettingsRecord } from '../ports.ts';
import { Broadcasts, type BroadcastsParts } from '../routing/settings/broadcasts.ts';
import { commonSettings, IndexNodes, type Shown } from '../routing/settings/index-nodes.ts';

export interface SettingsDutyParts extends Omit<BroadcastsParts, 'records'> {
  readonly records: Pick<Records, 'topology' | 'table' | 'indexes'>;
  readonly logger: Logger;
  /** Whether broadcasts that nobody drives are finished. */
  readonly resumes: boolean;
  readonly driftIntervalMs: number;
  /** False: drift is told of and left alone. */
  readonly autoRepair: boolean;
}

/** A broadcast that nobody drives is missed by clients that wait for its task. */
const RESUME_MS = 5_000;
/** Beyond the time after which a silent node ends a change a task is left to the next round. */
const TASK_MS = 10_000;

export function settingsDuties(parts: SettingsDutyParts): readonly Duty[] {
  const broadcasts = new Broadcasts(parts);
  const uids = async (): Promise<string[]> => (await parts.records.indexes()).map(({ uid }) => uid);
  return [
    {
      name: 'settings-broadcast',
      everyMs: RESUME_MS,
      isOn: parts.resumes,
      async tasks() {
        const records = await parts.settings.list(await uids());
        return records.filter(({ broadcast }) => broadcast !== null).map(({ index }) => index);
      },
      run: (index, { signal }) =>
        briefly(parts, index, signal, async (lease, over) => ({
          resumed: await broadcasts.resume(index, lease, over),
        })),
    },
    {
      name: 'settings-drift',
      everyMs: parts.driftIntervalMs,
      isSlow: true,
      isOn: parts.driftIntervalMs > 0,
      tasks: uids,
      run: (index, { signal }) =>
        briefly(parts, index, signal, (lease, over) => new DriftLook(parts, index, lease, over).run()),
    },
  ];
}

/** A node may index for hours before it applies a change; other tasks of reconcilers do not wait for that. */
async function briefly(
  parts: SettingsDutyParts,
  index: string,
  signal: AbortSignal,
  act: (lease: Lease, signal: AbortSignal) => Promise<DutyResult>,
): Promise<DutyResult> {
  const late = new AbortController();
  const cancel = parts.clock.timer(parts.verifyTimeoutMs + TASK_MS, () =>
    late.abort(new TimeoutError('nodes have not applied a change yet')),
  );
  try {
    const over = AbortSignal.any([signal, late.signal]);
    return await underLease(parts, index, over, (lease) => act(lease, over));
  } catch (error) {
    if (!late.signal.aborted || signal.aborted) throw error;
    return { left: messageOf(error) };
  } finally {
    cancel();
  }
}

/** The lease under which settings of the index are changed, whoever does it. */
async function underLease(
  { leases, scopeOf }: SettingsDutyParts,
  index: string,
  signal: AbortSignal,
  act: (lease: Lease) => Promise<DutyResult>,
): Promise<DutyResult> {
  const answer = await leases.acquire(scopeOf(index));
  if ('busy' in answer) return { skipped: 'busy', holder: answer.busy.holder };
  const { lease } = answer;
  let isClean = false;
  try {
    await lease.ready;
    signal.throwIfAborted();
    const result = await act(lease);
    isClean = true;
    return result;
  } finally {
    if (!lease.signal.aborted) await lease.release(isClean);
  }
}

class DriftLook {
  readonly #parts: SettingsDutyParts;
  readonly #index: string;
  readonly #lease: Lease;
  readonly #nodes: IndexNodes;

  constructor(parts: SettingsDutyParts, index: string, lease: Lease, signal: AbortSignal) {
    this.#parts = parts;
    this.#index = index;
    this.#lease = lease;
    this.#nodes = new IndexNodes(parts, index, lease, signal);
  }

  async run(): Promise<DutyResult> {
    const { settings, strategy, logger } = this.#parts;
    const record = await settings.read(this.#index);
    if (record.broadcast !== null) return { skipped: 'broadcast' };
    const { clients, failed } = await this.#nodes.present();
    const { shown, silent } = await this.#nodes.look(clients, { waits: false });
    for (const { node, problem } of silent) {
      logger.warn({ index: this.#index, node, problem }, 'settings of a node not compared; the next look does that');
    }
    const result = { nodes: shown.length, unreachable: silent.length + failed.length };
    if (record.desired === null) {
      const isAdopted = silent.length === 0 && failed.length === 0 && (await this.#adopt(shown));
      return { ...result, adopted: isAdopted };
    }
    const { settings: wanted } = record.desired;
    let drifted = 0;
    let repaired = 0;
    const mend = async (one: Shown): Promise<void> => {
      const isDrifted = Object.keys(settingsLacking(wanted, one.settings)).length > 0;
      if (isDrifted) drifted += 1;
      const isMended = isDrifted && (await this.#repair(record, one));
      if (isMended) repaired += 1;
      await this.#stamp(record, one.node, !isDrifted || isMended);
    };
    // Each by itself: one that indexes until this look is over keeps no other from being sent what it lacks.
    if (strategy === 'sequential') for (const one of shown) await mend(one);
    else await Promise.all(shown.map(mend));
    return { ...result, drifted, repaired };
  }

  /** Where nothing is desired yet: what all nodes have, if they have the same. */
  async #adopt(shown: readonly Shown[]): Promise<boolean> {
    const { settings, logger } = this.#parts;
    if (shown.length === 0) return false;
    const common = withReferences(commonSettings(shown));
    const isSame = ({ settings: other }: Shown): boolean =>
      Object.keys(settingsLacking(withoutSecrets(common), withoutSecrets(other))).length === 0;
    if (!shown.every(isSame)) {
      const nodes = shown.map(({ node }) => node);
      logger.warn({ index: this.#index, nodes }, 'settings of nodes differ, and nobody has said what they shall be');
      return false;
    }
    const fingerprint = await fingerprintOf(withoutSecrets(common));
    await settings.adopt(this.#lease, this.#index, { settings: common, fingerprint });
    return true;
  }

  async #repair({ desired }: SettingsRecord, { client, node, settings }: Shown): Promise<boolean> {
    const { logger, observer, autoRepair, keyOf } = this.#parts;
    const wanted = desired?.settings ?? {};
    const lacking = settingsLacking(wanted, settings);
    const about = { index: this.#index, node, settings: Object.keys(lacking) };
    logger.warn(about, 'settings of a node have drifted');
    if (!autoRepair) return false;
    try {
      await client.updateSettings(this.#index, withKeys(lacking, keyOf));
      await this.#nodes.quiet(client);
      const left = Object.keys(settingsLacking(wanted, await client.settings(this.#index)));
      if (left.length === 0) {
        observer.driftRepaired(this.#index, node);
        logger.info(about, 'settings of a node repaired');
        return true;
      }
      logger.warn({ ...about, left }, 'settings of a node are not what it was sent');
    } catch (error) {
      this.#nodes.signal.throwIfAborted();
      logger.warn({ ...about, problem: messageOf(error) }, 'settings of a node not repaired');
    }
    return false;
  }

  #stamp({ version }: SettingsRecord, node: string, isEqual: boolean): Promise<boolean> {
    const at = { index: this.#index, node, version: isEqual ? version : 0, present: version };
    return this.#parts.settings.stamp(this.#lease, at);
  }
}
