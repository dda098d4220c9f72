import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const BUILT_ENTRY = fileURLToPath(new URL('./support/built-entry.ts', import.meta.url));

/** Processes that tests start are built code. */
const builtProcesses = {
  name: 'built-processes',
  enforce: 'pre',
  resolveId: (source: string, importer?: string) =>
    source === './entry.ts' && importer?.includes('/src/fleet/') === true ? BUILT_ENTRY : null,
} as const;

export default defineConfig({
  plugins: [builtProcesses],
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: [
      'test/unit/**/*.test.ts',
      'test/integration/**/*.test.ts',
      'test/property/**/*.test.ts',
      'test/history/**/*.test.ts',
      'test/model/**/*.test.ts',
    ],
    // Integration tests start a redis-server and nodes of their own; two files at a time fill two cores.
    maxWorkers: 2,
    globalSetup: './test/support/build-once.ts',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      // Only TypeScript: the provider's parser fails on the Lua scripts that lie beside it.
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { 'src/core/**/*.ts': { lines: 100 } },
    },
  },
});
