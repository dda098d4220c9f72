// `npm run chaos -- --minutes N [--seed N] [--rf N|1,2] [--troubles all|none|NAME,…] [--deaths] [--still] [--calls N]
// [--keep] [-o json]`
import { figureLines, figures, isRight, reportLines } from './report.ts';
import { type WritesResult, runWrites } from './run.ts';
import { TROUBLE_NAMES, type TroubleName } from './troubles.ts';

export interface WritesFlags {
  readonly minutes?: string | undefined;
  readonly seed?: string | undefined;
  readonly rf?: string | undefined;
  readonly troubles?: string | undefined;
  readonly calls?: string | undefined;
  readonly deaths?: boolean | undefined;
  readonly still?: boolean | undefined;
  readonly keep?: boolean | undefined;
  readonly output?: string | undefined;
}

const USAGE = 64;
const CALLS_PER_S = 400;

/** Names, or parts of names: `mover` is every trouble of the mover. Null: one that is no part of any. */
function troublesOf(text: string): readonly TroubleName[] | null {
  if (text === 'all') return TROUBLE_NAMES;
  if (text === 'none') return [];
  const found = text.split(',').map((part) => TROUBLE_NAMES.filter((name) => name.includes(part)));
  return found.some((names) => names.length === 0) ? null : [...new Set(found.flat())];
}

/** `1,2`: half of the time with one copy of each shard, half with two. */
export async function writesMain(flags: WritesFlags): Promise<number> {
  const seed = Number(flags.seed ?? Date.now() % 1_000_000);
  const { minutes = '1', deaths = false, troubles: wanted = 'all', still = false, keep = false } = flags;
  const { rf = deaths ? '2' : '1' } = flags;
  const troubles = troublesOf(wanted);
  const factors = rf.split(',').map(Number);
  if (troubles === null || !(Number(minutes) > 0) || !factors.every((factor) => factor >= 1 && factor <= 3)) {
    console.error(`troubles are all, none, or of ${TROUBLE_NAMES.join(', ')}; minutes and rf (1 to 3) are numbers`);
    return USAGE;
  }
  const isJson = flags.output === 'json';
  const say = (line: string): void => (isJson ? console.error(line) : console.log(line));
  if (deaths && factors.includes(1)) {
    console.error('--deaths needs --rf 2 or 3: with one copy a node without its data is a loss');
    return USAGE;
  }
  const results: WritesResult[] = [];
  for (const replicationFactor of factors) {
    const runMinutes = Number(minutes) / factors.length;
    const command =
      `npm run chaos -- --minutes ${runMinutes} --seed ${seed} --rf ${replicationFactor} --troubles ${wanted}` +
      (deaths ? ' --deaths' : '') +
      (still ? ' --still' : '');
    say(command);
    const callsPerS = Number(flags.calls ?? CALLS_PER_S);
    const options = { seed, minutes: runMinutes, replicationFactor, troubles, callsPerS, keep, say };
    const result = await runWrites({ ...options, hasMoves: !still, hasDeaths: deaths });
    results.push(result);
    for (const line of reportLines(result, command)) say(line);
  }
  for (const line of figureLines(results)) say(line);
  const passed = results.filter(isRight).length;
  console.log(isJson ? JSON.stringify(figures(results)) : `${passed} passed, ${results.length - passed} failed`);
  return passed === results.length ? 0 : 1;
}
