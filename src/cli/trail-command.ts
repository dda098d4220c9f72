/** `miroir events` */
import type { Command } from 'commander';
import { trail, trailFrom, type TrailFilter, type TrailStart } from '../control/trail.ts';
import type { AuditEntry } from '../ports.ts';
import { globalsOf, untilInterrupted, withControl } from './context.ts';
import { printLines, say } from './output.ts';
import { duration } from './values.ts';

interface EventsFlags {
  readonly follow?: true;
  readonly since?: TrailStart;
  readonly plan?: string;
  readonly node?: string;
  readonly index?: string;
}

const HOUR_MS = 3_600_000;

/** What looks like an id is one; `trailFrom` says what is wrong with it. */
const sinceOption = (text: string): TrailStart => (text.includes('-') ? { id: text } : { agoMs: duration(text) });

export function addTrailCommand(program: Command): void {
  program
    .command('events')
    .description('who asked for what, topology changes, plans, each step of each move: the audit stream')
    .option('-f, --follow', 'go on with what comes until Ctrl-C')
    .option(
      '--since <id or duration>',
      'behind this entry, or this long ago (default: 1h; with -f only what comes)',
      sinceOption,
    )
    .option('--plan <plan>', 'only this plan, and the steps of its moves')
    .option('--node <node>', 'only what names this node, and the steps of moves that it is a part of')
    .option('--index <index>', 'only what is about this index, and the steps of its moves')
    .addHelpText(
      'after',
      '\nExamples:\n  miroir events --since 1h --node n1\n  miroir events -f --plan p3f9c1a7d2e40 -o ndjson\n  miroir events -f --since 1800000000000-0',
    )
    .action(async (flags: EventsFlags, command: Command) => {
      const { follow = false, since = follow ? 'now' : { agoMs: HOUR_MS }, ...wish } = flags;
      const { output } = globalsOf(command);
      const { signal, stop } = untilInterrupted();
      const last = await withControl(command, async (control) => {
        let seen = await trailFrom(control, since);
        for await (const entry of trail(control, seen, { ...wish, follow, signal })) {
          printLines([output === 'table' ? lineOf(entry) : JSON.stringify({ id: entry.id, ...entry.fields })]);
          seen = entry.id;
        }
        return seen;
      });
      stop();
      if (follow) say(`next: ${againText(last, wish)}`);
    });
}

const againText = (last: string, { plan, node, index }: TrailFilter): string =>
  [
    `miroir events -f --since ${last}`,
    ...(plan === undefined ? [] : [`--plan ${plan}`]),
    ...(node === undefined ? [] : [`--node ${node}`]),
    ...(index === undefined ? [] : [`--index ${index}`]),
  ].join(' ');

/** The id begins with when it was. */
function lineOf({ id, fields: { what = '', ...others } }: AuditEntry): string {
  const told = Object.entries(others).map(
    ([name, value]) => `${name}=${/\s/.test(value) ? JSON.stringify(value) : value}`,
  );
  return [new Date(Number(id.split('-', 1)[0])).toISOString(), what, ...told].join('  ');
}
