/** `miroir plan`: what would move, looked at before anything does; and carrying it out. */
import { InvalidArgumentError, type Command } from 'commander';
import { applyPlan } from '../control/proposal/apply.ts';
import { proposePlan, viewProposed, type PlanWish, type ProposedView } from '../control/proposal/make.ts';
import type { Control } from '../service.ts';
import { globalsOf, withControl } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { answered, atMost, countedDown, type WaitFlags } from './planned.ts';
import { printStarted, say } from './output.ts';
import { proposedText } from './plan-text.ts';

/** How long the planner has to carry it out, as far as writing its moves. */
const ANSWER_MS = 60_000;

interface PlanFlags {
  readonly add?: readonly object[];
  readonly drain?: readonly string[];
}

export function addProposalOptions(plan: Command): void {
  plan
    .option(
      '--add <node...>',
      'n4=http://host:port, with ,group=1 and ,key=<name of its key> where needed',
      (text: string, so?: readonly object[]) => [...(so ?? []), newNode(text)],
    )
    .option('--drain <node...>', 'ids of nodes to be drained')
    .addHelpText(
      'after',
      `
Shows what would move; nothing is changed until \`miroir plan apply\`. The same question has the same plan id.

Examples:
  miroir plan --drain n1
  miroir plan --add n4=http://127.0.0.1:7704 --add n5=http://127.0.0.1:7705 --drain n1
  miroir plan apply p0123456789ab --wait --timeout 1h`,
    )
    .action(async ({ add = [], drain = [] }: PlanFlags, command: Command) => {
      if (add.length + drain.length === 0) return command.help({ error: true });
      process.exitCode = await dryRun(command, { add, drain });
    });
}

export async function applied(command: Command, id: string, flags: WaitFlags): Promise<void> {
  process.exitCode = await withControl(command, async (control) => {
    const left = countedDown(flags, control.clock);
    const { outcome } = await applyPlan(control, id, atMost(ANSWER_MS, left()));
    return outcome === null ? EXIT.ok : answered(control, globalsOf(command).output, outcome, left());
  });
}

/** Makes a plan and shows it; exit code 3 where a check fails. */
export async function dryRun(command: Command, wish: PlanWish): Promise<ExitCode> {
  const view = await withControl(command, (control) => proposed(control, wish));
  printStarted(globalsOf(command).output, view, () => proposedText(view), view.next_steps);
  return view.checks.some(({ level }) => level === 'fail') ? EXIT.blocked : EXIT.ok;
}

/** Several nodes are one plan, shown and carried out: what one event each would move twice moves once. */
export async function together(command: Command, wish: PlanWish, flags: WaitFlags): Promise<void> {
  process.exitCode = await withControl(command, async (control) => {
    const left = countedDown(flags, control.clock);
    const view = await proposed(control, wish);
    say(proposedText(view));
    const { outcome } = await applyPlan(control, view.id, atMost(ANSWER_MS, left()));
    return outcome === null ? EXIT.ok : answered(control, globalsOf(command).output, outcome, left());
  });
}

async function proposed(control: Control, wish: PlanWish): Promise<ProposedView> {
  const plan = await proposePlan(control, wish);
  return viewProposed(plan, plan.version);
}

/** `n4=http://host:port,group=1,key=fleet` as the data of its event. */
function newNode(text: string): object {
  const [first = '', ...more] = text.split(',');
  const [, id, url] = /^([^=]+)=(.+)$/.exec(first) ?? [];
  if (id === undefined)
    throw new InvalidArgumentError('Give n4=http://host:port, with ,group=1 and ,key=name where needed.');
  const fields = more.map((part) => {
    const [, name, value = ''] = /^(group|key)=(.+)$/.exec(part) ?? [];
    if (name === 'group' && /^\d+$/.test(value)) return { replica_group: Number(value) };
    if (name === 'key') return { api_key_ref: value };
    throw new InvalidArgumentError(`${part} is neither group=<number> nor key=<name>.`);
  });
  return Object.assign({ node_id: id, url }, ...fields) as object;
}
