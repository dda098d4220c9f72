// The most telling cases of the kill matrix (test/chaos), by name: real processes, real signals, the same checker.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Case } from '../chaos/cases.ts';
import { type CaseResult, runCase } from '../chaos/run.ts';
import { Fleet } from '../chaos/workload.ts';

let fleet: Fleet | undefined;
beforeAll(async () => {
  fleet = await Fleet.start();
});
afterAll(async () => {
  await fleet?.stop();
});

async function pass(one: Case): Promise<CaseResult> {
  if (fleet === undefined) throw new Error('no fleet');
  const result = await runCase(fleet, one);
  expect(result).toMatchObject({ outcome: 'passed', faults: [] });
  return result;
}

const worker = { kind: 'process', role: 'rebalancer', twice: false } as const;
const copying = 'MigrationInProgress/node:putDocuments@after';

it('SIGKILL mid-copy: another process resumes and sends at most the windows in flight again', async () => {
  await pass({ ...worker, name: 'kill', point: copying, pass: 8, action: 'kill' });
});

it('SIGSTOP for three TTLs: a successor finishes, and the woken process is refused', async () => {
  const point = 'MigrationInProgress/script:move-checkpoint@before';
  const { refused } = await pass({ ...worker, name: 'stop', point, pass: 4, action: 'stop-3' });
  expect(refused).toBeGreaterThan(0);
});

it('Redis killed and restarted mid-copy: the moves go on', async () => {
  await pass({ kind: 'server', role: 'rebalancer', name: 'redis', server: 'redis', point: copying, pass: 8 });
});

it('the target node killed and restarted mid-copy: the moves go on', async () => {
  await pass({
    kind: 'server',
    role: 'rebalancer',
    name: 'node-target',
    server: 'node-target',
    point: copying,
    pass: 8,
  });
});

it('the planner killed between the plan’s record and its jobs: the other one gives the moves their jobs', async () => {
  await pass({ ...worker, role: 'planner', name: 'plan', point: '-/script:plan-run@after', pass: 1, action: 'kill' });
});
