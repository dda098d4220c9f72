// Before all tests: built code for the processes that they start. What does not compile is run from its sources.
import { build } from './build.mjs';

export default function setup(): void {
  try {
    build();
    process.env['TEST_BUILT'] = '1';
  } catch (error) {
    console.error(`processes of tests are started from their sources: ${String(error)}`);
  }
}
