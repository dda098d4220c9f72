/** What may be done about a plan: pause, go on, throttle, cancel, and letting it begin. */
import { useSignal } from '@preact/signals';
import { useAnswer } from './answer.ts';
import type { CancelAnswer, PlanDetailsAnswer } from './answers.ts';
import { change, Refused } from './client.ts';
import { Confirm } from './confirm.tsx';
import { moveCount } from './format.ts';
import { awaitsApproval, isOver, isPaused } from './plan-progress.ts';
import { mayOperate, pause, throttle } from './store.ts';
import { ThrottleForm } from './throttle-form.tsx';

interface ButtonsProps {
  readonly plan: PlanDetailsAnswer;
  readonly reread: () => void;
}

const WORDS = { apply: '✓ Approve', resume: '▶ Resume', pause: '‖ Pause' } as const;

export function PlanButtons({ plan, reread }: ButtonsProps) {
  const asking = useSignal<'cancel' | 'throttle' | null>(null);
  const refusal = useSignal<string | null>(null);
  if (!mayOperate.value || isOver(plan)) return null;
  const path = `/v1/plans/${encodeURIComponent(plan.id)}`;
  const act = async (send: () => Promise<unknown>): Promise<void> => {
    refusal.value = null;
    asking.value = null;
    try {
      await send();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refusal.value = [error.message, ...error.nextSteps.slice(0, 1)].join('; ');
    }
    reread();
  };
  const isAllPaused = pause.value?.paused != null;
  const mayHold = pause.value !== null && plan.cancelled == null;
  const main = awaitsApproval(plan) ? 'apply' : isPaused(plan) ? 'resume' : 'pause';
  return (
    <span class="buttons">
      {isAllPaused ? (
        <button
          type="button"
          class="main"
          onClick={() => void act(() => change('PUT', '/v1/pause', { paused: false }))}
        >
          ▶ Resume all plans
        </button>
      ) : (
        (mayHold || main === 'apply') && (
          <button type="button" class="main" onClick={() => void act(() => change('POST', `${path}/${main}`))}>
            {WORDS[main]}
          </button>
        )
      )}
      {throttle.value !== null && (
        <button type="button" onClick={() => (asking.value = 'throttle')}>
          Throttle…
        </button>
      )}
      {mayHold && (
        <button type="button" class="danger" onClick={() => (asking.value = 'cancel')}>
          Cancel…
        </button>
      )}
      {refusal.value !== null && (
        <span class="refusal" role="alert">
          {refusal.value}
        </span>
      )}
      {asking.value === 'throttle' && <ThrottleForm close={() => (asking.value = null)} reread={reread} />}
      {asking.value === 'cancel' && (
        <Confirm
          title="Cancel this plan?"
          word={plan.id}
          button="Cancel the plan"
          close={() => (asking.value = null)}
          act={() => void act(() => change('POST', `${path}/cancel`))}
        >
          <Consequences path={`${path}/cancellation`} />
        </Confirm>
      )}
    </span>
  );
}

/** What it would undo, and what it would not. */
function Consequences({ path }: { readonly path: string }) {
  const { value = null } = useAnswer<CancelAnswer>(path) ?? {};
  if (value === null) return <>Moves that are not switched are undone; those that are switched stay.</>;
  const { unbegun, undone, switched, reverse } = value;
  return (
    <>
      {moveCount(unbegun)} that have not begun end. {moveCount(undone)} under way are undone: what they brought to the
      target is deleted. {moveCount(switched)} that are switched stay
      {reverse.length === 0 ? '.' : `; to take them back: ${reverse.join(', ')}.`}
    </>
  );
}
