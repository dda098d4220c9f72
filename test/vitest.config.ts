import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { slowFirst } from './support/slow-first.ts';

const BUILT_ENTRY = fileURLToPath(new URL('./support/built-entry.ts', import.meta.url));

/** Processes that tests start are built code. */
const builtProcesses = {
  name: 'built-processes',
  enforce: 'pre',
  resolveId: (source: string, importer?: string) =>
    source === './entry.ts' && importer?.includes('/src/fleet/') === true ? BUILT_ENTRY : null,
} as const;

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return slowFirst(await super.sort(files));
  }
}

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
    // Integration tests start a redis-server and nodes of their own, and wait for them: three files at a time fill two cores.
    maxWorkers: 3,
    globalSetup: './test/support/build-once.ts',
    sequence: { sequencer: SlowFirst },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      // Pure code has to be covered by tests of one process; processes that other tests start are not seen.
      include: ['src/core/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { 'src/core/**/*.ts': { lines: 100 } },
    },
  },
});
