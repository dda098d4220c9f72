// @ts-check
// The steps of CI in the order of their lane. The first one sets the clone up, the README's way.

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {readonly string[]} command
 * @property {number} limitS the step is ended after this many seconds
 * @property {string} [needs] a file of ours without which the step fails before it starts
 * @property {string} [optionalFolder] a folder that not everybody has: without it the step is skipped
 * @property {string} [vitestReport] where vitest writes the JSON report that is counted
 * @property {boolean} [hasCountsLine] the output holds a line of counts
 * @property {boolean} [isAlone] runs before both lanes, with nothing beside it
 * @property {boolean} [isBeside] runs in the second lane, beside those that mostly wait
 */

/** The whole run; what has not begun by then does not run, which is a failure. */
export const TOTAL_LIMIT_S = 19.5 * 60;

const INTEGRATION_ON_OTHER_NODE = 'test/integration/move.test.ts';
const CONFORMANCE = '../shared/conformance';
/** Tests that start nothing; all others start servers and wait for them. */
const UNITS = ['test/unit', 'test/property'];

/** @param {string} file */
const jsonReport = (file) => ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];

/** @param {string} reports a folder for reports @returns {Step[]} */
export function stepsWith(reports) {
  const ofUnits = `${reports}/unit.json`;
  const ofOthers = `${reports}/integration.json`;
  const onOther = `${reports}/node-24.json`;
  return [
    {
      // Only these count for coverage, which slows down whatever runs with it.
      name: 'unit',
      command: ['npm', 'test', '--', ...UNITS, '--coverage', '--maxWorkers=2', ...jsonReport(ofUnits)],
      limitS: 180,
      vitestReport: ofUnits,
      isAlone: true,
    },
    {
      // Whatever the first step has not run.
      name: 'integration',
      command: [
        'npm',
        'test',
        '--',
        ...UNITS.flatMap((folder) => ['--exclude', `${folder}/**`]),
        ...jsonReport(ofOthers),
      ],
      limitS: 840,
      vitestReport: ofOthers,
      isAlone: true,
    },
    // It builds what both lanes run from then on; what begins beside it needs nothing of that.
    { name: 'package', command: ['node', 'test/ci/package.mjs'], limitS: 120, needs: 'src/index.ts' },
    {
      name: 'chaos',
      command: ['npm', 'run', '-s', 'chaos', '--', '--sample', '--seconds', '50'],
      limitS: 270,
      needs: 'test/chaos/main.ts',
      hasCountsLine: true,
    },
    {
      // Clients' calls while shards move and things go wrong, half of the time with two copies of each shard.
      name: 'history',
      command: ['npm', 'run', '-s', 'chaos', '--', '--minutes', '1', '--rf', '1,2', '--seed', '4'],
      limitS: 300,
      needs: 'test/chaos/writes/main.ts',
      hasCountsLine: true,
    },
    {
      name: 'node-24',
      command: ['node', 'test/ci/other-node.mjs', '24', 'test/unit', INTEGRATION_ON_OTHER_NODE, ...jsonReport(onOther)],
      limitS: 300,
      needs: INTEGRATION_ON_OTHER_NODE,
      vitestReport: onOther,
    },
    { name: 'typecheck', command: ['npm', 'run', '-s', 'typecheck'], limitS: 120 },
    { name: 'lint', command: ['npm', 'run', '-s', 'lint'], limitS: 120, isBeside: true },
    { name: 'format', command: ['npm', 'run', '-s', 'format:check'], limitS: 120, isBeside: true },
    { name: 'unused', command: ['npm', 'run', '-s', 'unused'], limitS: 90, isBeside: true },
    { name: 'duplicates', command: ['npm', 'run', '-s', 'duplicates'], limitS: 30, isBeside: true },
    {
      name: 'conformance-gateway',
      command: ['node', 'test/conformance/run.mjs', CONFORMANCE, 'gateway'],
      limitS: 420,
      needs: 'test/conformance/gateway.mjs',
      optionalFolder: CONFORMANCE,
      hasCountsLine: true,
      isBeside: true,
    },
    {
      name: 'conformance',
      command: ['node', 'test/conformance/run.mjs', CONFORMANCE],
      limitS: 240,
      needs: 'test/conformance/run.mjs',
      optionalFolder: CONFORMANCE,
      hasCountsLine: true,
      isBeside: true,
    },
  ];
}
