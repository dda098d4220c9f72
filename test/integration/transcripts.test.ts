// Every command of the command line, and of the documents, is run once against a small fleet. What it prints is compared with
// transcripts/<command>.txt. To write these anew:
//   TRANSCRIPTS=write npx vitest run --config test/vitest.config.ts transcripts
// A command that no line of the story runs is run as the first example of its help shows it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { loadConfig } from '../../src/config.ts';
import { type DevNodeProcess, startDevNodes } from '../../src/fleet/nodes.ts';
import { type RedisProcess, startRedis } from '../../src/fleet/redis.ts';
import { startPlanner, startRebalancer, startReconciler } from '../../src/service.ts';
import { type CliProcess, startCli } from '../support/cli-process.ts';
import { filesUnder, REFERENCES, textOf } from '../docs/tables.ts';
import { helpOf, type Leaf, leafIn, leavesOf, problemOf } from '../support/cli-commands.ts';
import { type Block, blocksOf, oursIn } from '../support/doc-commands.ts';
import { commandsIn, goesOn, masked, runHere, type Said, wordsOf } from '../support/transcript.ts';
import { untilTrue } from '../support/until.ts';

const FOLDER = join(import.meta.dirname, 'transcripts');
const LEAVES = leavesOf(buildProgram());
/** Run until a signal, as processes of their own; the story needs all of them. */
const PROCESSES = ['planner', 'worker', 'reconciler', 'api', 'gateway', 'devnode'];

/** In this order. Nodes and ids of plans and moves as in the examples; see `filledIn`. */
const STORY = [
  'node add n1 --url http://n1.search.internal:7700 --api-key-ref fleet',
  'node add n2 --url http://n2.search.internal:7700',
  'index create cities --primary-key cityId --shards 8 --replication-factor 2 --searchable name',
  'index create cities',
  'events --since 1h',
  'events -f --since 0-0 --node n2 -o ndjson',
  'LOAD',
  'index list',
  'index show cities',
  'index show cities -o ndjson',
  'where cities 3040132',
  'status -w',
  'verify cities',
  'verify cities --shard 99',
  'node add n3 --url http://n3.search.internal:7700 --wait --until cleaned --timeout 60s',
  'node list -o ndjson',
  'plan --drain n1',
  'shard explain cities 0',
  'plan pause --all',
  'plan pause --all -o json',
  'plan resume --all',
  'throttle set --documents-per-second 2000',
  'throttle show',
  'throttle clear',
  'node drain n1 --wait --until cleaned --timeout 60s',
  'node remove n2',
  'node remove n1',
  'plan list',
  'plan show p3f9c1a7d2e40',
  'plan apply p3f9c1a7d2e40',
  'move list --plan p3f9c1a7d2e40 --limit 2',
  'move show p3f9c1a7d2e40-12-0-1f00ab3c',
  'group add 1 --node n4=http://n4.search.internal:7700 --node n5=http://n5.search.internal:7700,key=fleet --wait --timeout 60s',
  'group list',
  'node fail n4 --now',
  'event send NodeRecovered --data \'{"node_id":"n4"}\' --wait',
  'event send NodeFailed --data {}',
  'event show 1',
  'index thaw cities',
  'settings show cities',
  'settings thaw cities',
  'verify cities -o ndjson',
  'index adopt movies',
  'index adopt movies --shards 2 --yes',
  'demo --docs 0',
  'up --nodes 0',
];

const processes = new Map<string, CliProcess>();
const transcripts = new Map<string, string>();
let redis: RedisProcess;
let nodes: DevNodeProcess[] = [];
let env: Record<string, string> = {};

const gateway = (): string => (JSON.parse(processes.get('gateway')?.line ?? '{}') as { gateway: string }).gateway;

/** Puts this fleet's nodes, plans and moves in the place of those that examples name. */
async function filledIn(line: string): Promise<string> {
  if (!/p3f9c1a7d2e40|http:|--shards 64/.test(line)) return line;
  const plan = /"id": "(p[0-9a-f]{12})"/.exec((await runHere('miroir plan list --limit 1 -o json', false)).out)?.[1];
  const moves =
    plan === undefined ? '' : (await runHere(`miroir move list --plan ${plan} --limit 1 -o json`, false)).out;
  const move = /"id": "(p[0-9a-f]{12}-[^"]+)"/.exec(moves)?.[1];
  return (
    line
      // Of 64 shards each is moved as one of 4 is.
      .replace('--shards 64', '--shards 4')
      .replace(/p3f9c1a7d2e40-12-0-1f00ab3c/g, move ?? '$&')
      .replace(/p3f9c1a7d2e40/g, plan ?? '$&')
      .replace(/\bn(\d)( --url |=)http:[^\s,]*/g, (all, number: string, between: string) => {
        const node = nodes[Number(number) - 1];
        return node === undefined ? all : `n${number}${between}${node.url}`;
      })
  );
}

function leafOf(line: string): Leaf {
  const leaf = leafIn(LEAVES, wordsOf(line).slice(1));
  if (leaf === undefined) throw new Error(`${line}: there is no such command`);
  return leaf;
}

async function typed(line: string): Promise<Said> {
  return runHere(await filledIn(line), goesOn(leafOf(line).command, line));
}

/** Whose commands wait for nothing else to happen meanwhile: what they print is the same each time. */
async function untilQuiet(): Promise<void> {
  await untilTrue(async () => {
    const { out } = await runHere('miroir status -o json', false);
    const { moves, plans, nodes: all } = JSON.parse(out) as Record<'moves' | 'plans' | 'nodes', { state: string }[]>;
    const isOver =
      plans.every(({ state }) => !['opening', 'running'].includes(state)) &&
      all.every(({ state }) => state !== 'joining');
    return moves.length === 0 && isOver;
  }, 60_000);
}

async function record(line: string): Promise<void> {
  const { text, code } = await typed(line);
  const { name } = leafOf(line);
  transcripts.set(name, `${transcripts.get(name) ?? ''}$ ${line}\n${masked(text)}\nexit ${code}\n\n`);
  await untilQuiet();
}

/** Sends it to a node or the gateway, and waits for the task. */
async function sent(method: string, url: string, documents: readonly object[] = []): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = method === 'POST' ? { body: JSON.stringify(documents) } : {};
  const { taskUid } = (await (await fetch(url, { method, headers, ...body })).json()) as { taskUid: number };
  await untilTrue(async () => {
    const task = (await (await fetch(new URL(`/tasks/${taskUid}`, url))).json()) as { finishedAt: string | null };
    return task.finishedAt !== null;
  });
}

const CITIES = Array.from({ length: 20 }, (_, at) => ({ cityId: 3_040_132 + at, name: `city ${at}` }));
/** On a node that nobody has told us of. */
const putMovies = (node: DevNodeProcess | undefined): Promise<void> =>
  sent(
    'POST',
    `${node?.url}/indexes/movies/documents?primaryKey=id`,
    CITIES.slice(0, 5).map(({ name }, id) => ({ id, name })),
  );

async function load(): Promise<void> {
  await untilTrue(async () => (await fetch(`${gateway()}/health`)).status === 200, 20_000);
  await sent('POST', `${gateway()}/indexes/cities/documents`, CITIES);
  await putMovies(nodes[2]);
}

beforeAll(async () => {
  [redis, nodes] = await Promise.all([startRedis({ aof: 'off' }), startDevNodes(5, { batchMs: 0, docsPerS: 0 })]);
  env = {
    MIROIR_REDIS_URL: redis.url,
    MIROIR_ALLOW_VOLATILE_REDIS: '1',
    MIROIR_NODE_KEY_FLEET: 'any',
    MIROIR_METRICS_PORT: '0',
    MIROIR_API_PORT: '0',
    MIROIR_GATEWAY_PORT: '0',
    MIROIR_GRACE_MS: '0',
    MIROIR_REPAIR_DELAY_MS: '0',
    // What these find, and when, is their own tests' subject.
    MIROIR_HEALTH_ENABLED: '0',
    MIROIR_ANTI_ENTROPY_ENABLED: '0',
    MIROIR_GROUP_CHECKS_ENABLED: '0',
    MIROIR_LOG_LEVEL: 'silent',
  };
  Object.assign(process.env, env);
  const started = await Promise.all(PROCESSES.map((name) => startCli([name], env)));
  started.forEach((each, at) => processes.set(PROCESSES[at] ?? '', each));
  for (const line of STORY) await (line === 'LOAD' ? load() : record(`miroir ${line}`));
  for (const { name, command } of LEAVES) {
    if (transcripts.has(name) || PROCESSES.includes(name)) continue;
    const [first] = helpOf(command)
      .examples.flatMap(commandsIn)
      .filter((line) => leafOf(line).name === name);
    if (first !== undefined) await record(first);
  }
}, 240_000);
afterAll(async () => {
  await Promise.all([...processes.values()].map((each) => each.stop()));
  await Promise.all([redis.stop(), ...nodes.map((node) => node.stop())]);
});

/** How far groups and moves are when somebody looks is the machine's: of these only commands, heads of tables and exit codes. */
const OF_THE_MOMENT = new Set([
  'doctor',
  'group activate',
  'group add',
  'group list',
  'group status',
  'index adopt',
  'move explain',
  'move list',
  'move show',
  'node add',
  'node drain',
  'plan',
  'report',
]);
const toCompare = (name: string, text: string): string =>
  OF_THE_MOMENT.has(name)
    ? text
        .split('\n')
        .filter((line) => /^(?:\$ |exit \d|! error |[A-Z][A-Z ]+ {2})/.test(line))
        .map((line) => line.replace(/^(! error \S+).*/, '$1'))
        .join('\n')
    : text;

describe('what a command prints', () => {
  it.each(LEAVES.map(({ name }) => name))('miroir %s', (name) => {
    const running = processes.get(name);
    const text = running === undefined ? transcripts.get(name) : `$ miroir ${name}\n${masked(running.line)}\n`;
    expect(text, `no line of the story runs ${name}, and its help has no example`).toBeDefined();
    const file = join(FOLDER, `${name.replaceAll(' ', '-')}.txt`);
    if (process.env['TRANSCRIPTS'] === 'write') writeFileSync(file, text ?? '');
    const kept = existsSync(file) ? readFileSync(file, 'utf8') : 'no file: see the first lines of this test';
    expect(toCompare(name, text ?? '')).toBe(toCompare(name, kept));
  });

  it('ends with 0 where it runs until a signal', async () => {
    const exits = await Promise.all([...processes].map(async ([name, each]) => [name, (await each.stop()).code]));
    expect(exits).toEqual(PROCESSES.map((name) => [name, 0]));
  });

  it('has no transcript of a command that is gone', () => {
    const names = LEAVES.map(({ name }) => `${name.replaceAll(' ', '-')}.txt`);
    expect(readdirSync(FOLDER).filter((file) => !names.includes(file))).toEqual([]);
  });
});

/** Before commands that name nodes, an index or a plan: three of them, one with moves behind it. */
const USUAL = [
  'node add n1 --url http:',
  'node add n2 --url http:',
  'index create cities --shards 4',
  'node add n3 --url http: --wait',
];
/** What is there before the commands of a section where that is not the usual; nothing else, and nodes are empty. */
const BEFORE: Readonly<Record<string, readonly string[]>> = {
  'Pausing and cancelling a plan': [...USUAL, 'plan pause --all', 'node drain n1'],
  'Throttling copies': [...USUAL, 'node add n4 --url http:'],
  'On your own nodes': [],
  'Getting started': ['node add n1 --url http:', 'node add n2 --url http:', 'node add n3 --url http:'],
  'Taking over an index': ['MOVIES'],
  'Adding a node': ['node add n1 --url http:', 'index create cities --shards 4'],
  'Draining and removing': ['node add n1 --url http:', 'node add n2 --url http:', 'index create cities --shards 4'],
  'Adding and removing a replica group': ['node add n1 --url http:', 'index create cities --shards 4'],
};
/** Ended by a signal, or long: how they are typed is looked at. */
const ONLY_READ = [...PROCESSES, 'up', 'demo'];

const DOCUMENTS = ['README.md', ...filesUnder('docs').filter((path) => path.endsWith('.md') && !(path in REFERENCES))];
const BLOCKS = DOCUMENTS.flatMap((file) => blocksOf(file, textOf(file)));

describe('what documents show', () => {
  let database = 0;

  /** A fleet of this block alone: a planner, a worker and a reconciler over a database of its own. */
  async function withFleet(before: readonly string[], act: () => Promise<void>): Promise<void> {
    const url = `${redis.url}/${(database += 1)}`;
    Object.assign(process.env, { MIROIR_REDIS_URL: url });
    const uids = ['cities', 'movies'];
    await Promise.all(nodes.flatMap((node) => uids.map((uid) => sent('DELETE', `${node.url}/indexes/${uid}`))));
    const config = loadConfig({ ...env, MIROIR_REDIS_URL: url });
    const running = await Promise.all([startPlanner(config), startRebalancer(config), startReconciler(config)]);
    try {
      for (const line of before) {
        if (line === 'MOVIES') await putMovies(nodes[0]);
        else await typed(`miroir ${line}`);
      }
      await act();
    } finally {
      await Promise.all(running.map((each) => each.close()));
    }
  }

  it.each(BLOCKS.map((block): [string, Block] => [`${block.file}, ${block.heading}: ${block.lines[0]}`, block]))(
    '%s',
    async (_, block) => {
      const commands = block.lines.flatMap((line) => oursIn(block, line) ?? []);
      const problems = commands.map((line) => problemOf(buildProgram(), line));
      expect(problems.filter((problem) => problem !== null)).toEqual([]);
      const run = commands.filter((line) => !ONLY_READ.includes(leafOf(line).name));
      if (run.length === 0) return;
      const usual = run.some((line) => /\bn\d\b|cities|p3f9c1a7d2e40/.test(line)) ? USUAL : [];
      await withFleet(BEFORE[block.heading] ?? usual, async () => {
        for (const line of run) {
          const { code, text } = await typed(line);
          expect(code, `${line}\n${text}`).toBe(0);
        }
      });
    },
    60_000,
  );
});
