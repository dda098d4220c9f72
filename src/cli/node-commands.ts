/** `miroir node …` */
import { Option, type Command } from 'commander';
import { removeNode, sendEvent } from '../control/events.ts';
import { listNodes, type NodeView } from '../control/nodes.ts';
import type { ControlParts } from '../control/parts.ts';
import { planView } from '../control/plan-view.ts';
import type { EventOutcome } from '../ports.ts';
import { globalsOf, withControl } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { follow, outcomeExit, type FollowChoice } from './follow.ts';
import { print, say, tableText, type OutputFormat } from './output.ts';
import { planText } from './plan-text.ts';
import { duration, whole } from './values.ts';

export interface WaitFlags {
  readonly wait?: true;
  readonly timeout?: number;
  readonly until: FollowChoice['until'];
}

interface AddFlags extends WaitFlags {
  readonly url?: string;
  readonly group?: number;
  readonly apiKeyRef?: string;
  readonly index?: string;
}

interface FailFlags extends WaitFlags {
  readonly now?: true;
}

/** How long the planner has to answer an event. */
const ANSWER_MS = 30_000;

export const withWait = (command: Command): Command =>
  command
    .option('-w, --wait', 'follow the plan to its end; Ctrl-C detaches, the work goes on')
    .option('--timeout <duration>', 'stop waiting after this (30s, 10m, 2h); exit code 4', duration)
    .addOption(
      new Option('--until <state>', 'settled: new owners serve; cleaned: old copies are gone, too')
        .choices(['settled', 'cleaned'])
        .default('settled'),
    );

export function addNodeCommands(program: Command): void {
  const node = program.command('node').description('add, drain, fail, remove and list nodes');

  withWait(node.command('add <id>').description('bring a node in and move its share of the shards to it'))
    .option('--url <url>', 'where the node answers; needed for a node that is not known yet')
    .option('--group <number>', 'replica group; needed when there are several', whole)
    .option('--api-key-ref <name>', 'name of the key: MIROIR_NODE_KEY_<NAME>, or a file in keys_dir')
    .option('--index <uid>', 'plan for this index only')
    .addHelpText('after', '\nExample:\n  miroir node add n4 --url http://127.0.0.1:7704 --wait --timeout 10m')
    .action(async (id: string, flags: AddFlags, command: Command) => {
      await planned(command, flags, 'NodeAdded', {
        node_id: id,
        ...(flags.url === undefined ? {} : { url: flags.url }),
        ...(flags.group === undefined ? {} : { replica_group: flags.group }),
        ...(flags.apiKeyRef === undefined ? {} : { api_key_ref: flags.apiKeyRef }),
        ...(flags.index === undefined ? {} : { index_uid: flags.index }),
      });
    });

  withWait(node.command('drain <id>').description('move every shard of a node to the others'))
    .addHelpText(
      'after',
      '\nExample:\n  miroir node drain n1 --wait --until cleaned --timeout 30m && miroir node remove n1',
    )
    .action(async (id: string, flags: WaitFlags, command: Command) => {
      await planned(command, flags, 'NodeDraining', { node_id: id });
    });

  withWait(
    node
      .command('fail <id>')
      .description(
        'say that a node is lost: its shards go on without it; their lost copies are restored elsewhere unless it comes back in time',
      ),
  )
    .option('--now', 'it does not come back: restore its copies at once')
    .addHelpText(
      'after',
      '\nExamples:\n  miroir node fail n2 --now --wait\n  miroir event send NodeRecovered --data \'{"node_id":"n2"}\'',
    )
    .action(async (id: string, flags: FailFlags, command: Command) => {
      await planned(command, flags, 'NodeFailed', { node_id: id, ...(flags.now ? { repair_now: true } : {}) });
    });

  node
    .command('remove <id>')
    .description('take a node out that is drained: it owns nothing, and no move needs it any more')
    .action(async (id: string, _flags: object, command: Command) => {
      const outcome = await withControl(command, (control) => removeNode(control, id, { timeoutMs: ANSWER_MS }));
      print(globalsOf(command).output, { node: id, ...outcome }, () => `node ${id} is removed`);
    });

  node
    .command('list')
    .description('nodes with their state, copies of shards, and moves in and out')
    .action(async (_flags: object, command: Command) => {
      const nodes = await withControl(command, listNodes);
      print(globalsOf(command).output, nodes, () => nodesText(nodes));
    });
}

export const nodesText = (nodes: readonly NodeView[]): string =>
  tableText(
    ['node', 'group', 'state', 'shards', 'in', 'out', 'grace', 'url', 'note'],
    nodes.map((one) => [
      one.id,
      groupText(one),
      stateText(one),
      one.shards,
      one.movesIn,
      one.movesOut,
      one.inGrace,
      one.url,
      one.note,
    ]),
  );

/** A node's replica group, with the group's state unless it is active. */
export const groupText = ({ group, groupState }: Pick<NodeView, 'group' | 'groupState'>): string =>
  groupState === 'active' ? String(group) : `${group} (${groupState})`;

/** A node's state; for one that has failed also until when it may come back, for one that is back what it has lost. */
export function stateText(node: Pick<NodeView, 'state' | 'repairAtMs' | 'drainWished' | 'lost'>): string {
  const { state, repairAtMs, drainWished, lost } = node;
  const repair = repairAtMs === null ? '' : `, repair begins at ${new Date(repairAtMs).toISOString()}`;
  const drain = drainWished ? ', to be drained' : '';
  return `${state}${drain}${repair}${lost === null ? '' : `, has lost data (${lost})`}`;
}

/** Sends the event, says what was planned, and follows when asked to. */
export async function planned(command: Command, flags: WaitFlags, name: string, data: object): Promise<void> {
  const { output } = globalsOf(command);
  process.exitCode = await withControl(command, async (control): Promise<ExitCode> => {
    const timeoutMs = flags.timeout ?? ANSWER_MS;
    const { outcome } = await sendEvent(control, name, data, { timeoutMs: Math.min(timeoutMs, ANSWER_MS) });
    if (outcome === null) return EXIT.ok;
    if (outcome.plan !== null && outcome.change === 'changed') say(planText(await planView(control, outcome.plan)));
    if (flags.wait === undefined || outcome.plan === null) {
      report(output, outcome, {});
      return outcomeExit(outcome);
    }
    return waited(control, output, outcome, flags);
  });
}

async function waited(
  control: ControlParts,
  output: OutputFormat,
  outcome: EventOutcome,
  flags: WaitFlags,
): Promise<ExitCode> {
  if (outcome.change === 'repeated') say(`plan ${outcome.plan} is under way: ${outcome.moves} moves`);
  const { progress, exit } = await follow(control, outcome.plan ?? '', {
    until: flags.until,
    ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }),
  });
  report(output, outcome, progress === null ? {} : { progress });
  return exit === EXIT.ok ? outcomeExit(outcome) : exit;
}

function report(output: OutputFormat, outcome: EventOutcome, more: object): void {
  const { change, plan, moves, blocked } = outcome;
  if (blocked > 0) say(`${blocked} shards cannot be moved now; see: miroir status`);
  print(output, { ...outcome, ...more }, () =>
    tableText(['change', 'plan', 'moves', 'blocked'], [[change, plan, moves, blocked]]),
  );
}
