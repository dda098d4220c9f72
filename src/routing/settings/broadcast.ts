/**
 * One broadcast of an index's settings to its nodes: each is sent what it lacks, waited for and compared; when all are
 * equal it is committed, else the nodes are set back to what was desired before. The record says how far it is, so
 * whoever holds the lease next finishes it, one way or the other; every step may be done twice.
 */
import { aborted, committed, compared, mismatching, sent } from '../../core/settings-broadcast.ts';
import { comparedSettings, settingsLacking, settingsPatch, wordedSettings } from '../../core/settings-change.ts';
import { hasSecrets, withoutSecrets, withReferences } from '../../core/settings-secrets.ts';
import { fingerprintOf, type Settings, settingsText } from '../../core/settings-text.ts';
import {
  messageOf,
  NodeRefusedError,
  NodeTaskFailedError,
  NodeUnreachableError,
  SettingsDivergenceError,
} from '../../errors.ts';
import type { ClientTaskOutcome, DesiredSettings, Lease, SettingsBroadcast } from '../../ports.ts';
import type { IndexNodes, Shown } from './index-nodes.ts';
import { failure, success } from './outcome.ts';
import type { BroadcastParts } from './parts.ts';
import { Sender } from './sender.ts';

const BACKOFF_MS = 1_000;
const BACKOFF_MS_MAX = 60_000;

export class BroadcastRun {
  readonly #parts: BroadcastParts;
  readonly #lease: Lease;
  readonly #nodes: IndexNodes;
  readonly #before: DesiredSettings;
  /** As it is sent: with the secrets that this process was given. */
  readonly #asked: Settings;
  readonly #sender: Sender;
  #change: Settings;
  #broadcast: SettingsBroadcast;

  constructor(
    parts: BroadcastParts,
    how: {
      readonly lease: Lease;
      readonly nodes: IndexNodes;
      readonly broadcast: SettingsBroadcast;
      readonly before: DesiredSettings;
      /** Of whoever was asked for it; a successor has what the record keeps. */
      readonly asked?: Settings;
      readonly change?: Settings;
    },
  ) {
    this.#parts = parts;
    this.#lease = how.lease;
    this.#nodes = how.nodes;
    this.#broadcast = how.broadcast;
    this.#before = how.before;
    this.#asked = how.asked ?? how.broadcast.wanted;
    this.#change = how.change ?? {};
    this.#sender = new Sender(how.broadcast.status.index, how.nodes, parts.keyOf);
  }

  get index(): string {
    return this.#broadcast.status.index;
  }

  /** Sends the change: to all at once, or to the first. Throws a node's refusal; then `giveUp` or `finish` ends it. */
  async begin(shown: readonly Shown[]): Promise<void> {
    const lacking = shown.filter((one) => Object.keys(this.#patchFor(one)).length > 0);
    await this.#send(this.#parts.strategy === 'sequential' ? lacking.slice(0, 1) : lacking);
  }

  /** The client has its task. */
  async follows(task: number): Promise<void> {
    await this.#keep({ task });
  }

  /** Whether some node may have taken something. */
  get hasSent(): boolean {
    return this.#sender.hasSent;
  }

  /** No write to a node has an unknown outcome. */
  get isSure(): boolean {
    return this.#sender.isSure;
  }

  /** Goes on where another process has left it. */
  async resume(): Promise<void> {
    const { status, wanted, hasOwnSecrets } = this.#broadcast;
    // Nodes that took nothing yet have to be given keys that are named now: they do not show which ones they have.
    this.#change = this.#hasOtherKeys() ? { embedders: wanted['embedders'] } : {};
    if (status.error !== null || hasOwnSecrets || status.phase !== 'Propose') return this.finish();
    const { clients } = await this.#nodes.present();
    const { shown } = await this.#nodes.look(clients);
    try {
      await this.begin(shown);
    } catch (error) {
      if (!(error instanceof NodeRefusedError)) throw error;
      return this.finish(error);
    }
    return this.finish();
  }

  /** Ends what no node has taken. */
  async giveUp(error: unknown): Promise<void> {
    const { clients, failed } = await this.#nodes.present();
    await this.#end(
      null,
      clients.map(({ node }) => node.id),
      failed,
      failure(this.#outcomeParts(), error),
    );
  }

  /** Goes on until it is committed or set back. Rejects when the lease or Redis is lost: then a successor goes on. */
  async finish(refusal?: unknown): Promise<void> {
    const { status, hasOwnSecrets } = this.#broadcast;
    try {
      if (refusal !== undefined) throw refusal;
      if (status.error !== null) throw new NodeTaskFailedError(status.error);
      if (hasOwnSecrets && this.#asked === this.#broadcast.wanted) {
        throw new NodeTaskFailedError('the process that was given a key of an embedder ended meanwhile', {
          remedy: 'send it again; keys by name ({"ref": …}) outlive a process',
        });
      }
      if (this.#parts.strategy === 'sequential') await this.#oneByOne();
      await this.#verify();
    } catch (error) {
      this.#nodes.signal.throwIfAborted();
      const isEnd =
        error instanceof NodeRefusedError ||
        error instanceof NodeTaskFailedError ||
        error instanceof NodeUnreachableError ||
        error instanceof SettingsDivergenceError;
      if (!isEnd) throw error;
      await this.#setBack(error);
    }
  }

  /** Every node by itself, the next one only when it shows the settings. */
  async #oneByOne(): Promise<void> {
    await this.#sender.applied();
    const { clients } = await this.#nodes.present();
    for (const client of clients) {
      const { shown } = await this.#nodes.look([client]);
      await this.#send(shown);
      await this.#sender.applied();
      const again = await this.#nodes.look([client]);
      const worded = wordedSettings(
        this.#asked,
        again.shown.map(({ settings }) => settings),
      );
      if (again.shown.every(({ settings }) => Object.keys(settingsLacking(worded, settings)).length === 0)) continue;
      throw new SettingsDivergenceError(`hash mismatch on ${client.node.id}`);
    }
  }

  async #verify(): Promise<void> {
    const { clock, observer, retries, verifyTimeoutMs, logger } = this.#parts;
    let silentSinceMs: number | null = null;
    for (let round = 0, mismatches = 0; ; round += 1) {
      await this.#sender.applied();
      const { clients, failed } = await this.#nodes.present();
      const { shown, silent } = await this.#nodes.look(clients);
      // What a node shows that was not told is no wording of what was asked for.
      const told = shown.filter(({ node, settings }) => this.#isTold(node) || !isLacking(this.#asked, settings));
      const worded = wordedSettings(
        this.#asked,
        told.map(({ settings }) => settings),
      );
      const fingerprint = await fingerprintOf(withoutSecrets(worded));
      const hashes: Record<string, string> = {};
      for (const { node, settings } of shown) hashes[node] = await fingerprintOf(comparedSettings(worded, settings));
      await this.#keep({ status: compared(sent(this.#broadcast.status, {}), fingerprint, hashes) });
      const untold = hasSecrets(this.#change) ? clients.filter(({ node }) => !this.#isTold(node.id)) : [];
      const wrong = new Set([...mismatching(this.#broadcast.status), ...untold.map(({ node }) => node.id)]);
      if (this.#broadcast.status.verify_ok && wrong.size === 0 && silent.length === 0) {
        return this.#commit({ settings: withReferences(worded), fingerprint }, Object.keys(hashes), failed);
      }
      const isAnySilent = silent.length > 0 || shown.length === 0;
      silentSinceMs = isAnySilent ? (silentSinceMs ?? clock.monotonic()) : null;
      if (silentSinceMs !== null && clock.monotonic() - silentSinceMs > verifyTimeoutMs) {
        const said = silent.map(({ node, problem }) => `${node}: ${problem}`);
        const words = [...said, ...failed.map((node) => `${node}: has failed`)].join('; ');
        throw new NodeUnreachableError(`the settings of ${this.index} could not be compared: ${words}`);
      }
      if (wrong.size > 0) {
        observer.mismatch(wrong.size);
        if (mismatches === retries) {
          throw new SettingsDivergenceError(`hash mismatch on ${[...wrong].join(', ')} after ${retries} more tries`);
        }
        mismatches += 1;
      }
      logger.warn({ index: this.index, wrong: [...wrong], silent }, 'nodes do not show the settings yet');
      await clock.sleep(backoffMs(round), this.#nodes.signal);
      await this.#send(shown.filter(({ node }) => wrong.has(node)));
    }
  }

  async #commit(desired: DesiredSettings, verified: readonly string[], failed: readonly string[]): Promise<void> {
    const { settings, logger } = this.#parts;
    const outcome = success(this.#outcomeParts(), this.#sender.example);
    const { version } = await settings.read(this.index);
    committed(this.#broadcast.status, version + 1);
    await this.#end(desired, verified, failed, outcome);
    logger.info({ index: this.index, version: version + 1, nodes: verified }, 'settings committed');
  }

  /** Nodes get what was desired before; one that no try reaches counts as being at no version until drift finds it. */
  async #setBack(error: unknown): Promise<void> {
    const { clock, logger, retries } = this.#parts;
    const problem = messageOf(error);
    logger.warn({ index: this.index, problem }, 'settings are set back');
    await this.#keep({ status: aborted(this.#broadcast.status, problem) });
    const before = this.#before.settings;
    for (let round = 0; ; round += 1) {
      const { clients, failed } = await this.#nodes.present();
      const { shown, silent } = await this.#nodes.look(clients);
      const keysBack = round === 0 && this.#hasOtherKeys() ? { embedders: before['embedders'] } : {};
      const patchFor = ({ settings }: Shown): Settings => settingsPatch(before, keysBack, settings, true);
      const lacking = shown.filter((one) => Object.keys(patchFor(one)).length > 0);
      if ((lacking.length === 0 && silent.length === 0) || round > retries) {
        const others = [...failed, ...silent.map(({ node }) => node), ...lacking.map(({ node }) => node)];
        const verified = shown.map(({ node }) => node).filter((node) => !others.includes(node));
        const isFrozen = error instanceof SettingsDivergenceError || lacking.length > 0;
        if (isFrozen) logger.error({ index: this.index, problem, others }, 'writes frozen: settings of nodes diverge');
        else if (silent.length > 0) logger.warn({ index: this.index, silent }, 'nodes are left to the look for drift');
        return this.#end(null, verified, others, failure(this.#outcomeParts(), error), isFrozen ? problem : undefined);
      }
      if (round > 0) await clock.sleep(backoffMs(round - 1), this.#nodes.signal);
      const { refusal } = await this.#sender.send(lacking, patchFor);
      if (refusal !== undefined)
        logger.warn({ index: this.index, problem: messageOf(refusal) }, 'a node is not set back');
    }
  }

  /** Keys of embedders are named otherwise than before. */
  #hasOtherKeys(): boolean {
    const named = (settings: Settings): string => settingsText(settings['embedders'] ?? {});
    const { wanted } = this.#broadcast;
    return named(wanted) !== named(this.#before.settings) && (hasSecrets(wanted) || hasSecrets(this.#before.settings));
  }

  #patchFor({ node, settings }: Shown): Settings {
    return settingsPatch(this.#asked, this.#change, settings, !this.#isTold(node));
  }

  /** Whether the node has accepted something of this change. */
  #isTold(node: string): boolean {
    return node in this.#broadcast.status.node_task_uids;
  }

  /** Throws what a node refuses. */
  async #send(shown: readonly Shown[]): Promise<void> {
    const { uids, refusal } = await this.#sender.send(shown, (one) => this.#patchFor(one));
    const status = sent(this.#broadcast.status, uids);
    // A successor has to know: nodes that took nothing are equal, too.
    await this.#keep({ status: refusal === undefined ? status : aborted(status, messageOf(refusal)) });
    if (refusal !== undefined) throw refusal;
  }

  async #keep(change: Partial<Pick<SettingsBroadcast, 'status' | 'task'>>): Promise<void> {
    this.#broadcast = { ...this.#broadcast, ...change };
    await this.#parts.settings.step(this.#lease, this.#broadcast);
  }

  async #end(
    commit: DesiredSettings | null,
    verified: readonly string[],
    others: readonly string[],
    outcome: ClientTaskOutcome,
    frozen?: string,
  ): Promise<void> {
    await this.#parts.settings.end(this.#lease, this.#broadcast, {
      ...(commit === null ? {} : { commit }),
      ...(frozen === undefined ? {} : { frozen }),
      verified,
      others,
      outcome,
    });
  }

  #outcomeParts() {
    return { details: this.#broadcast.details, clock: this.#parts.clock };
  }
}

const isLacking = (wanted: Settings, shown: Settings): boolean =>
  Object.keys(settingsLacking(wanted, shown)).length > 0;

const backoffMs = (round: number): number => Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** round);
