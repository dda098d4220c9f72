/** The plan that runs: how far, how fast, how long, and what may be done about it. */
import type { PlanDetailsAnswer } from './answers.ts';
import { shardCount } from './blocked.ts';
import { CopyCommand } from './copy-command.tsx';
import { FirstSteps } from './first-steps.tsx';
import { clockText, countText, durationText, moveCount } from './format.ts';
import { hashOf } from './hash-route.ts';
import {
  awaitsApproval,
  documentsText,
  isOver,
  isPaused,
  paceOf,
  planPercent,
  stateText,
  whyText,
} from './plan-progress.ts';
import { drainedNodes } from './node-rows.ts';
import { alarm, pause, plan, plans, rates, readAtMs, throttle, topology } from './store.ts';
import { totalRate } from './rates.ts';
import { PlanButtons } from './plan-buttons.tsx';

export function PlanBar({ reread }: { readonly reread: () => void }) {
  const { value: shown } = plan;
  if (readAtMs.value === 0) return <section class="plan" aria-label="Plan" />;
  if (shown === null) {
    return (
      <section class="plan quiet" aria-label="Plan">
        {plans.value.length === 0 ? (
          <FirstSteps />
        ) : (
          <p>Nothing moves.{alarm.value === null && ' Every shard is where it belongs.'}</p>
        )}
      </section>
    );
  }
  return <PlanShown plan={shown} reread={reread} />;
}

function PlanShown({ plan: shown, reread }: { readonly plan: PlanDetailsAnswer; readonly reread: () => void }) {
  const percent = planPercent(shown);
  const pace = paceOf(shown, totalRate(rates.value));
  return (
    <section class={`plan ${stateClass(shown)}`} aria-label="Plan">
      <div class="line">
        <a class="name" href={hashOf({ kind: 'plan', id: shown.id })}>
          {whyText(shown.why)}
        </a>
        <span class="state">{stateText(shown, pause.value?.paused)}</span>
        <progress max={100} value={percent} aria-label="How far the plan is">
          {percent}%
        </progress>
        <b class="percent">{percent}%</b>
        <span class={pace.isStalled ? 'pace bad' : 'pace'}>{pace.text}</span>
        <PlanButtons plan={shown} reread={reread} />
      </div>
      <p class="sums">
        {sumsOf(shown)}
        <Throttled />
      </p>
      <BlockedOf plan={shown} />
      {pace.isStalled && shown.progress.unblock != null && <p class="next">{shown.progress.unblock}</p>}
      <Next plan={shown} />
      <Others shown={shown.id} />
    </section>
  );
}

function stateClass(shown: PlanDetailsAnswer): string {
  if (isOver(shown)) return shown.cancelled == null ? 'over' : 'over paused';
  if (awaitsApproval(shown)) return 'proposed';
  return isPaused(shown) || pause.value?.paused != null ? 'paused' : 'running';
}

function sumsOf({ progress, startedAtMs, createdAtMs, endedAtMs }: PlanDetailsAnswer): string {
  const { moves: all, settled, failed, cancelled, windowsVerified, differences } = progress;
  const took =
    endedAtMs === null
      ? `since ${clockText(startedAtMs ?? createdAtMs)}`
      : `took ${durationText(endedAtMs - createdAtMs)}`;
  return [
    `${settled} of ${moveCount(all)}`,
    documentsText(progress),
    `${countText(windowsVerified)} windows verified`,
    differences > 0 ? `${countText(differences)} repaired` : null,
    failed > 0 ? `${failed} failed` : null,
    cancelled > 0 ? `${cancelled} cancelled` : null,
    took,
  ]
    .filter((part) => part !== null)
    .join(' · ');
}

/** What the plan could not plan; the first hundred are told. */
function BlockedOf({ plan: { id, blocked } }: { readonly plan: PlanDetailsAnswer }) {
  const [first] = blocked;
  if (first === undefined) return null;
  return (
    <p class="bad">
      <span aria-hidden="true">✗</span>{' '}
      <a class="bad" href={hashOf({ kind: 'plan', id })}>
        {shardCount(blocked.length)} of it blocked
      </a>
      , {first.index}/{first.shard}: {first.reason}
    </p>
  );
}

/** What to do now, as a command. */
function Next({ plan: shown }: { readonly plan: PlanDetailsAnswer }) {
  if (!isOver(shown)) return null;
  const [drained] = drainedNodes(topology.value?.nodes ?? []);
  if (drained === undefined) return null;
  return (
    <p class="next">
      Next: {drained} holds no shard any more, it can go <CopyCommand command={`miroir node remove ${drained}`} />
    </p>
  );
}

/** There may be more plans than one; buttons are for the one that is shown. */
function Others({ shown }: { readonly shown: string }) {
  const others = plans.value.filter((one) => !isOver(one) && one.id !== shown);
  if (others.length === 0) return null;
  return (
    <p class="next">
      Not over either:{' '}
      {others.map((one, at) => (
        <span key={one.id}>
          {at > 0 && ', '}
          <a href={hashOf({ kind: 'plan', id: one.id })}>{whyText(one.why)}</a>
          {awaitsApproval(one) && ' (waits for approval)'}
          {isPaused(one) && ' (paused)'}
        </span>
      ))}
    </p>
  );
}

function Throttled() {
  const { documentsPerSecond = null, tasksInFlight = null } = throttle.value?.throttle ?? {};
  if (documentsPerSecond === null && tasksInFlight === null) return null;
  const limits = [
    documentsPerSecond === null ? null : `${countText(documentsPerSecond)} documents/s`,
    tasksInFlight === null ? null : `${tasksInFlight} tasks in flight`,
  ];
  return <b class="warn"> · throttled to {limits.filter((limit) => limit !== null).join(', ')}</b>;
}
