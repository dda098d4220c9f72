#!/usr/bin/env node
// Starts the CLI: in a checkout from the sources, compiled in this process so that signals and stdin are its own; in
// an installed package, which has no sources, from the built code.
import { existsSync } from 'node:fs';

const SOURCE = new URL('./main.ts', import.meta.url);
const BUILT = new URL('../../dist/src/cli/main.js', import.meta.url);

function fail(message) {
  console.error(`miroir: ${message}`);
  process.exit(1);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Node 20.19 or newer is needed, this is ${process.versions.node}`);
}

async function registerTypeScript() {
  try {
    const { register } = await import('tsx/esm/api');
    register();
  } catch (error) {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    fail('its packages are not installed; run: npm ci');
  }
}

checkNode();
if (existsSync(SOURCE)) {
  await registerTypeScript();
  await import(SOURCE.href);
} else if (existsSync(BUILT)) {
  await import(BUILT.href);
} else {
  fail('neither sources nor built code are here; in a checkout run: npm run build');
}
