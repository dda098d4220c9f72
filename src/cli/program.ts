/** The parser, and what becomes of errors: one place for exit codes and words. */
import { Command, CommanderError, Option } from 'commander';
import { programVersion } from '../config.ts';
import { addAntiEntropyCommands } from './anti-entropy-commands.ts';
import { addConfigCommands } from './config-commands.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { addEventCommands } from './event-commands.ts';
import { errorText, EXIT, EXIT_MEANING, exitCodeOf } from './exit-codes.ts';
import { addShardCommands } from './explain-commands.ts';
import { addGroupCommands } from './group-commands.ts';
import { addIndexCommands } from './index-commands.ts';
import { addKeyCommands } from './key-commands.ts';
import { addMoveCommands } from './move-commands.ts';
import { addNodeCommands } from './node-commands.ts';
import { OUTPUT_FORMATS, say } from './output.ts';
import { addPlanCommands } from './plan-commands.ts';
import { addProcessCommands } from './process-commands.ts';
import { addReportCommand } from './report-command.ts';
import { addSettingsCommands } from './settings-commands.ts';
import { addStatusCommands } from './status-commands.ts';
import { addThrottleCommands } from './throttle-commands.ts';
import { addTrailCommand } from './trail-command.ts';
import { addVerifyCommand } from './verify-command.ts';

const EXIT_LINES = (Object.keys(EXIT) as (keyof typeof EXIT)[])
  .map((name) => `  ${String(EXIT[name]).padEnd(4)} ${EXIT_MEANING[name]}`)
  .join('\n');

const HELP = `
Examples:
  miroir up                                     everything in one place
  miroir index create cities --shards 64
  miroir node add n4 --url http://127.0.0.1:7704 --wait
  miroir node drain n1 --wait --timeout 10m
  miroir status -w
  miroir where cities 3040132
  miroir events -f
  miroir doctor

Data goes to stdout, talk to stderr; ndjson is one object a line. No command asks anything: what loses something does it
with a flag of its own only (--yes, --accept-loss, --force, --now). NO_COLOR is heeded.

Exit codes:
${EXIT_LINES}`;

/** Without running anything: also what the reference is made from. */
export function buildProgram(): Command {
  const program = new Command('miroir')
    .description('Moves index shards between Meilisearch nodes, safely, driven by topology events on a queue')
    .version(programVersion())
    .addOption(new Option('-o, --output <format>', 'what stdout gets').choices(OUTPUT_FORMATS).default('table'))
    .option('--redis <url>', 'Redis; default: MIROIR_REDIS_URL')
    .option('--config <file>', 'JSON file with configuration; default: MIROIR_CONFIG')
    .addHelpText('after', HELP)
    .exitOverride()
    .showSuggestionAfterError();
  addProcessCommands(program);
  addIndexCommands(program);
  addNodeCommands(program);
  addGroupCommands(program);
  addPlanCommands(program);
  addReportCommand(program);
  addMoveCommands(program);
  addShardCommands(program);
  addEventCommands(program);
  addTrailCommand(program);
  addSettingsCommands(program);
  addStatusCommands(program);
  addThrottleCommands(program);
  addDoctorCommand(program);
  addVerifyCommand(program);
  addAntiEntropyCommands(program);
  addConfigCommands(program);
  addKeyCommands(program);
  endByThrowing(program);
  return program;
}

/** Every command ends by throwing, so that the exit code is decided here. */
function endByThrowing(command: Command): void {
  for (const child of command.commands) {
    child.exitOverride();
    endByThrowing(child);
  }
}

/** Runs the command line and sets the exit code. Never throws. */
export async function run(argv: readonly string[]): Promise<void> {
  // `miroir move list | head`: that nobody reads the rest is no fault of the command's.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    await buildProgram().parseAsync(argv);
  } catch (error) {
    // The parser has said what is wrong already; asking for help or the version ends the same way, with 0.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      return;
    }
    say(errorText(error));
    process.exitCode = exitCodeOf(error);
  }
}
