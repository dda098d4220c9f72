/** What the demo runs on: a private Redis, nodes, a planner, workers and gateways, each a process of its own. */
import { loadConfig } from '../../config.ts';
import { InvalidInputError } from '../../errors.ts';
import { type DevNodeProcess, startDevNode } from '../../fleet/nodes.ts';
import { type WorkerProcess, startWorker } from '../../fleet/processes.ts';
import { startRedis } from '../../fleet/redis.ts';
import { type Control, openControl } from '../../service.ts';
import { type Closers, ProcessDiedError } from '../lifetime.ts';

export interface DemoNode {
  readonly id: string;
  readonly url: string;
  /** Name of the key, the same for all; none for development nodes. */
  readonly apiKeyRef?: string;
}

export interface DemoWorker {
  /** For people: `worker 1`, `gateway 2`. */
  readonly name: string;
  readonly process: WorkerProcess;
}

export interface DemoFleet {
  readonly control: Control;
  readonly redisUrl: string;
  /** n1, n2 and n3. */
  readonly nodes: readonly DemoNode[];
  readonly planner: DemoWorker;
  readonly workers: readonly DemoWorker[];
  /** None where clients are left out. */
  readonly gateways: readonly DemoWorker[];
  /** n4: started now, or the fourth of the given ones. */
  startFourth(): Promise<DemoNode>;
  /** The board, which the demo itself has no use for. */
  startBoard(): Promise<string>;
  /** Sends SIGKILL; the end of this one is no failure. */
  kill(worker: DemoWorker): void;
  /**
   * Sends SIGKILL to a node and starts it again where it was; `onKill` is told its process. False for one that is not ours
   * to kill.
   */
  restartNode(id: string, onKill: (pid: number) => void): Promise<boolean>;
  /** What our processes have logged last, for when something goes wrong. */
  lastWords(): readonly string[];
}

export interface FleetOptions {
  /** Four URLs of real nodes; without them development nodes are started. */
  readonly urls?: readonly string[];
  readonly apiKey?: string;
  /** Clients write and search through so many. */
  readonly gateways: number;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Told when a process ends that nobody ended, with its last words. */
  readonly onDeath: (error: Error) => void;
}

const KEY_REF = 'demo';
/** Fifteen minutes in production; here everybody waits for it. */
export const GRACE_MS = 2_000;
const NODES_AT_START = 3;
const LAST_WORDS = 10;

function environmentFor(redisUrl: string, { urls, apiKey }: FleetOptions): Record<string, string> {
  const origins = urls?.map((url) => new URL(url).origin).join(',');
  return {
    MIROIR_REDIS_URL: redisUrl,
    MIROIR_GRACE_MS: String(GRACE_MS),
    // Any free port: a demo must not fail because something listens already.
    MIROIR_METRICS_PORT: '0',
    MIROIR_API_PORT: '0',
    MIROIR_GATEWAY_PORT: '0',
    MIROIR_LOG_LEVEL: 'warn',
    ...(origins === undefined ? {} : { MIROIR_NODE_ORIGINS: origins }),
    ...(origins === undefined || apiKey === undefined
      ? {}
      : {
          [`MIROIR_NODE_KEY_${KEY_REF.toUpperCase()}`]: apiKey,
          [`MIROIR_NODE_KEY_ORIGINS_${KEY_REF.toUpperCase()}`]: origins,
        }),
  };
}

/** Throws `InvalidInputError` unless there are four base URLs. */
export function assertUrls(urls: readonly string[]): void {
  const isUrl = (url: string): boolean => URL.canParse(url) && /^https?:\/\/[^/?#@]+\/?$/.test(url);
  const wrong = urls.find((url) => !isUrl(url));
  if (urls.length === NODES_AT_START + 1 && wrong === undefined && new Set(urls).size === urls.length) return;
  throw new InvalidInputError(
    wrong === undefined
      ? `the demo needs ${NODES_AT_START + 1} different nodes, not ${urls.length}`
      : `${wrong} is not the base URL of a node`,
    {
      field: '--nodes',
      remedy: 'give four, e.g. http://10.0.0.1:7700,http://10.0.0.2:7700,…: three to start with, the fourth is added',
    },
  );
}

export async function startFleet(options: FleetOptions, closers: Closers): Promise<DemoFleet> {
  const { urls, apiKey, signal, onDeath } = options;
  const killed = new Set<DemoWorker>();
  const nodeProcesses = new Map<string, DevNodeProcess>();
  const redis = await startRedis({ aof: 'everysec' });
  closers.add('redis', () => redis.stop());
  const watch = (name: string, exited: Promise<unknown>, tail: () => readonly string[], isFine = () => false): void => {
    void exited.then(() => {
      if (closers.isClosing || isFine()) return;
      onDeath(
        new ProcessDiedError([`${name} ended by itself; its last words:`, ...tail().slice(-LAST_WORDS)].join('\n  ')),
      );
    });
  };
  watch('Redis', redis.exited, () => redis.tail());
  const environment = environmentFor(redis.url, options);
  const config = loadConfig(environment);

  const restarting = new Set<DevNodeProcess>();
  const watchNode = (node: DevNodeProcess): void =>
    watch(
      `node ${node.id}`,
      node.exited,
      () => node.tail(),
      () => restarting.has(node),
    );
  const startNode = async (position: number): Promise<DemoNode> => {
    const id = `n${position + 1}`;
    const url = urls?.[position];
    if (url !== undefined) {
      return { id, url: new URL(url).origin, ...(apiKey === undefined ? {} : { apiKeyRef: KEY_REF }) };
    }
    signal.throwIfAborted();
    const node = await startDevNode({ id });
    closers.add('nodes', () => node.stop());
    nodeProcesses.set(id, node);
    watchNode(node);
    return { id, url: node.url };
  };
  const startOne = async (kind: string, name: string): Promise<DemoWorker> => {
    signal.throwIfAborted();
    const process = await startWorker(kind, environment, { label: name });
    const worker = { name, process };
    closers.add('workers', () => process.child.stop());
    watch(
      name,
      process.child.exited,
      () => process.child.tail(),
      () => killed.has(worker),
    );
    return worker;
  };

  const nodes = await settled(Array.from({ length: NODES_AT_START }, (_, position) => startNode(position)));
  const [planner, ...others] = await settled([
    startOne('planner', 'planner'),
    startOne('rebalancer', 'worker 1'),
    startOne('rebalancer', 'worker 2'),
    ...Array.from({ length: options.gateways }, (_, at) => startOne('gateway', `gateway ${at + 1}`)),
  ]);
  if (planner === undefined) throw new Error('no planner was started');
  const gateways = others.filter(({ process }) => process.ready.gateway !== undefined);
  const workers = others.filter((one) => !gateways.includes(one));
  const control = await openControl(config);
  closers.add('connections', () => control.close());
  return {
    control,
    redisUrl: redis.url,
    nodes,
    planner,
    workers,
    gateways,
    startFourth: () => startNode(NODES_AT_START),
    async startBoard() {
      const board = await startOne('api', 'board');
      return board.process.ready.board ?? '';
    },
    kill(worker) {
      killed.add(worker);
      worker.process.child.kill('SIGKILL');
    },
    async restartNode(id, onKill) {
      const node = nodeProcesses.get(id);
      if (node === undefined) return false;
      restarting.add(node);
      onKill(node.pid);
      node.kill('SIGKILL');
      await node.restart();
      restarting.delete(node);
      watchNode(node);
      return true;
    },
    lastWords: () =>
      [planner, ...others].flatMap(({ name, process }) =>
        process.child
          .tail()
          // Its ready line is no news.
          .filter((line) => !line.startsWith('{"role"'))
          .slice(-LAST_WORDS)
          .map((line) => `${name}: ${line}`),
      ),
  };
}

/** Like Promise.all, but waits for all of them also when one fails: what still starts must be known to be stopped. */
async function settled<T>(starting: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(starting);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
