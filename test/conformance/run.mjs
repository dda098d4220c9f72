// node test/conformance/run.mjs FOLDER [gateway]
// Plays recorded conversations with a real node against the development node, or against a gateway with its router in
// front of one; for this one they are changed a little (for-gateway.mjs).
// FOLDER holds the replay tool (replay.mjs) and the recordings (open/*.json). Scenarios in expected-failures.json must
// fail, all others must pass. In the gateway's list there are areas, too, which are not played, and single steps with
// the answer that they must get instead of the recorded one.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build } from '../support/build.mjs';
import { writeForGateway } from './for-gateway.mjs';

const here = import.meta.dirname;
const root = path.join(here, '../..');
const [folder, subject = 'node'] = process.argv.slice(2);
if (folder === undefined || !['node', 'gateway'].includes(subject)) {
  console.error('usage: node test/conformance/run.mjs FOLDER [gateway]');
  process.exit(2);
}

build();
const failures = subject === 'gateway' ? 'gateway-expected-failures.json' : 'expected-failures.json';
const listed = JSON.parse(await readFile(path.join(here, failures), 'utf8'));
const areasLeftOut = listed.flatMap(({ area }) => area ?? []);
const ownAnswers = listed.filter(({ step }) => step !== undefined);
const expected = new Set(listed.flatMap(({ scenario, step }) => (step === undefined ? (scenario ?? []) : [])));
const program = subject === 'gateway' ? 'test/conformance/gateway.mjs' : 'dist/src/devnode/main.js';
const node = [
  `"${process.execPath}" ${program} --port {port} --dir {dir}`,
  subject === 'gateway' ? '' : '[[--master-key {masterKey}]]',
  '[[--body-limit {payloadLimit}]] [[--batched-tasks {maxBatchedTasks}]]',
  '[[--queue {searchQueueSize} --per-core {searchesPerCore}]]',
  subject === 'gateway' ? '[[--indexes {indexes}]]' : '',
].join(' ');
const changed = await mkdtemp(path.join(tmpdir(), 'miroir-conformance-'));
let recordings = path.resolve(folder, 'open');
if (subject === 'gateway') {
  await writeForGateway(recordings, changed, areasLeftOut, ownAnswers);
  recordings = changed;
}
const replay = spawn(
  process.execPath,
  [path.resolve(folder, 'replay.mjs'), '-', recordings, '--jobs', '2', '--start-cmd', node],
  { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
);

const count = { passed: 0, failed: 0, skipped: 0 };
const seen = new Set();
for await (const line of createInterface({ input: replay.stdout })) {
  const [, status, name, why = ''] = /^(ok|not ok|skip)\s+([\w-]+)(?:: (.*))?$/.exec(line) ?? [];
  if (status === undefined) continue;
  seen.add(name);
  if (status === 'skip') count.skipped += 1;
  else if ((status === 'ok') === !expected.has(name)) count.passed += 1;
  else {
    count.failed += 1;
    const reason = status === 'ok' ? `passes, but stands in ${failures}` : why;
    console.log(`failed: ${name}: ${reason}`);
  }
}
await rm(changed, { recursive: true });
for (const name of expected) {
  if (seen.has(name)) continue;
  count.failed += 1;
  console.log(`failed: ${name}: stands in ${failures}, but there is no such scenario`);
}
if (seen.size === 0) {
  count.failed += 1;
  console.log('failed: no scenario was played');
}
console.log(`${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ''}`);
process.exit(count.failed > 0 ? 1 : 0);
