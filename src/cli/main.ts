/** The command line; `bin.mjs` imports it. */
import { run } from './program.ts';

await run(process.argv);
