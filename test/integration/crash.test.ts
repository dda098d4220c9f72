// The most telling cases of the kill matrix (test/chaos), by name: real processes, real signals, the same checker.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Case } from '../chaos/cases.ts';
import { type CaseResult, runCase } from '../chaos/run.ts';
import { Fleet } from '../chaos/workload.ts';

// A case has its own deadline, which says what has not ended; a busy machine needs much of it.
vi.setConfig({ testTimeout: 120_000 });

let fleet: Fleet | undefined;
beforeAll(async () => {
  fleet = await Fleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

async function run(one: Case): Promise<CaseResult> {
  if (fleet === undefined) throw new Error('no fleet');
  return runCase(fleet, one);
}
const passed = { outcome: 'passed', faults: [] };

const worker = { kind: 'process', role: 'rebalancer', twice: false, turns: false } as const;
const copying = 'MigrationInProgress/node:putDocuments@after';

it('SIGKILL mid-copy: another process resumes and sends at most the windows in flight again', async () => {
  expect(await run({ ...worker, name: 'kill', point: copying, pass: 8, action: 'kill' })).toMatchObject(passed);
});

it('SIGSTOP for three TTLs: a successor finishes, and the woken process is refused', async () => {
  const point = 'MigrationInProgress/script:move-checkpoint@before';
  const result = await run({ ...worker, name: 'stop', point, pass: 4, action: 'stop-3' });
  expect(result).toMatchObject(passed);
  expect(result.refused).toBeGreaterThan(0);
});

it('Redis killed and restarted mid-copy: the moves go on', async () => {
  expect(
    await run({ kind: 'server', role: 'rebalancer', name: 'redis', server: 'redis', point: copying, pass: 8 }),
  ).toMatchObject(passed);
});

it('the target node killed and restarted mid-copy: the moves go on', async () => {
  expect(
    await run({
      kind: 'server',
      role: 'rebalancer',
      name: 'node-target',
      server: 'node-target',
      point: copying,
      pass: 8,
    }),
  ).toMatchObject(passed);
});

it('the planner killed between the plan’s record and its jobs: the other one gives the moves their jobs', async () => {
  expect(
    await run({ ...worker, role: 'planner', name: 'plan', point: '-/script:plan-run@after', pass: 1, action: 'kill' }),
  ).toMatchObject(passed);
});
