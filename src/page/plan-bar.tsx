/** The plan that runs: how far, how fast, how long, and what may be done about it. */
import { useSignal } from '@preact/signals';
import type { PlanDetailsAnswer } from './answers.ts';
import { Confirm } from './confirm.tsx';
import { CopyCommand } from './copy-command.tsx';
import { FirstSteps } from './first-steps.tsx';
import { change, Refused } from './client.ts';
import { clockText, countText, durationText, moveCount } from './format.ts';
import { hashOf } from './hash-route.ts';
import { isOver, isPaused, paceOf, planPercent, whyText } from './plan-progress.ts';
import { drainedNodes, nodeRows } from './node-rows.ts';
import { mayOperate, moves, plan, plans, rates, readAtMs, throttle, topology } from './store.ts';
import { hasProblem } from './move-steps.ts';
import { totalRate } from './rates.ts';
import { ThrottleForm } from './throttle-form.tsx';

export function PlanBar({ reread }: { readonly reread: () => void }) {
  const { value: shown } = plan;
  if (readAtMs.value === 0) return <section class="plan" aria-label="Plan" />;
  if (shown === null) {
    return (
      <section class="plan quiet" aria-label="Plan">
        {plans.value.length === 0 ? <FirstSteps /> : <p>Nothing moves. Every shard is where it belongs.</p>}
      </section>
    );
  }
  return <PlanShown plan={shown} reread={reread} />;
}

function PlanShown({ plan: shown, reread }: { readonly plan: PlanDetailsAnswer; readonly reread: () => void }) {
  const percent = shown.state === 'proposed' ? 0 : planPercent(shown);
  const reason = moves.value.find((move) => move.outcome === null && hasProblem(move))?.note ?? null;
  const pace = paceOf(shown, totalRate(rates.value), reason);
  return (
    <section class={`plan ${stateClass(shown)}`} aria-label="Plan">
      <div class="line">
        <a class="name" href={hashOf({ kind: 'plan', id: shown.id })}>
          {whyText(shown.why)}
        </a>
        <span class="state">{stateText(shown)}</span>
        <progress max={100} value={percent} aria-label="How far the plan is">
          {percent}%
        </progress>
        <b class="percent">{percent}%</b>
        <span class={pace.isStalled ? 'pace bad' : 'pace'}>{pace.text}</span>
        <PlanButtons plan={shown} reread={reread} />
      </div>
      <p class="sums">{sumsOf(shown)}</p>
      <Next plan={shown} />
    </section>
  );
}

const stateClass = (shown: PlanDetailsAnswer): string =>
  isOver(shown) ? 'over' : isPaused(shown) ? 'paused' : shown.state === 'proposed' ? 'proposed' : 'running';

function stateText(shown: PlanDetailsAnswer): string {
  if (shown.state === 'done') return shown.cancelled == null ? '✓ done' : '⊘ cancelled';
  if (shown.cancelled != null) return '⊘ being cancelled';
  if (isPaused(shown)) return '‖ paused';
  return shown.state === 'proposed' ? '? waits for approval' : isOver(shown) ? `⊘ ${shown.state}` : '▶ running';
}

function sumsOf({ progress, startedAtMs, createdAtMs, endedAtMs, blocked }: PlanDetailsAnswer): string {
  const { moves: all, settled, failed, cancelled, docsMigrated, documents, windowsVerified, differences } = progress;
  const took =
    endedAtMs === null
      ? `since ${clockText(startedAtMs ?? createdAtMs)}`
      : `took ${durationText(endedAtMs - createdAtMs)}`;
  return [
    `${settled} of ${moveCount(all)}`,
    documents > 0 ? `${countText(docsMigrated)} of ${countText(documents)} documents` : null,
    `${countText(windowsVerified)} windows verified`,
    differences > 0 ? `${countText(differences)} repaired` : null,
    failed > 0 ? `${failed} failed` : null,
    cancelled > 0 ? `${cancelled} cancelled` : null,
    blocked.length > 0 ? `${blocked.length} blocked: ${blocked[0]?.reason}` : null,
    took,
  ]
    .filter((part) => part !== null)
    .join(' · ');
}

/** What to do now, as a command. */
function Next({ plan: shown }: { readonly plan: PlanDetailsAnswer }) {
  if (!isOver(shown)) return null;
  const [drained] = drainedNodes(nodeRows(topology.value?.nodes ?? []));
  if (drained === undefined) return null;
  return (
    <p class="next">
      Next: {drained} holds no shard any more, it can go <CopyCommand command={`miroir node remove ${drained}`} />
    </p>
  );
}

function PlanButtons({ plan: shown, reread }: { readonly plan: PlanDetailsAnswer; readonly reread: () => void }) {
  const asking = useSignal<'cancel' | 'throttle' | null>(null);
  const refusal = useSignal<string | null>(null);
  if (!mayOperate.value || isOver(shown)) return null;
  const act = async (verb: string): Promise<void> => {
    try {
      await change('POST', `/v1/plans/${encodeURIComponent(shown.id)}/${verb}`);
      refusal.value = null;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refusal.value = [error.message, ...error.nextSteps.slice(0, 1)].join('; ');
    }
    asking.value = null;
    reread();
  };
  const main = shown.state === 'proposed' ? 'apply' : isPaused(shown) ? 'resume' : 'pause';
  return (
    <span class="buttons">
      <button type="button" class="main" onClick={() => void act(main)}>
        {{ apply: '✓ Apply', resume: '▶ Resume', pause: '‖ Pause' }[main]}
      </button>
      {throttle.value !== null && (
        <button type="button" onClick={() => (asking.value = 'throttle')}>
          Throttle…
        </button>
      )}
      <button type="button" class="danger" onClick={() => (asking.value = 'cancel')}>
        Cancel…
      </button>
      {refusal.value !== null && (
        <span class="refusal" role="alert">
          {refusal.value}
        </span>
      )}
      {asking.value === 'throttle' && <ThrottleForm close={() => (asking.value = null)} reread={reread} />}
      {asking.value === 'cancel' && (
        <Confirm
          title="Cancel this plan?"
          word={shown.id}
          button="Cancel the plan"
          close={() => (asking.value = null)}
          act={() => void act('cancel')}
        >
          Moves that are not switched are taken back: their copies on the targets are deleted. Those that are switched
          stay.
        </Confirm>
      )}
    </span>
  );
}
