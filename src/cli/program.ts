/** The parser, and what becomes of errors: one place for exit codes and words. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { addAntiEntropyCommands } from './anti-entropy-commands.ts';
import { addConfigCommands } from './config-commands.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { addEventCommands } from './event-commands.ts';
import { errorText, EXIT, exitCodeOf } from './exit-codes.ts';
import { addShardCommands } from './explain-commands.ts';
import { addGroupCommands } from './group-commands.ts';
import { addIndexCommands } from './index-commands.ts';
import { addKeyCommands } from './key-commands.ts';
import { addMoveCommands } from './move-commands.ts';
import { addNodeCommands } from './node-commands.ts';
import { say } from './output.ts';
import { addPlanCommands } from './plan-commands.ts';
import { addProcessCommands } from './process-commands.ts';
import { addSettingsCommands } from './settings-commands.ts';
import { addStatusCommands } from './status-commands.ts';

const HELP = `
Examples:
  miroir up                                     everything in one place
  miroir index create cities --shards 64
  miroir node add n4 --url http://127.0.0.1:7704 --wait
  miroir node drain n1 --wait --timeout 10m
  miroir status -w
  miroir where cities 3040132
  miroir doctor

Data goes to stdout, talk to stderr. Exit codes: 0 ok, 1 error, 3 blocked, 4 wait timed out (the work goes on),
5 cancelled, 6 conflict, 7 unreachable, 64 usage, 78 configuration, 130 detached by Ctrl-C.`;

/** Sources lie two folders below the manifest, built code three. */
function version(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const parsed = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version?: string };
      if (parsed.version !== undefined) return parsed.version;
    } catch {
      continue; // not here: the other place
    }
  }
  return 'unknown';
}

function buildProgram(): Command {
  const program = new Command('miroir')
    .description('Moves index shards between Meilisearch nodes, safely, driven by topology events on a queue')
    .version(version())
    .addOption(new Option('-o, --output <format>', 'what stdout gets').choices(['table', 'json']).default('table'))
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
  addMoveCommands(program);
  addShardCommands(program);
  addEventCommands(program);
  addSettingsCommands(program);
  addStatusCommands(program);
  addDoctorCommand(program);
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
