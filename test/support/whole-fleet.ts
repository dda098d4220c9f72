// Everything that a fleet runs, in this process, on a Redis that the test brings: planner, mover, reconciler, gateway and
// API; clients write down every call, and a judge who knows nothing of Redis looks at the end.
import { loadConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { setThrottle } from '../../src/control/throttle.ts';
import { shardForKey } from '../../src/core/hashing.ts';
import type { RoutingTable } from '../../src/core/routing.ts';
import { NO_THROTTLE } from '../../src/core/throttle.ts';
import { type DevNodeProcess, startDevNode } from '../../src/fleet/nodes.ts';
import type { EventOutcome } from '../../src/ports.ts';
import { reading } from '../../src/redis/fault.ts';
import { keys } from '../../src/redis/keys.ts';
import { createFleetWriter } from '../../src/redis/plan-writer.ts';
import {
  type Control,
  type Running,
  openControl,
  startApi,
  startGateway,
  startPlanner,
  startRebalancer,
  startReconciler,
} from '../../src/service.ts';
import { type Base, closeBase, openBase } from '../../src/service.ts';
import { Judge } from '../history/check.ts';
import { Keyspace } from '../history/keyspace.ts';
import { dumps, untilIdle } from '../history/nodes.ts';
import { Recorder } from '../history/record.ts';
import { HttpTarget, prepareIndex } from '../history/targets.ts';
import { describeVerdict, isClean } from '../history/verdict.ts';
import type { Verdict } from '../history/verdict.ts';
import { type WorkloadSummary, runWorkload } from '../history/workload.ts';
import { untilTrue } from './until.ts';

export const INDEX = 'docs';
const SHARDS = 4;
const CALLS_PER_S = 60;
const SENT_AGAIN_MS = 50;
/** Calls before a node comes, so that there is something to copy; and how slowly, so that a copy can be met in its middle. */
const APPLIED_FIRST = 20;
const SLOW_DOCUMENTS_PER_S = 20;
const START_MS = 20_000;

const ENVIRONMENT: Readonly<Record<string, string>> = {
  MIROIR_LEASE_TTL_SECS: '3',
  MIROIR_LEASE_RENEWAL_INTERVAL_MS: '600',
  MIROIR_MIGRATION_BATCH_SIZE: '20',
  MIROIR_MIGRATION_BATCH_DELAY_MS: '20',
  MIROIR_GRACE_MS: '200',
  MIROIR_SWEEP_INTERVAL_MS: '1000',
  MIROIR_METRICS_PORT: '0',
  MIROIR_API_PORT: '0',
  MIROIR_GATEWAY_PORT: '0',
  MIROIR_LOG_LEVEL: process.env['TEST_LOG'] ?? 'silent',
  MIROIR_NEW_INDEX_SHARDS: String(SHARDS),
};

/** Calls that go on until they are ended. */
export interface Clients {
  end(): Promise<WorkloadSummary>;
}

export class WholeFleet {
  readonly config: Config;
  readonly nodes: readonly DevNodeProcess[];
  readonly base: Base;
  readonly control: Control;
  readonly recorder = new Recorder();
  readonly apiUrl: string;
  readonly metricsUrl: string;
  readonly #target: HttpTarget;
  readonly #close: () => Promise<void>;

  private constructor(
    parts: Pick<WholeFleet, 'config' | 'nodes' | 'base' | 'control' | 'apiUrl' | 'metricsUrl'>,
    target: HttpTarget,
    close: () => Promise<void>,
  ) {
    this.config = parts.config;
    this.nodes = parts.nodes;
    this.base = parts.base;
    this.control = parts.control;
    this.apiUrl = parts.apiUrl;
    this.metricsUrl = parts.metricsUrl;
    this.#target = target;
    this.#close = close;
  }

  /** Three nodes, of which the third is told to nobody yet. `env`: how Redis is reached. */
  static async start(env: Readonly<Record<string, string>>): Promise<WholeFleet> {
    const config = loadConfig({ ...ENVIRONMENT, ...env });
    const closers: (() => Promise<unknown>)[] = [];
    const close = async (): Promise<void> => {
      for (const one of closers.splice(0).reverse()) await one();
    };
    const kept = async <T extends { close(): Promise<unknown> }>(starting: Promise<T>): Promise<T> => {
      const started = await starting;
      closers.push(() => started.close());
      return started;
    };
    try {
      const nodes = await Promise.all(
        ['n1', 'n2', 'n3'].map((id) => startDevNode({ id, batchMs: 10, docsPerS: 20_000, switches: true })),
      );
      closers.push(() => Promise.all(nodes.map((node) => node.stop())));
      const base = await openBase(config, 'test');
      closers.push(() => closeBase(base));
      const known = nodes.slice(0, 2).map(({ id, url }) => ({ id, url, group: 0, state: 'active' as const }));
      await createFleetWriter(base.scripts, 1_000).initTopology(known);
      const starting: readonly ((one: Config) => Promise<Running>)[] = [startPlanner, startReconciler];
      for (const start of starting) await kept(start(config));
      const mover = await kept(startRebalancer(config));
      const gateway = await kept(startGateway(config));
      const api = await kept(startApi(config));
      const control = await kept(openControl(config));
      const target = await kept(Promise.resolve(new HttpTarget({ name: 'g1', url: gateway.gatewayUrl, index: INDEX })));
      const asked = async () =>
        (await target.send('GET', '/indexes', undefined, AbortSignal.timeout(2_000))).status === 200;
      await untilTrue(asked, START_MS);
      await prepareIndex(target, INDEX);
      const parts = { config, nodes, base, control, apiUrl: api.apiUrl, metricsUrl: mover.metricsUrl ?? '' };
      return new WholeFleet(parts, target, close);
    } catch (error) {
      await close();
      throw error;
    }
  }

  clients(): Clients {
    const over = new AbortController();
    const running = runWorkload({
      targets: [this.#target],
      recorder: this.recorder,
      keyspace: new Keyspace({ hot: 4, cold: 200, groups: 10 }),
      seed: 1,
      callsPerS: CALLS_PER_S,
      batchMax: 16,
      signal: over.signal,
    });
    return {
      end() {
        over.abort();
        return running;
      },
    };
  }

  /** Tells of the third node, as another service would. */
  async addNode(): Promise<EventOutcome> {
    const { producer } = this.control;
    const { jobId } = await producer.nodeAdded({ nodeId: 'n3', url: this.nodes[2]!.url });
    return producer.result(jobId);
  }

  /** Adds the third node, and returns in the middle of a copy into it, which goes on slowly until `release`. */
  async copying(): Promise<{ release(): Promise<unknown> }> {
    const { records } = this.base;
    const applied = () => this.recorder.history.filter(({ outcome }) => outcome === 'applied').length;
    await untilTrue(() => applied() > APPLIED_FIRST);
    const throttle = (documentsPerSecond: number | null) =>
      setThrottle({ ...this.control, actor: 'test' }, { ...NO_THROTTLE, documentsPerSecond });
    await throttle(SLOW_DOCUMENTS_PER_S);
    if ((await this.addNode()).moves === 0) throw new Error('nothing moves to the third node');
    await untilTrue(async () => (await records.unfinishedMoves()).some(({ phase }) => phase === 'MigrationInProgress'));
    return { release: () => throttle(null) };
  }

  /** The run of Redis that the planner has taken up. */
  async acceptedRun(): Promise<string | null> {
    let run: string | null = null;
    await untilTrue(async () => {
      run = await reading('the run', () => this.base.redis.hget(keys.run, 'accepted'));
      return true;
    });
    return run;
  }

  /** Until every move and plan has ended by itself. */
  async untilQuiet(deadlineMs: number): Promise<void> {
    const { records } = this.base;
    await untilTrue(
      async () => (await records.unfinishedMoves()).length === 0 && (await records.plans(0)).length === 0,
      deadlineMs,
      async () => JSON.stringify(await records.unfinishedMoves(), null, 1),
    );
  }

  /** What is wrong with what clients were told; '' is nothing. No client may call any more. */
  async judged(): Promise<{ readonly faults: string; readonly verdict: Verdict }> {
    await untilIdle(this.nodes, START_MS);
    let table: RoutingTable | null = null;
    await untilTrue(async () => (table = await this.base.records.table(INDEX)) !== null);
    const { shards } = table as unknown as RoutingTable;
    const holders = this.nodes.filter(({ id }) => shards.some(({ owners }) => owners.includes(id)));
    const judge = new Judge(this.recorder.history, { readsInOrder: false, sentAgainAfterMs: SENT_AGAIN_MS });
    const verdict = judge.end({
      idleAtMs: this.recorder.now(),
      dumps: await dumps(holders, INDEX),
      owners: (key) => shards[shardForKey(key, SHARDS)]?.owners ?? [],
    });
    return { verdict, faults: isClean(verdict) ? '' : describeVerdict(verdict) };
  }

  async stop(): Promise<void> {
    await this.#close();
    this.recorder.close();
  }
}
