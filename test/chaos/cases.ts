// What can go wrong, as data: every case has a name from which it can be made again.
export const ACTIONS = ['kill', 'term', 'stop-0.8', 'stop-3'] as const;
/** SIGKILL, SIGTERM, SIGSTOP for 0.8 and for 3 lease TTLs. */
export type Action = (typeof ACTIONS)[number];

/** Killed and started again, `redis-long` after longer than a lease lasts; `redis-slow` answers nobody for half a TTL. */
const SERVERS = ['redis', 'redis-long', 'redis-slow', 'node-source', 'node-target'] as const;
/**
 * What only one mechanism stands against: a document lost on the target without a word (verify), a job taken from its
 * worker by the queue (the token at the checkpoint), a write that arrives late (the wait before a takeover).
 */
const SINGLE = {
  'silent-loss': { point: 'MigrationInProgress/node:putDocuments@after', ttlMs: undefined },
  'job-lock': { point: 'MigrationInProgress/script:move-checkpoint@before', ttlMs: undefined },
  // A longer lease, so that what the wait adds is longer than what taking over costs by itself.
  'late-arrival': { point: 'MigrationInProgress/node:putDocuments@before', ttlMs: 3_000 },
} as const;
export type Server = (typeof SERVERS)[number] | keyof typeof SINGLE;

export interface ProcessCase {
  readonly kind: 'process';
  readonly name: string;
  readonly role: 'planner' | 'rebalancer';
  /** `<phase>/<part>:<operation>@<before|after>`. */
  readonly point: string;
  /** Passes of the point until it happens. */
  readonly pass: number;
  readonly action: Action;
  /** Whether it happens to the successor as well. */
  readonly twice: boolean;
  /** Whether the node is drained again while shards move to it. */
  readonly turns: boolean;
}

export interface ServerCase {
  readonly kind: 'server';
  readonly name: string;
  readonly server: Server;
  /** Whose point it is. */
  readonly role: 'planner' | 'rebalancer';
  /** Where that process is when it happens. */
  readonly point: string;
  readonly pass: number;
  /** Lease TTL, when another than usual. */
  readonly ttlMs?: number;
}

export type Case = ProcessCase | ServerCase;

/** How often each point was passed in an undisturbed run, in the order of their first pass. */
export type Passes = ReadonlyMap<string, number>;

export interface Recording {
  readonly planner: Passes;
  readonly rebalancer: Passes;
}

/** Where cases of a node that is drained again are told from the others. */
const TURNS = 'turn:';

/** A frozen process tries exactly this write as soon as it wakes; whoever took over has made it void. */
const FENCED_WRITE = /^\w+\/script:move-[a-z]+@before$/;

export const isFencedWrite = (point: string): boolean => FENCED_WRITE.test(point);

/** Frozen before such a write for so long that a successor works by then. Of others many have no write left to refuse. */
export const mustBeRefused = (one: Case): boolean =>
  one.kind === 'process' && one.action === 'stop-3' && !one.twice && isFencedWrite(one.point);

export const phaseOf = (point: string): string => point.slice(0, point.indexOf('/'));

/** What a case is about, for tables: `planner`, or the phase that its point lies in. */
export const placeOf = (one: Case): string => {
  if (one.role === 'planner') return 'planner';
  const phase = phaseOf(one.point);
  return phase === '-' ? 'between phases' : phase;
};

export const columnOf = (one: Case): string =>
  one.kind === 'server' ? one.server : `${one.action}${one.twice ? ' twice' : ''}`;

/** The middle of the passes: what is half done is harder than what has just begun. */
const middle = (passes: number): number => Math.max(1, Math.ceil(passes / 2));

function ofProcesses(recording: Recording, turns: boolean): Case[] {
  const cases: Case[] = [];
  for (const role of ['rebalancer', 'planner'] as const) {
    for (const [point, passes] of recording[role]) {
      for (const twice of [false, true]) {
        for (const action of ACTIONS) {
          const name = `${turns ? TURNS : ''}${role}/${point}/${action}${twice ? '/twice' : ''}`;
          cases.push({ kind: 'process', name, role, point, pass: middle(passes), action, twice, turns });
        }
      }
    }
  }
  return cases;
}

/** Every case that the recorded runs give rise to: one that adds a node, one that turns back half-way. */
export function enumerate(recording: Recording, turning: Recording): Case[] {
  const cases = [...ofProcesses(recording, false)];
  // Of the second run only what the first has not: undoing a move, and asking for it.
  const beyond = (role: 'planner' | 'rebalancer'): Passes =>
    new Map([...turning[role]].filter(([point]) => !recording[role].has(point)));
  cases.push(...ofProcesses({ planner: beyond('planner'), rebalancer: beyond('rebalancer') }, true));
  const phases = new Map<string, [string, number]>();
  for (const [point, passes] of recording.rebalancer) {
    const known = phases.get(phaseOf(point));
    // The busiest point of a phase lies in the middle of its work.
    if (point.endsWith('@before') && (known === undefined || passes > known[1]))
      phases.set(phaseOf(point), [point, passes]);
  }
  for (const [phase, [point, passes]] of phases) {
    if (phase === '-') continue;
    for (const server of SERVERS) {
      cases.push({
        kind: 'server',
        name: `${server}/${phase}`,
        server,
        role: 'rebalancer',
        point,
        pass: middle(passes),
      });
    }
  }
  for (const [point, passes] of recording.planner) {
    if (!/script:(?!lease)/.test(point)) continue;
    const name = `redis-slow/${point}`;
    cases.push({ kind: 'server', name, server: 'redis-slow', role: 'planner', point, pass: middle(passes) });
  }
  for (const [server, { point, ttlMs }] of Object.entries(SINGLE)) {
    const passes = recording.rebalancer.get(point);
    if (passes === undefined) continue;
    const more = ttlMs === undefined ? {} : { ttlMs };
    cases.push({
      kind: 'server',
      name: `${server}/${phaseOf(point)}`,
      server: server as Server,
      role: 'rebalancer',
      point,
      pass: middle(passes),
      ...more,
    });
  }
  return cases;
}

const PROCESS_NAME = /^(turn:)?(planner|rebalancer)\/(.+@(?:before|after))\/(kill|term|stop-0\.8|stop-3)(\/twice)?$/;

/** The case of a name, also when today's recording did not pass its point: some points need a certain timing. */
export function caseNamed(name: string, cases: readonly Case[]): Case | undefined {
  const known = cases.find((one) => one.name === name);
  const [, turns, role, point = '', action, twice] = PROCESS_NAME.exec(name) ?? [];
  if (known !== undefined || role === undefined) return known;
  return {
    kind: 'process',
    name,
    role: role as ProcessCase['role'],
    point,
    pass: 1,
    action: action as Action,
    twice: twice !== undefined,
    turns: turns !== undefined,
  };
}

/** Small, seeded, the same everywhere. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The cases in a seeded order in which the first few have every kind of mishap and every place at least once; how many
 * these are is `needed`. In the very first a write must be refused, so that also the shortest sample shows that.
 */
export function sampleOrder(cases: readonly Case[], seed: number): { order: Case[]; needed: number } {
  const next = random(seed);
  const shuffled = cases
    .map((one) => ({ one, at: next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
  const first: Case[] = [];
  const seen = new Set<string>();
  const take = (one: Case): void => {
    first.push(one);
    seen.add(placeOf(one)).add(columnOf(one));
  };
  shuffled.filter(mustBeRefused).slice(0, 1).forEach(take);
  // Each pick has as much that is new as possible, so that few suffice.
  for (;;) {
    const best = shuffled
      .map((one) => ({ one, news: [placeOf(one), columnOf(one)].filter((word) => !seen.has(word)).length }))
      .reduce((a, b) => (b.news > a.news ? b : a));
    if (best.news === 0) break;
    take(best.one);
  }
  return { order: [...first, ...shuffled.filter((one) => !first.includes(one))], needed: first.length };
}
