import { defineConfig } from 'vitest/config';

export default defineConfig({
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
