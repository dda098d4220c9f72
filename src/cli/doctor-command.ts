/** `miroir doctor` */
import type { Command } from 'commander';
import { doctor, type Finding, type Level } from '../control/doctor.ts';
import { globalsOf, withControl } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { colors, print, say } from './output.ts';

const COLOR: Readonly<Record<Level, (text: string) => string>> = {
  ok: colors.green,
  warn: colors.yellow,
  fail: colors.red,
};

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('look at everything that has to hold, and say what to do; exit code 3 when something fails')
    .addHelpText('after', '\nExamples:\n  miroir doctor\n  miroir doctor -o json | jq \'.[] | select(.level != "ok")\'')
    .action(async (_flags: object, command: Command) => {
      const findings = await withControl(command, doctor, { anyRedis: true });
      print(globalsOf(command).output, findings, () => findings.map(lineOf).join('\n'));
      const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
      say(`${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`);
      if (count('fail') > 0) process.exitCode = EXIT.blocked;
    });
}

const lineOf = ({ level, subject, found, remedy }: Finding): string =>
  `${COLOR[level](level.padEnd(4))} ${subject}: ${found}${remedy === null ? '' : `\n       ${remedy}`}`;
