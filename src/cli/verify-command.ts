/** `miroir verify` */
import type { Command } from 'commander';
import { verifyIndex, type VerifyReport } from '../control/verify.ts';
import type { ReplicaCheck } from '../ports.ts';
import { globalsOf, untilInterrupted, withControl } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { print, say, tableText } from './output.ts';
import { whole } from './values.ts';

/** Lines of progress come at most this often. */
const LINE_MS = 2_000;

export function addVerifyCommand(program: Command): void {
  program
    .command('verify <index>')
    .description(
      'compare all replicas of all shards, document by document; nothing is changed; exit code 3 when they differ',
    )
    .option('--shard <number>', 'this shard only', whole)
    .addHelpText('after', '\nExamples:\n  miroir verify cities\n  miroir verify cities --shard 17 -o json')
    .action(async (index: string, { shard }: { readonly shard?: number }, command: Command) => {
      const { signal, stop } = untilInterrupted();
      try {
        const wish = { index, shard: shard ?? null, signal, onShard: progressLines() };
        const report = await withControl(command, (control) => verifyIndex(control, wish));
        print(globalsOf(command).output, report, () => reportText(report));
        say(summaryOf(report));
        process.exitCode = exitOf(report);
      } catch (error) {
        if (!signal.aborted) throw error;
        say('stopped; nothing was changed');
        process.exitCode = EXIT.detached;
      } finally {
        stop();
      }
    });
}

function progressLines(): (done: readonly ReplicaCheck[], shards: number) => void {
  let atMs = performance.now();
  return (done, shards) => {
    if (performance.now() - atMs < LINE_MS) return;
    atMs = performance.now();
    const differing = done.reduce((sum, one) => sum + one.differing, 0);
    say(`${done.length} of ${shards} shards compared, ${differing} documents differ so far`);
  };
}

const isBad = ({ result, unread, changing }: ReplicaCheck): boolean =>
  !(result === 'equal' || result === 'one copy') || Object.keys(unread).length > 0 || changing > 0;

/** Shards that are equal need no line each. */
function reportText({ index, shards }: VerifyReport): string {
  const bad = shards.filter(isBad);
  const parts = [
    tableText(
      ['index', 'shards', 'equal', 'one copy', 'differ', 'not compared', 'documents'],
      [[index, shards.length, ...COUNTED.map((results) => countOf(shards, results)), documentsOf(shards)]],
    ),
  ];
  if (bad.length > 0) {
    parts.push(
      '',
      tableText(
        ['shard', 'result', 'owners', 'documents', 'differ', 'changing', 'not read'],
        bad.map((one) => [
          one.shard,
          one.result,
          one.owners.join(','),
          one.documents,
          `${one.differing}${one.isComplete ? '' : ' or more'}`,
          one.changing,
          Object.keys(one.unread).join(',') || null,
        ]),
      ),
    );
  }
  const named = bad.flatMap(({ shard, some }) => some.map((one) => [shard, one.id, copiesText(one.copies)]));
  if (named.length > 0) parts.push('', tableText(['shard', 'some that differ', 'digest by node'], named));
  return parts.join('\n');
}

const COUNTED = [['equal'], ['one copy'], ['differs'], ['moving', 'unread']] as const;
const countOf = (shards: VerifyReport['shards'], results: readonly ReplicaCheck['result'][]): number =>
  shards.filter(({ result }) => results.includes(result)).length;
const documentsOf = (shards: VerifyReport['shards']): number => shards.reduce((sum, one) => sum + one.documents, 0);
const copiesText = (copies: Readonly<Record<string, string | null>>): string =>
  Object.entries(copies)
    .map(([node, digest]) => `${node}:${digest ?? 'absent'}`)
    .join(' ');

function summaryOf({ equal, differing, shards }: VerifyReport): string {
  const isAlone = shards.length > 0 && countOf(shards, ['one copy']) === shards.length;
  const found = isAlone ? 'nothing to compare: every shard has one copy' : 'all replicas are equal';
  const lines = equal ? [found] : [`${differing} documents differ`];
  const changing = shards.reduce((sum, one) => sum + one.changing, 0);
  if (changing > 0) lines.push(`${changing} were written at every look: look again when they are not`);
  const unread = new Map(shards.flatMap((one) => Object.entries(one.unread)));
  for (const [node, why] of unread) lines.push(`${node} could not be read: ${why}`);
  if (countOf(shards, ['moving']) > 0) lines.push('shards that are being switched were left out: look again');
  return lines.join('\n');
}

function exitOf({ equal, shards }: VerifyReport): ExitCode {
  if (equal) return EXIT.ok;
  const isUnread = shards.some(({ unread }) => Object.keys(unread).length > 0);
  return isUnread && countOf(shards, ['differs']) === 0 ? EXIT.unreachable : EXIT.blocked;
}
