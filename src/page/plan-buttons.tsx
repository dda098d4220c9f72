/** What may be done about a plan: pause, go on, throttle, cancel, and letting it begin. */
import { useSignal } from '@preact/signals';
import { useAnswer } from './answer.ts';
import type { CancelAnswer, PlanDetailsAnswer } from './answers.ts';
import { change, Refused } from './client.ts';
import { Confirm } from './confirm.tsx';
import { CopyCommand } from './copy-command.tsx';
import { moveCount } from './format.ts';
import { awaitsApproval, isOver, isPaused, isSettled, whyText } from './plan-progress.ts';
import { mayOperate, pause, throttle } from './store.ts';
import { ThrottleForm } from './throttle-form.tsx';

interface ButtonsProps {
  readonly plan: PlanDetailsAnswer;
  readonly reread: () => void;
  /** Whether each of them is shown as a command, too. */
  readonly hasCommands?: boolean;
}

const WORDS = { apply: '✓ Approve', resume: '▶ Resume', pause: '‖ Pause' } as const;
const COMMANDS = { apply: 'miroir plan apply', resume: 'miroir plan resume', pause: 'miroir plan pause' } as const;

export function PlanButtons({ plan, reread, hasCommands = false }: ButtonsProps) {
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
  const mayCancel = mayHold && !isSettled(plan);
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
      {mayCancel && (
        <button type="button" class="danger" onClick={() => (asking.value = 'cancel')}>
          Cancel…
        </button>
      )}
      {hasCommands && mayHold && (
        <CopyCommand command={isAllPaused ? 'miroir plan resume --all' : `${COMMANDS[main]} ${plan.id}`} />
      )}
      {hasCommands && mayCancel && <CopyCommand command={`miroir plan cancel ${plan.id} --yes`} />}
      {refusal.value !== null && (
        <span class="refusal" role="alert">
          {refusal.value}
        </span>
      )}
      {asking.value === 'throttle' && <ThrottleForm close={() => (asking.value = null)} reread={reread} />}
      {asking.value === 'cancel' && (
        <CancelDialog
          plan={plan}
          path={path}
          close={() => (asking.value = null)}
          act={() => void act(() => change('POST', `${path}/cancel`))}
        />
      )}
    </span>
  );
}

interface CancelProps {
  readonly plan: PlanDetailsAnswer;
  readonly path: string;
  readonly close: () => void;
  readonly act: () => void;
}

/** What it would undo, and what it would not. */
function CancelDialog({ plan: { id, why }, path, close, act }: CancelProps) {
  const { value = null, problem = null } = useAnswer<CancelAnswer>(`${path}/cancellation`) ?? {};
  const { unbegun = 0, undone = 0, switched = 0, reverse = [], standing = null } = value ?? {};
  const isIdle = problem !== null || (value !== null && unbegun + undone === 0);
  return (
    <Confirm title={`Cancel “${whyText(why)}”?`} word={id} button="Cancel the plan" {...{ close, act, isIdle }}>
      <p>
        Plan <code>{id}</code> ({why}).
      </p>
      {value === null ? (
        <p>{problem ?? 'Moves that are not switched are undone; those that are switched stay.'}</p>
      ) : (
        <ul class="list">
          {isIdle && <li>There is nothing left to undo: every move of it is past its switch, or over.</li>}
          {unbegun > 0 && <li>⊘ {moveCount(unbegun)} not begun: will not begin.</li>}
          {undone > 0 && <li>↶ {moveCount(undone)} under way: undone, what was brought to the target is deleted.</li>}
          {switched > 0 && <li>✓ {moveCount(switched)} past the switch: what they moved stays where it is.</li>}
          {reverse.length > 0 && (
            <li>
              {standing ?? 'What was asked for stands.'} To take that back, too:{' '}
              {reverse.map((command) => (
                <CopyCommand key={command} command={command} />
              ))}
            </li>
          )}
        </ul>
      )}
    </Confirm>
  );
}
