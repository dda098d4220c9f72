/** `miroir demo`: clients that write, a node more, a dead worker, a node less, and a check that trusts none of it. */
import { once } from 'node:events';
import { InvalidInputError } from '../errors.ts';
import { tellAdoption } from './demo/adoption.ts';
import { readCities } from './demo/cities.ts';
import { type DemoFleet, assertUrls, startFleet } from './demo/fleet.ts';
import { COMMAND, Closers, listenForSignals } from './lifetime.ts';
import { type Screen, createScreen } from './demo/screen.ts';
import { type Stage, INDEX, SHARDS, tellStory } from './demo/story.ts';
import { seconds } from './demo/table.ts';
import { count } from './demo/watch.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

export interface DemoOptions {
  /** URLs of four real nodes; without them development nodes are started. */
  readonly nodes?: readonly string[];
  /** Name of the environment variable with the API key of these nodes. */
  readonly apiKeyEnv?: string;
  /** Load only this many documents. */
  readonly docs?: number;
  /** Clients write and search meanwhile; default true. */
  readonly load?: boolean;
  /** The other story: one node with documents becomes a fleet of three. */
  readonly adopt?: boolean;
  /** Leave everything running at the end, until Ctrl-C. */
  readonly keep?: boolean;
}

/** Clients of the one that is killed go on at the other one. */
const GATEWAYS = 2;
/** Enough to see what taking over does. */
const ADOPTED_DOCS = 20_000;

/** Resolves to the exit code: 0 when every document is where it belongs, 1 when not, 130 after Ctrl-C. */
export async function runDemo(options: DemoOptions): Promise<ExitCode> {
  const { nodes: urls, adopt: isAdoption = false, keep: isKept = false } = options;
  const { docs = isAdoption ? ADOPTED_DOCS : undefined, load: isLoaded = true } = options;
  const apiKey = apiKeyOf(options);
  if (urls !== undefined) assertUrls(urls);
  if (docs === 0)
    throw new InvalidInputError('there is nothing to move', { field: '--docs', remedy: 'give 1 or more' });
  const screen = createScreen(process.stdout);
  const startedMs = performance.now();
  const cities = readCities(docs);
  const stop = new AbortController();
  const isInterrupted = listenForSignals(stop);
  const closers = new Closers();
  const fail = (error: unknown): void => stop.abort(error);
  let fleet: DemoFleet | undefined;
  try {
    screen.say(`${screen.colors.bold('miroir demo')}: ${count(cities.length)} cities, ${SHARDS} shards, 3 nodes`);
    const given = { ...(urls === undefined ? {} : { urls }), ...(apiKey === undefined ? {} : { apiKey }) };
    fleet = await startFleet(
      { ...given, gateways: isLoaded && !isAdoption ? GATEWAYS : 0, signal: stop.signal, onDeath: fail },
      closers,
    );
    const stage: Stage = {
      fleet,
      screen,
      cities,
      ...(apiKey === undefined ? {} : { apiKey }),
      isReal: urls !== undefined,
      signal: stop.signal,
      fail,
    };
    introduce(stage, startedMs);
    const isGood = await (isAdoption ? tellAdoption : tellStory)(stage, isKept ? null : closers);
    screen.say(`\n${verdict(screen, isGood)} after ${seconds(performance.now() - startedMs)}`);
    if (isKept) await keep(stage);
    return isGood ? EXIT.ok : EXIT.error;
  } catch (error) {
    screen.clear();
    if (isInterrupted()) {
      process.stderr.write('stopped\n');
      return EXIT.detached;
    }
    for (const line of fleet?.lastWords() ?? []) process.stderr.write(`${line}\n`);
    // When a process died, what its connections say about it is of no use; why it died is.
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    await closers.close();
  }
}

const verdict = ({ colors }: Screen, isGood: boolean): string =>
  isGood ? colors.green('✔ every document is where it belongs,') : colors.red('✘ documents are not where they belong,');

function apiKeyOf({ apiKeyEnv }: DemoOptions): string | undefined {
  if (apiKeyEnv === undefined) return undefined;
  const key = process.env[apiKeyEnv]?.trim() ?? '';
  if (key !== '') return key;
  throw new InvalidInputError(`the environment variable ${apiKeyEnv} is not set`, {
    field: '--api-key-env',
    remedy: `put the nodes' API key into ${apiKeyEnv}`,
  });
}

function introduce({ fleet, screen, isReal }: Stage, startedMs: number): void {
  screen.say(`  Redis      ${fleet.redisUrl}`);
  for (const { id, url } of fleet.nodes) screen.say(`  node ${id}    ${url}${isReal ? '' : '  (development node)'}`);
  for (const { name, process } of [fleet.planner, ...fleet.workers]) {
    const { metrics } = process.ready;
    screen.say(`  ${name.padEnd(9)}  process ${process.child.pid}${metrics === null ? '' : `, ${metrics}/metrics`}`);
  }
  for (const { name, process } of fleet.gateways) {
    screen.say(`  ${name}  process ${process.child.pid}, ${process.ready.gateway}`);
  }
  screen.say(`  started in ${seconds(performance.now() - startedMs)}`);
}

/** Until Ctrl-C. */
async function keep({ fleet, screen, cities, signal }: Stage): Promise<void> {
  const board = await fleet.startBoard();
  screen.say('\nEverything runs until Ctrl-C. To look at it:');
  screen.say(`  board      ${board}`);
  for (const command of ['status', `where ${INDEX} ${cities[0]?.cityId}`, `index show ${INDEX}`]) {
    screen.say(`  ${COMMAND} --redis ${fleet.redisUrl} ${command}`);
  }
  if (!signal.aborted) await once(signal, 'abort');
}
