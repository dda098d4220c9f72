/** `miroir plan …` and `miroir topology`: what the records say, page by page. */
import type { Command } from 'commander';
import { stageText } from '../core/plan-stage.ts';
import { listPlans, type PlanListed } from '../control/plan-list.ts';
import { lookAtPlan } from '../control/proposal/look.ts';
import { showTopology } from '../control/topology.ts';
import type { Control } from '../service.ts';
import { globalsOf, withControl } from './context.ts';
import { paceText } from './eta-text.ts';
import { type OutputFormat, print, tableText } from './output.ts';
import { addPlanOrderCommands } from './plan-order-commands.ts';
import { withWait, type WaitFlags } from './planned.ts';
import { proposedText } from './plan-text.ts';
import { addProposalOptions, applied } from './proposal-commands.ts';
import { topologyText } from './topology-text.ts';
import { whole } from './values.ts';
import { show, withWatch, type WatchFlags } from './watch.ts';

export interface PageFlags {
  readonly limit: number;
  readonly from?: string;
}

export const withPages = (command: Command): Command =>
  command
    .option('--limit <count>', 'at most so many', whole, 20)
    .option('--from <id>', 'from this one on: what the page before said is next');

/** Where the next page begins. */
export const moreText = ({ next }: { readonly next: string | null }): readonly string[] =>
  next === null ? [] : [`more: --from ${next}`];

export function addPlanCommands(program: Command): void {
  const plan = program
    .command('plan')
    .description('what would move if nodes came and went; and plans: what was asked for, and how far it is');
  addProposalOptions(plan);
  withWait(plan.command('apply <plan>').description('carry out a plan that was looked at: exactly that, or nothing'))
    .addHelpText('after', '\nExample:\n  miroir plan apply p0123456789ab --wait --timeout 1h')
    .action((id: string, flags: WaitFlags, command: Command) => applied(command, id, flags));

  withWatch(withPages(plan.command('list').description('plans that run, then those that have ended, newest first')))
    .addHelpText('after', '\nExample:\n  miroir plan list --limit 5')
    .action(async (flags: PageFlags & WatchFlags, command: Command) => {
      const { limit, from = null } = flags;
      const look = (control: Control) => listPlans(control, { limit, from });
      await show(command, flags, look, ({ results }) => plansText(results), undefined, moreText);
    });

  withWatch(plan.command('show <plan>').description('one plan, with its progress'))
    .addHelpText('after', '\nExample:\n  miroir plan show p3f9c1a7d2e40')
    .action(async (id: string, flags: WatchFlags, command: Command) => {
      const look = (control: Control) => lookAtPlan(control, id);
      const { output } = globalsOf(command);
      await show(command, flags, look, lookedAtText, undefined, (shown) => planTalk(shown, output));
    });

  addPlanOrderCommands(plan);

  program
    .command('topology')
    .description('nodes and replica groups at one version, and the shards that failed nodes have left without copies')
    .addHelpText('after', '\nExample:\n  miroir topology -o json | jq .version')
    .action(async (_flags: object, command: Command) => {
      const view = await withControl(command, showTopology);
      print(globalsOf(command).output, view, () => topologyText(view));
    });
}

type LookedAt = Awaited<ReturnType<typeof lookAtPlan>>;

function lookedAtText(shown: LookedAt): string {
  if (shown.state === 'proposed') return proposedText(shown);
  const { id, why, forecast } = shown;
  return [plansText([shown]), ...(forecast === null ? [] : ['', proposedText({ ...forecast, id, why })])].join('\n');
}

/** What is said beside a plan; programs have what to do next in it. */
function planTalk(shown: LookedAt, output: OutputFormat): readonly string[] {
  if (shown.state === 'proposed') {
    const next = output === 'table' ? shown.next_steps.map((step) => `next: ${step}`) : [];
    return [...next, ...(shown.isStale ? ['the topology has changed since: it cannot be applied any more'] : [])];
  }
  const { settled, moves, failed, cancelled } = shown.progress;
  const sums = `${settled} of ${moves} moves settled, ${failed} failed, ${cancelled} cancelled`;
  return [
    ...(shown.state === 'done' ? [] : [paceText(shown.progress, shown.held)]),
    `${sums}; see: miroir move list --plan ${shown.id}`,
  ];
}

const plansText = (plans: readonly PlanListed[]): string =>
  tableText(
    ['plan', 'why', 'state', 'moves', 'left', 'blocked', 'created'],
    plans.map((plan) => [
      plan.id,
      plan.why,
      stageText(plan.stage),
      plan.moves,
      plan.left,
      plan.blocked.length,
      new Date(plan.createdAtMs).toISOString(),
    ]),
  );
