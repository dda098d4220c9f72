/**
 * One read over many nodes. Every request goes by one snapshot; a node that fails or is slow is left for the next copy of
 * its shards; what no copy answers is named. A refusal that is the client's fault ends the read with the node's words.
 */
import { mayBeSource } from '../../core/topology.ts';
import { isMiroirError } from '../../errors.ts';
import type { Clock, NodeAnswer, NodeTraffic, RequestLimits, Traffic } from '../../ports.ts';
import { Covers, coverShards } from './cover.ts';
import { answerFailure, errorFailure, isClientsFault, whyOf } from './failures.ts';
import type { Failure, Why } from './failures.ts';
import type { ReadSnapshot } from './tables.ts';

export interface ReadTimings {
  /** One request to one node; then the next copy is asked. */
  readonly tryMs: number;
  readonly tries: number;
  /** A node that failed is asked again only where there is no other, for this long. */
  readonly avoidMs: number;
}

export interface FanOutParts {
  readonly traffic: Traffic;
  readonly clock: Clock;
  readonly timings: ReadTimings;
  readonly isSuspected: (nodeId: string) => boolean;
  /** Largest answer of one node (bytes). */
  readonly answerBytesMax: number;
}

export interface Part {
  readonly nodeId: string;
  readonly shards: readonly number[];
  /** The node's answer: a success. */
  readonly text: string;
}

export type Outcome =
  /** `parts` by node, then by shard; `missing`: shards that nobody answered for. */
  | {
      readonly kind: 'answered';
      readonly parts: readonly Part[];
      readonly missing: readonly number[];
      readonly why: Why;
    }
  | { readonly kind: 'refused'; readonly nodeId: string; readonly answer: NodeAnswer };

/** `isAlone`: this node's answer is the whole answer. */
export type Ask = (
  node: NodeTraffic,
  shards: readonly number[],
  isAlone: boolean,
  limits: RequestLimits,
) => Promise<NodeAnswer>;

export interface FanOutRequest {
  readonly snapshot: ReadSnapshot;
  readonly shards: readonly number[];
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly ask: Ask;
  /** Throws when the snapshot may no longer be read by. */
  readonly confirm: () => void;
}

type Result =
  { readonly part: Part } | { readonly refusal: NodeAnswer; readonly nodeId: string } | { readonly failure: Failure };

export class FanOut {
  readonly #parts: FanOutParts;
  readonly #covers = new Covers();
  /** Node id → until when (monotonic, ms) it is asked only where there is no other. */
  readonly #avoided = new Map<string, number>();

  constructor(parts: FanOutParts) {
    this.#parts = parts;
  }

  async ask(request: FanOutRequest): Promise<Outcome> {
    const { signal, confirm } = request;
    const done: Part[] = [];
    const failures = new Map<string, Failure>();
    let left = request.shards;
    for (let attempt = 1; left.length > 0 && attempt <= this.#parts.timings.tries; attempt += 1) {
      signal.throwIfAborted();
      if (attempt > 1) confirm();
      const cover = this.#cover(request, left, failures);
      if (cover.size === 0) break;
      const isAlone = cover.size === 1 && done.length === 0;
      const results = await this.#round(request, cover, isAlone);
      for (const result of results) {
        if ('refusal' in result) return { kind: 'refused', nodeId: result.nodeId, answer: result.refusal };
        if ('part' in result) done.push(result.part);
        else failures.set(result.failure.nodeId, result.failure);
      }
      const answered = new Set(done.flatMap(({ shards }) => shards));
      left = left.filter((shard) => !answered.has(shard));
    }
    signal.throwIfAborted();
    done.sort((a, b) => compareIds(a.nodeId, b.nodeId) || (a.shards[0] ?? 0) - (b.shards[0] ?? 0));
    return { kind: 'answered', parts: done, missing: left, why: whyOf([...failures.values()]) };
  }

  /** One request to any node that the index is read from, one after the other until one answers with success or refuses. */
  async askAny(
    snapshot: ReadSnapshot,
    signal: AbortSignal,
    ask: (node: NodeTraffic, limits: RequestLimits) => Promise<NodeAnswer>,
  ): Promise<Outcome> {
    const failures: Failure[] = [];
    for (const nodeId of this.#readers(snapshot).slice(0, this.#parts.timings.tries)) {
      const one = { snapshot, signal, ask: (...[node, , , limits]: Parameters<Ask>) => ask(node, limits) };
      const result = await this.#one(one, nodeId, [], true, signal);
      if ('refusal' in result) return { kind: 'refused', nodeId, answer: result.refusal };
      if ('part' in result) return { kind: 'answered', parts: [result.part], missing: [], why: whyOf([]) };
      failures.push(result.failure);
    }
    return {
      kind: 'answered',
      parts: [],
      missing: snapshot.table.shards.map(({ shard }) => shard),
      why: whyOf(failures),
    };
  }

  /** One request to this node alone; null when it does not answer. */
  async askOne(
    snapshot: ReadSnapshot,
    nodeId: string,
    signal: AbortSignal,
    ask: (node: NodeTraffic, limits: RequestLimits) => Promise<NodeAnswer>,
  ): Promise<NodeAnswer | null> {
    const node = snapshot.nodes.get(nodeId);
    if (node === undefined) return null;
    try {
      return await ask(this.#parts.traffic.of(node), this.#limits(signal));
    } catch (error) {
      signal.throwIfAborted();
      if (!isMiroirError(error)) throw error;
      const failure = errorFailure(nodeId, error);
      if (failure !== null) this.#failed(nodeId, failure);
      return null;
    }
  }

  /** Every node that some shard is read from, those that failed lately last. */
  #readers({ table, nodes }: ReadSnapshot): string[] {
    const nowMs = this.#parts.clock.monotonic();
    const ids = [...new Set(table.shards.flatMap(({ readers }) => readers))].filter((id) => nodes.has(id));
    const isAvoided = (id: string): number => (this.#isAvoided(id, nowMs) ? 1 : 0);
    return ids.sort((a, b) => isAvoided(a) - isAvoided(b));
  }

  /** A frozen node fails no read while it is avoided: for as long as it is suspected nobody has to try it. */
  #isAvoided(id: string, nowMs: number): boolean {
    return (this.#avoided.get(id) ?? nowMs) > nowMs || this.#parts.isSuspected(id);
  }

  /** Nodes that have not failed, then those that have lately, then those whose connection broke in this very read. */
  #cover(
    { snapshot, seed }: FanOutRequest,
    left: readonly number[],
    failures: ReadonlyMap<string, Failure>,
  ): Map<string, number[]> {
    const nowMs = this.#parts.clock.monotonic();
    const isKnown = (id: string): boolean => snapshot.nodes.has(id);
    const isUntried = (id: string): boolean => isKnown(id) && !failures.has(id);
    const isGood = (id: string): boolean => {
      const node = snapshot.nodes.get(id);
      const isHealthy = node !== undefined && mayBeSource(node.state);
      return isHealthy && isUntried(id) && !this.#isAvoided(id, nowMs);
    };
    const isBroken = (id: string): boolean => isKnown(id) && failures.get(id)?.isBroken === true;
    const parts = new Map<string, number[]>();
    let shards = left;
    for (const isUsable of [isGood, isUntried, isBroken]) {
      if (shards.length === 0) break;
      const { table } = snapshot;
      const isWhole = shards.length === table.shards.length;
      const cover = isWhole ? this.#covers.of(table, isUsable, seed) : coverShards({ table, shards, isUsable, seed });
      for (const [id, served] of cover.parts) parts.set(id, [...(parts.get(id) ?? []), ...served]);
      shards = cover.unserved;
    }
    return parts;
  }

  /** All at once; the first refusal ends the others, and nothing is in flight any more when this resolves. */
  async #round(request: FanOutRequest, cover: ReadonlyMap<string, number[]>, isAlone: boolean): Promise<Result[]> {
    const stop = new AbortController();
    // By hand: `AbortSignal.any` costs a small read several times as much.
    const onAbort = (): void => stop.abort(request.signal.reason);
    if (request.signal.aborted) onAbort();
    else request.signal.addEventListener('abort', onAbort, { once: true });
    const calls = [...cover].map(async ([nodeId, shards]) => {
      const result = await this.#one(request, nodeId, shards, isAlone, stop.signal);
      if ('refusal' in result) stop.abort(new Error('another node refused the read'));
      return result;
    });
    const settled = await Promise.allSettled(calls);
    request.signal.removeEventListener('abort', onAbort);
    request.signal.throwIfAborted();
    const results = settled.flatMap((call) => (call.status === 'fulfilled' ? [call.value] : []));
    const refusal = results.find((result) => 'refusal' in result);
    if (refusal !== undefined) return [refusal];
    const fault = settled.find((call) => call.status === 'rejected');
    if (fault !== undefined) throw fault.reason;
    return results;
  }

  async #one(
    { snapshot, ask }: Pick<FanOutRequest, 'snapshot' | 'ask'>,
    nodeId: string,
    shards: readonly number[],
    isAlone: boolean,
    signal: AbortSignal,
  ): Promise<Result> {
    const node = snapshot.nodes.get(nodeId)!;
    try {
      const answer = await ask(this.#parts.traffic.of(node), shards, isAlone, this.#limits(signal));
      if (answer.status >= 200 && answer.status < 300) {
        this.#avoided.delete(nodeId);
        return { part: { nodeId, shards, text: answer.body.toString('utf8') } };
      }
      if (isClientsFault(answer)) return { refusal: answer, nodeId };
      return { failure: this.#failed(nodeId, answerFailure(nodeId, answer)) };
    } catch (error) {
      signal.throwIfAborted();
      const failure = errorFailure(nodeId, error);
      if (failure === null) throw error;
      return { failure: this.#failed(nodeId, failure) };
    }
  }

  #failed(nodeId: string, failure: Failure): Failure {
    const { clock, timings } = this.#parts;
    this.#avoided.set(nodeId, clock.monotonic() + timings.avoidMs);
    return failure;
  }

  #limits(signal: AbortSignal): RequestLimits {
    return { deadlineMs: this.#parts.timings.tryMs, signal, maxBytes: this.#parts.answerBytesMax };
  }
}

const compareIds = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
