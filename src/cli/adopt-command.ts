/** `miroir index adopt` */
import type { Command } from 'commander';
import { adoptIndex, isAdopted, stampPastRouters, surveyAdoption, surveyPastRouters } from '../control/adopt.ts';
import type { AdoptionReport, AdoptProgress, AdoptWish, PastRouters } from '../control/adopt.ts';
import { planView } from '../control/plan-view.ts';
import { globalsOf, untilInterrupted, withControl } from './context.ts';
import { EXIT } from './exit-codes.ts';
import { nextOf } from './planned.ts';
import { print, printStarted, say, tableText } from './output.ts';
import { planText } from './plan-text.ts';
import { whole, wholes } from './values.ts';

interface AdoptFlags {
  readonly shards?: number;
  readonly replicationFactor?: number;
  readonly groups?: number[];
  readonly home?: string;
  readonly keep?: string;
  readonly yes?: true;
}

/** Lines come at most this often. */
const LINE_MS = 2_000;

export function addAdoptCommand(index: Command): void {
  index
    .command('adopt <uid>')
    .description('take over an index that nodes have already; without --yes only says what would be done')
    .option('--shards <count>', 'parts that move one by one; fixed for the life of the index (default: 64)', whole)
    .option('--replication-factor <count>', 'copies within each replica group (default: 1)', whole)
    .option('--groups <numbers>', 'replica groups, e.g. 0,1; default: all', wholes)
    .option('--home <node>', 'the node that gets all documents first; default: the one with the most')
    .option('--keep <node>', 'whose document wins where nodes differ; without it differences are refused')
    .option('--dry-run', 'only say what would be done: what happens without --yes')
    .option('-y, --yes', 'do it; Ctrl-C stops, and the next run goes on')
    .addHelpText('after', '\nExample:\n  miroir index adopt movies\n  miroir index adopt movies --shards 64 --yes')
    .action(async (uid: string, { yes, ...flags }: AdoptFlags & { dryRun?: true }, command: Command) => {
      const { dryRun, ...wanted } = flags;
      const interruption = untilInterrupted();
      const wish = { uid, ...wanted, signal: interruption.signal };
      try {
        await (yes === true && dryRun === undefined ? take(command, wish) : look(command, wish));
      } catch (error) {
        if (!interruption.signal.aborted) throw error;
        say('stopped; the next run goes on');
        process.exitCode = EXIT.detached;
      } finally {
        interruption.stop();
      }
    });
}

async function look(command: Command, wish: AdoptWish): Promise<void> {
  const past = await withControl(command, async (control) =>
    (await isAdopted(control, wish.uid)) ? surveyPastRouters(control, wish) : null,
  );
  if (past !== null) {
    showPast(command, past, 'would get our fields');
    say('the index is registered; nothing was written; do it with --yes');
    return;
  }
  const report = await withControl(command, (control) => surveyAdoption(control, wish));
  print(globalsOf(command).output, report, () => nodesText(report));
  notes(report);
  say('nothing was written; do it with --yes');
}

async function take(command: Command, wish: AdoptWish): Promise<void> {
  await withControl(command, async (control) => {
    if (await isAdopted(control, wish.uid)) {
      showPast(command, await stampPastRouters(control, { ...wish, onProgress: progressLines() }), 'got our fields');
      return;
    }
    const { report, outcome } = await adoptIndex(control, { ...wish, onProgress: progressLines() });
    notes(report);
    if (outcome === null) say('registered; no planner has answered yet, it is planned when one runs');
    else if (outcome.plan !== null) say(planText(await planView(control, outcome.plan)));
    const text = (): string =>
      tableText(
        ['index', 'primary key', 'shards', 'rf', 'home', 'plan', 'moves'],
        [
          [
            report.uid,
            report.primaryKey,
            report.shards,
            report.replicationFactor,
            report.home,
            outcome?.plan ?? null,
            outcome?.moves ?? null,
          ],
        ],
      );
    printStarted(globalsOf(command).output, { ...report, outcome }, text, outcome === null ? [] : nextOf(outcome));
  });
}

function showPast(command: Command, past: readonly PastRouters[], owned: string): void {
  print(globalsOf(command).output, past, () =>
    tableText(
      ['node', `of its shards: ${owned}`, 'of other shards: left', 'such as'],
      past.map((one) => [one.node, one.owned, one.others, one.listed.join(', ') || null]),
    ),
  );
}

const nodesText = ({ nodes, primaryKey, home }: AdoptionReport): string =>
  tableText(
    ['node', 'documents', 'without our fields', 'primary key', 'settings that change', 'home'],
    nodes.map(({ node, documents, unsplit, settings }) => [
      node,
      documents,
      unsplit,
      primaryKey,
      settings.join(',') || null,
      node === home ? 'yes' : null,
    ]),
  );

function notes({ copies, differences, listed, keep, state, shards, home, ...report }: AdoptionReport): void {
  if (state !== null) say(`an earlier run was cut off (${state}); this one goes on with ${shards} shards`);
  if (copies > 0) say(`${copies} documents are copied to ${home} from other nodes`);
  if (differences > 0) {
    say(`nodes differ in ${differences} documents${keep === null ? '' : `; those of ${keep} win`}:`);
    for (const { id, nodes } of listed) say(`  ${id}: ${nodes.join(' and ')}`);
    if (keep === null) say('say with --keep <node> whose documents win');
  }
  if (report.searchesOurFields) say('name searchableAttributes: with * a search for digits looks into our fields, too');
}

function progressLines(): (progress: AdoptProgress) => void {
  let atMs = -Infinity;
  return ({ node, what, documents, left }) => {
    if (performance.now() - atMs < LINE_MS) return;
    atMs = performance.now();
    const rest = what === 'stamped' ? `, ${left.toLocaleString('en')} left` : '';
    say(`${node}: ${documents.toLocaleString('en')} documents ${what}${rest}`);
  };
}
