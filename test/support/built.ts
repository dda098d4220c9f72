// Workers as an installed package runs them: built code, without the loader that compiles sources, which costs memory
// and time of its own.
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../../src/fleet/child.ts';
import { build } from './build.mjs';
import { untilTrue } from './until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_MS = 30_000;
let isBuilt = false;

export async function startBuiltWorker(
  name: string,
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void = () => undefined,
): Promise<Child> {
  if (!isBuilt) build();
  isBuilt = true;
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('MIROIR_'));
  const command = { command: process.execPath, args: [`${ROOT}/dist/workers/${name}.js`] };
  return startChild(command, { name: `built ${name}`, env: { ...Object.fromEntries(inherited), ...env }, onLine });
}

/** A gateway on any free port, and its URL. */
export async function startBuiltGateway(
  env: Readonly<Record<string, string>>,
): Promise<{ readonly child: Child; readonly url: string }> {
  let url = '';
  const child = await startBuiltWorker('gateway', { ...env, MIROIR_GATEWAY_PORT: '0' }, (line) => {
    url ||= /"gateway":"(http:[^"]+)"/.exec(line)?.[1] ?? '';
  });
  await untilTrue(
    () => url !== '' || !child.running,
    START_MS,
    () => child.tail().join('\n'),
  );
  if (url === '') throw new Error(`the gateway ended: ${child.tail().join('\n')}`);
  return { child, url };
}
