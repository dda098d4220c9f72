// One case from its start to its verdict, and the run that the matrix is enumerated from.
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../src/errors.ts';
import { untilTrue } from '../support/until.ts';
import type { Case, Passes, Recording } from './cases.ts';
import { Watch, judge } from './checker.ts';
import { Nemesis, helperOf, roleOf } from './nemesis.ts';
import type { Role } from './supervised.ts';
import { Fleet, TARGET_TASKS } from './workload.ts';

/** From the event to the last move's end, whatever goes wrong. */
const DEADLINE_MS = 45_000;
const LINES_KEPT = 300;

export type Outcome = 'passed' | 'failed' | 'not reached';

export interface CaseResult {
  readonly case: Case;
  readonly outcome: Outcome;
  readonly seconds: number;
  readonly sentAgain: number;
  /** How often somebody was struck: a successor with nothing left to do at the point is not struck again. */
  readonly mishaps: number;
  readonly refused: number;
  readonly faults: readonly string[];
  /** Folder with what the processes said; only of a failed case. */
  readonly evidence?: string;
}

const refusedOf = (fleet: Fleet, role: Role): number =>
  fleet.processes.filter((one) => one.role === role).reduce((sum, one) => sum + one.refused, 0);

async function until(fleet: Fleet, deadlineMs: number): Promise<void> {
  const describe = async (): Promise<string> => {
    const moves = await fleet.base.records.unfinishedMoves();
    return `did not end: ${JSON.stringify(moves.map(({ id, phase, waiting }) => ({ id, phase, waiting })))}`;
  };
  await untilTrue(async () => fleet.isQuiet().catch(() => false), deadlineMs, describe);
}

async function keepEvidence(fleet: Fleet, one: Case, faults: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'miroir-chaos-'));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'case.json'), JSON.stringify({ ...one, faults }, null, 2));
  for (const { label, lines } of fleet.processes) {
    await writeFile(join(folder, `${label.replace(' ', '-')}.log`), `${lines.slice(-LINES_KEPT).join('\n')}\n`);
  }
  for (const node of fleet.nodes) {
    const tasks = await fetch(`${node.url}/tasks?limit=10000`).then((response) => response.text(), messageOf);
    await writeFile(join(folder, `${node.id}-tasks.json`), tasks);
  }
  const records: Record<string, unknown> = {};
  try {
    records['audit'] = await fleet.client.xrange('{miroir}:audit', '-', '+');
    for (const key of (await fleet.client.keys('{miroir}:*')).sort()) {
      if ((await fleet.client.type(key)) === 'hash') records[key] = await fleet.client.hgetall(key);
    }
  } catch (error) {
    records['problem'] = messageOf(error);
  }
  await writeFile(join(folder, 'redis.json'), JSON.stringify(records, null, 2));
  return folder;
}

/** `keep`: what the processes said is kept although the case passed. */
export async function runCase(fleet: Fleet, one: Case, keep = false): Promise<CaseResult> {
  await fleet.reset(helperOf(one));
  const startedAt = performance.now();
  const watch = new Watch(fleet);
  const nemesis = new Nemesis(fleet, one);
  const faults: string[] = [];
  let outcome: Outcome = 'passed';
  let sentAgain = 0;
  let mishapCount = 0;
  try {
    await nemesis.unleash();
    await until(fleet, DEADLINE_MS);
    const mishaps = await nemesis.settle();
    await until(fleet, DEADLINE_MS);
    // What a process leaves on the target is found there by its tags; only a node or Redis may take that knowledge along.
    const verdict = await judge(
      fleet,
      watch,
      one.kind === 'server' ? TARGET_TASKS : 0,
      one.kind === 'process' && one.turns,
    );
    sentAgain = verdict.sentAgain;
    faults.push(...mishaps.faults, ...verdict.faults);
    mishapCount = mishaps.count;
    if (mishaps.count === 0) outcome = 'not reached';
  } catch (error) {
    faults.push(messageOf(error));
  }
  await watch.end();
  faults.push(...watch.faults);
  if (faults.length > 0) outcome = 'failed';
  const seconds = (performance.now() - startedAt) / 1_000;
  const result = {
    case: one,
    outcome,
    seconds,
    sentAgain,
    mishaps: mishapCount,
    refused: refusedOf(fleet, roleOf(one)),
    faults,
  };
  const kept = outcome === 'failed' || keep ? { evidence: await keepEvidence(fleet, one, faults) } : {};
  return { ...result, ...kept };
}

function readPasses(files: readonly string[]): Passes {
  const passes = new Map<string, number>();
  for (const file of files) {
    for (const point of readFileSync(file, 'utf8').split('\n')) {
      if (point !== '') passes.set(point, (passes.get(point) ?? 0) + 1);
    }
  }
  return passes;
}

/** An undisturbed run with one process of each kind, both ended by SIGTERM: the points that it passes. */
export async function record(fleet: Fleet, turns: boolean): Promise<Recording> {
  const folder = await mkdtemp(join(tmpdir(), 'miroir-chaos-'));
  try {
    await fleet.reset();
    const watch = new Watch(fleet);
    const file = (role: Role): string => join(folder, role);
    const roles: Role[] = ['planner', 'rebalancer'];
    const processes = await Promise.all(roles.map((role) => fleet.launch(role, `record=${file(role)}`)));
    await untilTrue(() => processes.every(({ isReady }) => isReady), DEADLINE_MS);
    await fleet.sendEvents(turns);
    await until(fleet, DEADLINE_MS);
    await sleep(1_000); // whatever is done in quiet times
    for (const process of processes) process.kill('SIGTERM');
    await Promise.all(processes.map((process) => process.exited));
    const { faults } = await judge(fleet, watch, 0, turns);
    await watch.end();
    if (faults.length > 0) throw new Error(`the undisturbed run is not right:\n  ${faults.join('\n  ')}`);
    return { planner: readPasses([file('planner')]), rebalancer: readPasses([file('rebalancer')]) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
