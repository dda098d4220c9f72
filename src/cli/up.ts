/** `miroir up`: everything in one place. Redis and development nodes of its own, planner, movers, gateway and board. */
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CONFIG_KEYS, type Config } from '../config.ts';
import { shownRedisUrl } from '../config/redis-url.ts';
import { initFleet } from '../control/nodes.ts';
import { ConfigError, InvalidInputError } from '../errors.ts';
import type { Exit } from '../fleet/child.ts';
import { startDevNode } from '../fleet/nodes.ts';
import { portOrFree } from '../fleet/port.ts';
import { type RedisProcess, startRedis } from '../fleet/redis.ts';
import { type RunningAll, openControl, startAll } from '../service.ts';
import { COMMAND, Closers, ProcessDiedError, listenForSignals } from './lifetime.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { say } from './output.ts';
import { buildMissingPage } from './page-build.ts';

export interface UpOptions {
  /** How many development nodes to start, or the URLs of real ones. */
  readonly nodes: number | readonly string[];
  /** Use the Redis of the configuration instead of a private one. */
  readonly externalRedis: boolean;
  /** Where Redis and development nodes keep their data; without one it is gone at the end. */
  readonly dir?: string;
  /** Name of the environment variable with the API key of real nodes. */
  readonly apiKeyEnv?: string;
  /** Processes that move shards. */
  readonly workers: number;
  /** Where clients reach the gateway; default: that of the configuration, or any free one where it is taken. */
  readonly gatewayPort?: number;
}

interface UpNode {
  readonly id: string;
  readonly url: string;
  readonly apiKeyRef?: string;
}

/** What has to be the same when the folder is used again: the records name nodes by their URLs. */
interface Ports {
  readonly redis: number | null;
  readonly nodes: Readonly<Record<string, number>>;
}

interface Watched {
  readonly exited: Promise<Exit>;
  tail(): readonly string[];
}

const KEY_REF = 'up';
const PORTS_FILE = 'ports.json';
const NODES_MAX = 32;
const LAST_WORDS = 10;
/** Only named in what to try next. */
const SPARE_PORT = 7_704;

/** Runs until Ctrl-C, then stops everything in order. Resolves to 0 then, or throws why it could not go on. */
export async function runUp(options: UpOptions, given: Config): Promise<ExitCode> {
  const stop = new AbortController();
  const isInterrupted = listenForSignals(stop);
  const closers = new Closers();
  const watch = (name: string, process: Watched, tell: (told: string) => void): void => {
    void process.exited.then(({ code, signal }) => {
      if (closers.isClosing) return;
      const words = process.tail().slice(-LAST_WORDS);
      tell([`${name} ended by itself (${signal ?? `exit code ${code}`}); its last words:`, ...words].join('\n  '));
    });
  };
  try {
    const dir = options.dir === undefined ? null : resolve(options.dir);
    const ports = dir === null ? null : await readPorts(dir);
    const redis = options.externalRedis ? null : await startOwnRedis(dir, ports);
    if (redis !== null) {
      closers.add('redis', () => redis.stop());
      // Nothing goes on without it.
      watch('Redis', redis, (told) => stop.abort(new ProcessDiedError(told)));
    }
    const nodes = await startNodes(options, dir, ports, (node) => {
      closers.add('nodes', () => node.stop());
      // That is what the fleet is for.
      watch(`node ${node.id}`, node, (told) => {
        say(`${told}\nthe fleet goes on without it\nnext: ${COMMAND} devnode --port ${node.port} --dir ${node.dir}`);
      });
    });
    if (dir !== null && (redis !== null || typeof options.nodes === 'number')) {
      // Where development nodes were is known to the next run that starts them, also when one with real nodes was between.
      const own = typeof options.nodes === 'number' ? portsOf(nodes) : (ports?.nodes ?? {});
      await writePorts(dir, { redis: redis?.port ?? ports?.redis ?? null, nodes: own });
    }
    const config = await configFor(options, given, redis?.url ?? given.redisUrl);
    stop.signal.throwIfAborted();
    await buildMissingPage();
    const all = await startAll({ config, movers: options.workers, hasGateway: true });
    closers.add('workers', () => all.close());
    const unregistered = await register(config, nodes);
    print(config, all, nodes, unregistered, dir);
    if (!stop.signal.aborted) await once(stop.signal, 'abort');
    if (!isInterrupted()) throw stop.signal.reason;
    process.stderr.write('stopping\n');
    return EXIT.ok;
  } catch (error) {
    if (isInterrupted()) return EXIT.ok;
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    await closers.close();
  }
}

async function folder(dir: string, name: string): Promise<string> {
  const path = join(dir, name);
  await mkdir(path, { recursive: true });
  return path;
}

async function readPorts(dir: string): Promise<Ports | null> {
  try {
    return JSON.parse(await readFile(join(dir, PORTS_FILE), 'utf8')) as Ports;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new InvalidInputError(`${join(dir, PORTS_FILE)} cannot be read`, {
      field: '--dir',
      remedy: 'give another folder, or delete that file when no data of interest is there',
      cause: error,
    });
  }
}

const portsOf = (nodes: readonly UpNode[]): Ports['nodes'] =>
  Object.fromEntries(nodes.map(({ id, url }) => [id, Number(new URL(url).port)]));

async function writePorts(dir: string, ports: Ports): Promise<void> {
  await writeFile(join(dir, PORTS_FILE), `${JSON.stringify(ports, null, 2)}\n`);
}

async function startOwnRedis(dir: string | null, ports: Ports | null): Promise<RedisProcess> {
  const place = dir === null ? {} : { dir: await folder(dir, 'redis') };
  return startRedis({ aof: 'everysec', ...place, ...(ports?.redis == null ? {} : { port: ports.redis }) });
}

/** Given ones as they are; development nodes on the ports that they had before. */
async function startNodes(
  { nodes, apiKeyEnv }: UpOptions,
  dir: string | null,
  ports: Ports | null,
  onStart: (node: Awaited<ReturnType<typeof startDevNode>>) => void,
): Promise<UpNode[]> {
  if (typeof nodes !== 'number') {
    const key = apiKeyEnv === undefined ? {} : { apiKeyRef: KEY_REF };
    return nodes.map((url, at) => ({ id: `n${at + 1}`, url: url.replace(/\/$/, ''), ...key }));
  }
  if (nodes < 1 || nodes > NODES_MAX) {
    throw new InvalidInputError(`${nodes} nodes cannot be started`, {
      field: '--nodes',
      remedy: `give 1 to ${NODES_MAX}`,
    });
  }
  const started: UpNode[] = [];
  for (let at = 1; at <= nodes; at += 1) {
    const id = `n${at}`;
    const port = ports?.nodes[id];
    const place = dir === null ? {} : { dir: await folder(dir, id) };
    const node = await startDevNode({ id, ...place, ...(port === undefined ? {} : { port }) });
    onStart(node);
    started.push({ id, url: node.url });
  }
  return started;
}

/** The configuration as given, with what is started here. Ports that are taken are no reason to fail. */
async function configFor(options: UpOptions, given: Config, redisUrl: string): Promise<Config> {
  const { nodes, apiKeyEnv, gatewayPort } = options;
  const isDefault = given.metricsPort === CONFIG_KEYS.metrics_port.default;
  // A person reads this terminal: what works need not be said, unless more is asked for.
  const isQuiet = given.logLevel === CONFIG_KEYS.log_level.default && process.env['MIROIR_LOG_LEVEL'] === undefined;
  const nodeKeys = new Map(given.nodeKeys);
  const origins = typeof nodes === 'number' ? [] : nodes.map((url) => (URL.canParse(url) ? new URL(url).origin : url));
  const nodeKeyOrigins = new Map(given.nodeKeyOrigins);
  if (apiKeyEnv !== undefined) {
    const key = process.env[apiKeyEnv]?.trim() ?? '';
    if (key === '') {
      throw new ConfigError(`the environment variable ${apiKeyEnv} is not set`, {
        field: '--api-key-env',
        remedy: `put the nodes' API key into ${apiKeyEnv}`,
      });
    }
    nodeKeys.set(KEY_REF.toUpperCase(), key);
    nodeKeyOrigins.set(KEY_REF.toUpperCase(), origins);
  }
  return {
    ...given,
    redisUrl,
    nodeKeys,
    nodeKeyOrigins,
    nodeOrigins: [...given.nodeOrigins, ...origins],
    apiPort: given.apiPort === 0 ? 0 : await portOrFree(given.apiPort),
    // One that was asked for is not changed silently: clients are told it.
    gatewayPort: gatewayPort ?? (given.gatewayPort === 0 ? 0 : await portOrFree(given.gatewayPort)),
    ...(isDefault ? { metricsPort: 0 } : {}),
    ...(isQuiet ? { logLevel: 'warn' } : {}),
  };
}

/** Makes the nodes a fleet when there is none yet. Returns those that an older fleet does not know. */
async function register(config: Config, nodes: readonly UpNode[]): Promise<readonly UpNode[]> {
  const control = await openControl(config);
  try {
    const topology = await control.records.topology();
    if (topology.version > 0) return nodes.filter(({ id }) => !topology.nodes.some((node) => node.id === id));
    await initFleet(control, nodes);
    return [];
  } finally {
    await control.close();
  }
}

function print(
  config: Config,
  all: RunningAll,
  nodes: readonly UpNode[],
  unregistered: readonly UpNode[],
  dir: string | null,
): void {
  const shownRedis = shownRedisUrl(config.redisUrl);
  const movers = all
    .movers()
    .map(({ pid, metricsUrl }, at) => [`mover ${at + 1} (process ${pid})`, metricsUrl] as const);
  const gateway = all.gateway();
  const metrics = [
    [`planner and board (process ${process.pid})`, all.metricsUrl] as const,
    ...movers,
    ...(gateway === null ? [] : [[`gateway (process ${gateway.pid})`, gateway.metricsUrl] as const]),
  ];
  const [newcomer] = unregistered;
  const spare = { id: `n${nodes.length + 1}`, url: `http://127.0.0.1:${SPARE_PORT}` };
  const { id, url } = newcomer ?? spare;
  const lines = [
    `redis    ${shownRedis}`,
    ...nodes.map((node) => `node     ${node.id}  ${node.url}`),
    `gateway  ${all.gatewayUrl}`,
    `page     ${new URL('/', all.boardUrl).href}`,
    `board    ${all.boardUrl}`,
    ...metrics.map(([name, base]) => `metrics  ${base === null ? '(port taken)' : `${base}/metrics`}  ${name}`),
    `data     ${dir === null ? 'gone at the end; --dir keeps it' : `kept in ${dir}`}`,
    'next:',
    `  export MIROIR_REDIS_URL=${shownRedis}`,
    `  ${COMMAND} index create cities --primary-key cityId`,
    `  curl ${all.gatewayUrl}/indexes/cities/documents -H content-type:application/json -d '[{"cityId":1,"name":"Here"}]'`,
    ...(newcomer === undefined ? [`  ${COMMAND} devnode --port ${SPARE_PORT} &`] : []),
    `  ${COMMAND} node add ${id} --url ${url} --wait`,
    `  ${COMMAND} status -w`,
    'Ctrl-C stops everything.',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
