/**
 * The broadcasts that a process drives: one at a time for each index, under the lease `settings_broadcast:<index>`. The
 * client is answered when nodes have accepted the change; the rest goes on behind it, here or with a successor.
 */
import { proposed } from '../../core/settings-broadcast.ts';
import { settingsAfter } from '../../core/settings-change.ts';
import { hasOwnSecrets, withKeys, withoutSecrets, withReferences } from '../../core/settings-secrets.ts';
import { fingerprintOf, type Settings } from '../../core/settings-text.ts';
import {
  IndexUnknownError,
  LeaseLostError,
  messageOf,
  NodeUnreachableError,
  SettingsInFlightError,
} from '../../errors.ts';
import type { DesiredSettings, Lease, Leases, SettingsRecord } from '../../ports.ts';
import { BroadcastRun } from './broadcast.ts';
import { commonSettings, IndexNodes, type Shown } from './index-nodes.ts';
import type { BroadcastParts } from './parts.ts';

export interface BroadcastsParts extends BroadcastParts {
  readonly leases: Leases;
  scopeOf(this: void, index: string): string;
}

export interface Change {
  /** With what we need in it, and with the client's secrets. */
  readonly change: Settings;
  /** As the client's task shows it. */
  readonly details: Settings;
}

export interface Begun {
  readonly id: string;
  /** Goes on behind the answer; `task` is the client's, null when it could not be given one. */
  goOn(task: number | null): Promise<void>;
}

/** A client that sends one change after the other does not wait for the tasks between; a node would queue them. */
const WAIT_MS = 2_000;
const LOOK_MS = 50;
const NEVER = new AbortController().signal;

export class Broadcasts {
  readonly #parts: BroadcastsParts;
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(parts: BroadcastsParts) {
    this.#parts = parts;
  }

  /**
   * Sends the change to the nodes. Throws `SettingsInFlightError`, `NodeUnreachableError` before anything is sent,
   * whatever `moving` throws, or a node's own refusal; what other nodes have taken by then is set back.
   */
  async begin(
    index: string,
    { change, details }: Change,
    signal: AbortSignal,
    moving: (move: string) => Promise<never>,
  ): Promise<Begun> {
    const { settings, clock, keyOf } = this.#parts;
    withKeys(change, keyOf); // a name that nobody here knows is refused before anything is done
    const lease = await this.#acquire(index, signal);
    let isKept = false;
    try {
      const record = await settings.read(index);
      const nodes = new IndexNodes(this.#parts, index, lease, this.#stop.signal);
      const shown = await this.#shown(index, lease, signal);
      const before = await beforeOf(record, shown);
      const asked = settingsAfter(before.settings, change);
      const broadcast = {
        id: `${Math.trunc(clock.now()).toString(36)}-${lease.fence}`,
        status: proposed(index, await fingerprintOf(withoutSecrets(asked))),
        wanted: withReferences(asked),
        hasOwnSecrets: hasOwnSecrets(change),
        details,
        task: null,
      };
      const reply = await settings.propose(lease, broadcast, before);
      if (reply === 'in flight') throw inFlight(index);
      if (reply === 'gone') throw new IndexUnknownError(`no index ${index} is registered`, { details: { index } });
      if (typeof reply === 'object') return await moving(reply.moving);
      const run = new BroadcastRun(this.#parts, { lease, nodes, broadcast, before, asked, change });
      isKept = true;
      await this.#send(run, shown, lease);
      return {
        id: broadcast.id,
        goOn: async (task) => {
          // What Redis does not take now it is told with the next step: nothing may keep the change from being ended.
          if (task !== null)
            await run.follows(task).catch((error: unknown) => this.#warn(lease, error, 'go on unnoted'));
          void this.#follow(lease, run, () => run.finish());
        },
      };
    } finally {
      if (!isKept) await lease.release(true);
    }
  }

  /** Finishes what a process that died has left; the lease is the caller's. False when there is nothing. */
  async resume(index: string, lease: Lease, signal: AbortSignal): Promise<boolean> {
    const run = await this.#leftRun(index, lease, AbortSignal.any([signal, this.#stop.signal]));
    await run?.resume();
    return run !== null;
  }

  /** What is under way is left to a successor. */
  async close(): Promise<void> {
    this.#stop.abort(new LeaseLostError('the process drains'));
    await Promise.all(this.#running);
  }

  async #acquire(index: string, signal: AbortSignal): Promise<Lease> {
    const { leases, scopeOf, clock, settings } = this.#parts;
    const overMs = clock.monotonic() + WAIT_MS;
    for (;;) {
      const answer = await leases.acquire(scopeOf(index));
      if ('lease' in answer) {
        const { lease } = answer;
        const isReady = await Promise.race([lease.ready.then(() => true), clock.sleep(0, NEVER).then(() => false)]);
        const isFree = isReady && (await settings.read(index).catch(() => null))?.broadcast === null;
        if (isFree) return lease;
        // Somebody has died with it, and no reconciler was there first.
        void this.#follow(lease, null, async () => {
          await lease.ready;
          await this.resume(index, lease, NEVER);
        });
      }
      if (clock.monotonic() > overMs) throw inFlight(index);
      await clock.sleep(LOOK_MS, signal);
    }
  }

  /** All nodes have to answer before any of them is sent something. */
  async #shown(index: string, lease: Lease, signal: AbortSignal): Promise<readonly Shown[]> {
    const nodes = new IndexNodes(this.#parts, index, lease, AbortSignal.any([signal, this.#stop.signal]));
    const { clients } = await nodes.present();
    const { shown, silent } = await nodes.look(clients);
    if (silent.length === 0 && shown.length > 0) return shown;
    const words = silent.map(({ node, problem }) => `${node}: ${problem}`).join('; ');
    throw new NodeUnreachableError(`nothing was changed: not every node of ${index} answers: ${words}`, {
      remedy: 'send it again when they do; a node that has failed for good is left out once the topology says so',
    });
  }

  async #send(run: BroadcastRun, shown: readonly Shown[], lease: Lease): Promise<void> {
    try {
      await run.begin(shown);
    } catch (error) {
      if (run.hasSent) void this.#follow(lease, run, () => run.finish(error));
      else await this.#follow(lease, run, () => run.giveUp(error));
      throw error;
    }
  }

  async #leftRun(index: string, lease: Lease, signal: AbortSignal): Promise<BroadcastRun | null> {
    const { broadcast, desired } = await this.#parts.settings.read(index);
    if (broadcast === null || desired === null) return null;
    const nodes = new IndexNodes(this.#parts, index, lease, signal);
    return new BroadcastRun(this.#parts, { lease, nodes, broadcast, before: desired });
  }

  #warn({ scope }: Lease, error: unknown, what: string): void {
    this.#parts.logger.warn({ scope, problem: messageOf(error) }, `settings ${what}`);
  }

  /** Ends with the lease given back, whatever becomes of it, and never rejects. */
  #follow(lease: Lease, run: BroadcastRun | null, act: () => Promise<void>): Promise<void> {
    const running = act()
      .then(
        () => true,
        (error: unknown) => {
          this.#warn(lease, error, 'left to a successor');
          return false;
        },
      )
      .then((isDone) => lease.release(isDone || run?.isSure === true))
      .catch((error: unknown) => {
        this.#parts.logger.debug({ scope: lease.scope, problem: messageOf(error) }, 'lease left to run out');
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }
}

/** What nodes are set back to: what was desired; where nothing was, what the first node shows. */
async function beforeOf({ desired }: SettingsRecord, shown: readonly Shown[]): Promise<DesiredSettings> {
  if (desired !== null) return desired;
  const settings = withReferences(commonSettings(shown));
  return { settings, fingerprint: await fingerprintOf(withoutSecrets(settings)) };
}

const inFlight = (index: string): SettingsInFlightError =>
  new SettingsInFlightError(
    `another change of the settings of ${index} is under way, or may be, since Redis or a process has restarted`,
    {
      remedy: 'send it again when the task of that one has ended, or in some ten seconds',
      details: { index },
    },
  );
