// npm run bench [-- move|planner|fleet|takeover|memory|gateway|writes|gateway-memory|
//   anti-entropy|repair|rest|eta|api|propose|page] [--pairs N] [--docs N] [--rounds N]
//   [--rate N] [--seconds N] [--set key=value …] [--nodes URL,URL,URL,URL [--api-key-env NAME]] (real nodes, for move)
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import { givenNodes } from './given-nodes.ts';
import { say } from './print.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string', default: '3' },
    docs: { type: 'string' },
    /** Requests a second, and how long each load lasts. */
    rate: { type: 'string' },
    seconds: { type: 'string' },
    /** Requests for each path, for api. */
    rounds: { type: 'string', default: '300' },
    set: { type: 'string', multiple: true },
    nodes: { type: 'string' },
    'api-key-env': { type: 'string' },
  },
});
/** Settings other than the defaults, to see what a default costs. */
const config = Object.fromEntries((values.set ?? []).map((text) => text.split('=', 2) as [string, string]));
const docs = (fallback: number): number => Number(values.docs ?? fallback);
const perS = (fallback: number): number => Number(values.rate ?? fallback);
const seconds = (fallback: number): number => Number(values.seconds ?? fallback);

const refuse = (why: string): never => {
  process.stderr.write(`${why}\n`);
  process.exit(64);
};

function wholeOf(name: string, text: string): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0
    ? value
    : refuse(`--${name}: give a whole number above 0, not ${text}`);
}

function readGiven(): ReturnType<typeof givenNodes> {
  try {
    return givenNodes(values.nodes, values['api-key-env']);
  } catch (error) {
    return refuse(messageOf(error));
  }
}
const given = readGiven();

const BENCHES = {
  move: async () =>
    (await import('./move.ts')).benchMove({ pairs: Number(values.pairs), documents: docs(135_233), config, given }),
  planner: async () => (await import('./planner.ts')).benchPlanner(),
  fleet: async () => (await import('./fleet.ts')).benchFleet(docs(200), config),
  takeover: async () => (await import('./takeover.ts')).benchTakeover(),
  memory: async () => (await import('./memory.ts')).benchMemory(docs(1_000_000), config),
  gateway: async () =>
    (await import('./gateway.ts')).benchGateway({
      pairs: Number(values.pairs),
      documents: docs(10_000),
      perS: perS(200),
      seconds: seconds(10),
      config,
    }),
  writes: async () =>
    (await import('./writes.ts')).benchWrites({
      pairs: Number(values.pairs),
      // Shards of some 8,000: a move of a few hundred documents is nothing but waits for batches.
      documents: docs(135_233),
      perS: perS(200),
      seconds: seconds(20),
      config,
    }),
  eta: async () =>
    (await import('./eta.ts')).benchEta({
      pairs: Number(values.pairs),
      documents: docs(270_000),
      perS: perS(100),
      config,
    }),
  'anti-entropy': async () => (await import('./anti-entropy.ts')).benchAntiEntropy(docs(1_000_000), config),
  repair: async () => (await import('./repair.ts')).benchRepair(docs(1_000_000), config),
  page: async () => (await import('./page.ts')).benchPage(),
  rest: async () => (await import('./rest.ts')).benchRest({ documents: docs(20_000), seconds: seconds(600), config }),
  api: async () => (await import('./api.ts')).benchApi({ rounds: wholeOf('rounds', values.rounds), config }),
  propose: async () => (await import('./propose.ts')).benchPropose(wholeOf('rounds', values.rounds)),
  'gateway-memory': async () =>
    (await import('./gateway-memory.ts')).benchGatewayMemory({ perS: perS(200), seconds: seconds(600), config }),
} as const;
type Name = keyof typeof BENCHES;

const names = positionals.length === 0 ? (Object.keys(BENCHES) as Name[]) : (positionals as Name[]);
if (given !== null && names.some((name) => name !== 'move'))
  refuse('--nodes: only move runs on nodes that are given, e.g. npm run bench -- move --nodes …');
const all: Record<string, unknown> = {};
let valid = true;
for (const name of names) {
  const bench = BENCHES[name];
  if (bench === undefined) refuse(`no benchmark ${name}; there are ${Object.keys(BENCHES).join(', ')}`);
  say(`== ${name}`);
  const result = await bench();
  valid &&= result.valid;
  Object.assign(all, names.length === 1 ? result.figures : { [name]: result.figures });
}
say(JSON.stringify(all));
process.exit(valid ? 0 : 1);
