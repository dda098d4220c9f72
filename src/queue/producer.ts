/**
 * How other services tell about their nodes: a small library over the public queue. It fails at once instead of waiting
 * for a Redis that is gone, checks an event before it is sent, and refuses when nobody takes events any more.
 */
import { Queue, type ConnectionOptions } from 'bullmq';
import type { Redis, RedisOptions } from 'ioredis';
import { systemClock } from '../clock.ts';
import { NODE_REMOVED, parseTopologyEvent, toWire, type TopologyEvent } from '../core/events.ts';
import { groupEventToWire, isGroupEvent, parseGroupEvent } from '../core/group-events.ts';
import { PLAN_APPLIED, planAppliedToWire, type PlanApplied } from '../core/plan-applied.ts';
import { IdempotencyError, QueueFullError, RedisUnreachableError, TimeoutError } from '../errors.ts';
import type { Clock, EventOutcome, EventState, Failpoint } from '../ports.ts';
import { addJobs, NO_FAILPOINT, queueFault } from './add.ts';
import { failureFromText } from './failure-text.ts';
import { EVENTS_QUEUE, QUEUE_PREFIX } from './names.ts';

export interface ProducerOptions {
  /** URL of one server, ioredis options, or a connection of yours, which is then left open by `close`. */
  readonly redis: string | RedisOptions | Redis;
  /** Waiting events above which the next one is refused. Default 100. */
  readonly capacity?: number;
  /** Longest wait for the connection (ms). Default 5,000. */
  readonly connectMs?: number;
  readonly failpoint?: Failpoint;
  readonly clock?: Clock;
}

/** A node as other services name it. */
export interface NodeRef {
  readonly nodeId: string;
  readonly replicaGroup?: number;
  /** Plan for this index only. Default: every index. */
  readonly indexUid?: string;
}

export interface NewNode extends NodeRef {
  /** Where the node answers; needed for a node that is not known yet. */
  readonly url?: string;
  /** Name of the node's API key: never the key itself. */
  readonly apiKeyRef?: string;
}

export interface SentEvent {
  readonly jobId: string;
}

export interface ResultOptions {
  /** Default 30,000. The event goes on when the wait ends. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Producer {
  nodeAdded(node: NewNode): Promise<SentEvent>;
  nodeDraining(node: NodeRef): Promise<SentEvent>;
  /** `repairNow`: it does not come back, so its copies are restored at once. */
  nodeFailed(node: NodeRef & { readonly repairNow?: true }): Promise<SentEvent>;
  nodeRecovered(node: NodeRef): Promise<SentEvent>;
  send(event: TopologyEvent): Promise<SentEvent>;
  /** An event as `name` and `data` of its job, in either form; also those about replica groups. */
  /** `id`: sent by it before, nothing is sent again. */
  sendRaw(name: string, data: unknown, id?: string): Promise<SentEvent>;
  /** How it is; null for one that was never sent or is forgotten by now. */
  look(jobId: string): Promise<EventState | null>;
  /** Takes a drained node out of the topology. */
  removeNode(nodeId: string): Promise<SentEvent>;
  /** Carries out a plan that was shown, or nothing. */
  applyPlan(plan: PlanApplied, id?: string): Promise<SentEvent>;
  /** Whether this plan was applied by that id; throws `IdempotencyError` where something else was sent by it. */
  wasApplied(plan: string, id: string): Promise<boolean>;
  /** What the planner made of it: throws the error that it was refused with, `TimeoutError` when nobody took it. */
  result(jobId: string, options?: ResultOptions): Promise<EventOutcome>;
  close(): Promise<void>;
}

const CAPACITY = 100;
const CONNECT_MS = 5_000;
const COMMAND_MS = 5_000;
const RESULT_MS = 30_000;
/** How often a job is looked at while its result is waited for. */
const LOOK_MS = 100;
/** A client between two tries to connect never says that it has ended. */
const DISCONNECT_MS = 100;
/** An event that moves nothing takes some 10 ms to plan: after a second there is room unless the planner is gone. */
const RETRY_AFTER_MS = 1_000;
const EVENTS_KEPT = 500;
const KEEP = { removeOnComplete: { age: 86_400, count: 1_000 }, removeOnFail: { age: 604_800, count: 1_000 } };

const isRedis = (value: ProducerOptions['redis']): value is Redis =>
  typeof value === 'object' && typeof (value as { status?: unknown }).status === 'string';

function connectionOf(redis: ProducerOptions['redis']): ConnectionOptions {
  if (isRedis(redis)) return redis;
  const failFast = {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: COMMAND_MS,
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** attempt, 1_000),
  };
  return (typeof redis === 'string' ? { url: redis, ...failFast } : { ...redis, ...failFast }) as ConnectionOptions;
}

class QueueProducer implements Producer {
  readonly #options: ProducerOptions;
  readonly #clock: Clock;
  readonly #queue: Queue;
  /** Sends of one producer follow each other, so that its own bursts are counted. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#queue = new Queue(EVENTS_QUEUE, {
      connection: connectionOf(options.redis),
      prefix: QUEUE_PREFIX,
      streams: { events: { maxLen: EVENTS_KEPT } },
      // A look at the version that gets no answer would fail every later call, for as long as the producer lives.
      skipVersionCheck: true,
    });
    // Every call says for itself when Redis is gone; without a listener the process would end instead.
    this.#queue.on('error', () => undefined);
  }

  nodeAdded({ url, apiKeyRef, ...node }: NewNode): Promise<SentEvent> {
    return this.#tell('NodeAdded', node, {
      ...(url === undefined ? {} : { url }),
      ...(apiKeyRef === undefined ? {} : { apiKeyRef }),
    });
  }

  nodeDraining(node: NodeRef): Promise<SentEvent> {
    return this.#tell('NodeDraining', node);
  }

  nodeFailed({ repairNow, ...node }: NodeRef & { readonly repairNow?: true }): Promise<SentEvent> {
    return this.#tell('NodeFailed', node, repairNow === undefined ? {} : { repairNow });
  }

  nodeRecovered(node: NodeRef): Promise<SentEvent> {
    return this.#tell('NodeRecovered', node);
  }

  async send(event: TopologyEvent): Promise<SentEvent> {
    const { name, data } = toWire(event);
    return this.sendRaw(name, data);
  }

  async sendRaw(name: string, data: unknown, id?: string): Promise<SentEvent> {
    const wire = isGroupEvent(name)
      ? groupEventToWire(parseGroupEvent(name, data))
      : toWire(parseTopologyEvent(name, data));
    return this.#inTurn(() => this.#add(wire.name, wire.data, id));
  }

  async removeNode(nodeId: string): Promise<SentEvent> {
    // A node id is checked like an event's.
    const { data } = toWire(parseTopologyEvent('NodeDraining', { node_id: nodeId }));
    return this.#inTurn(() => this.#add(NODE_REMOVED, data));
  }

  async applyPlan(plan: PlanApplied, id?: string): Promise<SentEvent> {
    const { name, data } = planAppliedToWire(plan);
    return this.#inTurn(() => this.#add(name, data, id, isOfPlan(plan.plan)));
  }

  async wasApplied(plan: string, id: string): Promise<boolean> {
    return (await this.#known(id, PLAN_APPLIED, isOfPlan(plan))) !== null;
  }

  async look(jobId: string): Promise<EventState | null> {
    const job = await this.#reached('look', () => this.#queue.getJob(jobId));
    if (job === undefined) return null;
    if (job.finishedOn === undefined) return { state: 'waiting' };
    if (job.failedReason) return { state: 'refused', error: failureFromText(job.failedReason) };
    return { state: 'planned', outcome: job.returnvalue as EventOutcome };
  }

  async result(jobId: string, { timeoutMs = RESULT_MS, signal }: ResultOptions = {}): Promise<EventOutcome> {
    const deadlineMs = this.#clock.monotonic() + timeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      const seen = await this.look(jobId);
      if (seen === null) {
        throw new TimeoutError(`event ${jobId} is not in the queue any more`, {
          remedy: 'see `miroir status` for the plans that exist',
        });
      }
      if (seen.state === 'refused') throw seen.error;
      if (seen.state === 'planned') return seen.outcome;
      if (this.#clock.monotonic() >= deadlineMs) {
        throw new TimeoutError(`event ${jobId} was not planned within ${timeoutMs} ms`, {
          remedy: 'it stays in the queue; check that a planner runs (`miroir planner`)',
          details: { jobId },
        });
      }
      await this.#clock.sleep(LOOK_MS, signal);
    }
  }

  async close(): Promise<void> {
    await this.#last;
    try {
      await this.#queue.close();
    } catch (error) {
      // Redis is gone, so there is nobody to take leave of; without this its client would try to connect for ever.
      if (!(queueFault('close', error) instanceof RedisUnreachableError)) throw error;
      await Promise.race([this.#queue.disconnect(), this.#clock.sleep(DISCONNECT_MS)]);
    }
  }

  #tell(type: TopologyEvent['type'], node: NodeRef, more: object = {}): Promise<SentEvent> {
    const { nodeId, replicaGroup, indexUid } = node;
    return this.send({
      type,
      nodeId,
      ...(replicaGroup === undefined ? {} : { group: replicaGroup }),
      ...(indexUid === undefined ? {} : { index: indexUid }),
      ...more,
    });
  }

  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Throws `IdempotencyError` where another event was sent by this id. */
  async #known(id: string, name: string, isSame: (data: unknown) => boolean): Promise<SentEvent | null> {
    const job = await this.#reached('look', () => this.#queue.getJob(id));
    if (job === undefined) return null;
    if (job.name === name && isSame(job.data)) return { jobId: id };
    throw new IdempotencyError(`another event was sent with the same key: ${job.name}`, {
      field: 'Idempotency-Key',
      remedy: 'give every event a key of its own, and the same one only when you send it again',
    });
  }

  async #add(name: string, data: object, id?: string, isSame = isEqualTo(data)): Promise<SentEvent> {
    const known = id === undefined ? null : await this.#known(id, name, isSame);
    if (known !== null) return known;
    const { capacity = CAPACITY, failpoint = NO_FAILPOINT } = this.#options;
    const counts = await this.#reached('count', () => this.#queue.getJobCounts('wait', 'prioritized', 'delayed'));
    const waiting = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (waiting >= capacity) {
      throw new QueueFullError(`${waiting} events wait in the queue ${EVENTS_QUEUE} already`, {
        remedy: `send again after ${RETRY_AFTER_MS} ms; when it stays full, check that a planner runs`,
        details: { waiting, capacity, retryAfterMs: RETRY_AFTER_MS },
      });
    }
    const options = id === undefined ? KEEP : { ...KEEP, jobId: id };
    const job = await addJobs(failpoint, 'event', () => this.#queue.add(name, data, options));
    // Somebody may have been first meanwhile, and then nothing was added.
    return (id === undefined ? null : await this.#known(id, name, isSame)) ?? { jobId: job.id ?? '' };
  }

  /** BullMQ itself would wait for the first connection without end; afterwards the options above make it fail fast. */
  async #reached<T>(what: string, ask: () => Promise<T>): Promise<T> {
    const { connectMs = CONNECT_MS } = this.#options;
    let cancel: () => void = () => undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = this.#clock.timer(connectMs, () =>
        reject(
          new RedisUnreachableError(`no answer from Redis within ${connectMs} ms`, {
            field: 'redis_url',
            remedy: 'start Redis, or set MIROIR_REDIS_URL',
          }),
        ),
      );
    });
    try {
      await Promise.race([this.#queue.waitUntilReady(), late]);
      return await ask();
    } catch (error) {
      throw queueFault(what, error);
    } finally {
      cancel();
    }
  }
}

const isEqualTo =
  (data: object) =>
  (sent: unknown): boolean =>
    JSON.stringify(sent) === JSON.stringify(data);

/** Whatever it was looked at with. */
const isOfPlan =
  (plan: string) =>
  (sent: unknown): boolean =>
    (sent as { readonly plan?: unknown } | null)?.plan === plan;

/** A producer with a connection of its own. Close it when the service ends. */
export const createProducer = (options: ProducerOptions): Producer => new QueueProducer(options);
