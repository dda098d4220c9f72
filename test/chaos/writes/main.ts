// `npm run chaos -- --minutes N [--seed N] [--rf N] [--troubles all|none|NAME,…] [--still] [--calls N] [--keep] [-o json]`
import { figures, isRight, reportLines } from './report.ts';
import { runWrites } from './run.ts';
import { TROUBLE_NAMES, type TroubleName } from './troubles.ts';

export interface WritesFlags {
  readonly minutes?: string | undefined;
  readonly seed?: string | undefined;
  readonly rf?: string | undefined;
  readonly troubles?: string | undefined;
  readonly calls?: string | undefined;
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

export async function writesMain(flags: WritesFlags): Promise<number> {
  const seed = Number(flags.seed ?? Date.now() % 1_000_000);
  const { minutes = '1', rf = '1', troubles: wanted = 'all', still = false, keep = false } = flags;
  const troubles = troublesOf(wanted);
  if (troubles === null || !(Number(minutes) > 0) || !(Number(rf) >= 1)) {
    console.error(`troubles are all, none, or of ${TROUBLE_NAMES.join(', ')}; minutes and rf are numbers`);
    return USAGE;
  }
  const isJson = flags.output === 'json';
  const command = `npm run chaos -- --minutes ${minutes} --seed ${seed} --rf ${rf} --troubles ${wanted}${still ? ' --still' : ''}`;
  const say = (line: string): void => (isJson ? console.error(line) : console.log(line));
  say(command);
  const result = await runWrites({
    seed,
    minutes: Number(minutes),
    replicationFactor: Number(rf),
    troubles,
    hasMoves: !still,
    callsPerS: Number(flags.calls ?? CALLS_PER_S),
    keep,
    say,
  });
  for (const line of reportLines(result, command)) say(line);
  if (isJson) console.log(JSON.stringify(figures(result)));
  else console.log(`${isRight(result) ? 1 : 0} passed, ${isRight(result) ? 0 : 1} failed`);
  return isRight(result) ? 0 : 1;
}
