/** One plan: what was asked, how it went, and for one that nobody has applied yet what it would do. */
import { useSignal } from '@preact/signals';
import { useAnswer } from './answer.ts';
import type { Forecast, PlanDetailsAnswer, ProposedPlan } from './answers.ts';
import { change, Refused } from './client.ts';
import { Confirm } from './confirm.tsx';
import { Facts, Missing } from './facts.tsx';
import { bytesText, clockText, countText, durationText, rangeText } from './format.ts';
import { isOver, planPercent, stateText, whyText } from './plan-progress.ts';
import { PlanButtons } from './plan-buttons.tsx';
import { Report } from './plan-report.tsx';
import { mayOperate, pause } from './store.ts';

type Shown = PlanDetailsAnswer | ProposedPlan;
const isProposed = (plan: Shown): plan is ProposedPlan => plan.state === 'proposed';

export function PlanDetails({ id, reread }: { readonly id: string; readonly reread: () => void }) {
  const answer = useAnswer<Shown>(`/v1/plans/${encodeURIComponent(id)}`);
  const plan = answer?.value ?? null;
  if (plan === null) return <Missing answer={answer} what={`plan ${id}`} />;
  return (
    <>
      <p class="lead">{whyText(plan.why)}</p>
      {isProposed(plan) ? <Proposed plan={plan} reread={reread} /> : <Known plan={plan} reread={reread} />}
      {plan.blocked.length > 0 && (
        <>
          <h3>Blocked shards</h3>
          <ul class="list">
            {plan.blocked.slice(0, 20).map(({ index, shard, reason }) => (
              <li key={`${index}/${shard}`} class="bad">
                <span aria-hidden="true">✗</span> {index}/{shard}: {reason}
              </li>
            ))}
          </ul>
        </>
      )}
      {!isProposed(plan) && isOver(plan) && <Report id={id} />}
    </>
  );
}

function Known({ plan, reread }: { readonly plan: PlanDetailsAnswer; readonly reread: () => void }) {
  const { held, cancelled, progress, createdAtMs, startedAtMs, endedAtMs, forecast } = plan;
  return (
    <>
      <PlanButtons plan={plan} reread={reread} hasCommands />
      <Facts
        facts={[
          ['state', stateText(plan, pause.value?.paused)],
          held == null
            ? null
            : [
                held.by === 'approval' ? 'waits for approval since' : `paused by ${held.actor} at`,
                clockText(held.sinceMs),
              ],
          cancelled == null ? null : ['cancelled at', clockText(cancelled.sinceMs)],
          ...(forecast == null
            ? ([
                ['moves', countText(progress.moves)],
                ['through', `${planPercent(plan)} %`],
                ['settled, old copy gone', `${progress.settled}, ${progress.cleaned}`],
                ['failed, cancelled', `${progress.failed}, ${progress.cancelled}`],
                ['windows found equal', countText(progress.windowsVerified)],
              ] as const)
            : []),
          ['planned', clockText(createdAtMs)],
          endedAtMs === null
            ? null
            : ['ended', `${clockText(endedAtMs)}, after ${durationText(endedAtMs - (startedAtMs ?? createdAtMs))}`],
        ]}
      />
      {forecast != null && <Figures plan={forecast} />}
    </>
  );
}

function Proposed({ plan, reread }: { readonly plan: ProposedPlan; readonly reread: () => void }) {
  const { isStale } = plan;
  return (
    <>
      <p class={isStale ? 'warn' : 'muted'}>
        {isStale
          ? '! The fleet has changed since: it cannot be carried out any more.'
          : 'Nothing moves before it is carried out.'}
      </p>
      <Figures plan={plan} />
      {!isStale && mayOperate.value && <Apply plan={plan} reread={reread} />}
    </>
  );
}

/** What somebody looks at before it is carried out or approved. */
function Figures({ plan }: { readonly plan: Forecast }) {
  const { moves, minimum, documents, bytes, secondsLow, secondsHigh, spreadBefore, spreadAfter, added } = plan;
  return (
    <>
      <Facts
        facts={[
          ...added.map(({ id, url, apiKeyRef }): [string, string] => [
            `adds ${id} at`,
            `${url ?? 'the url it has'}${apiKeyRef === null ? '' : `, key ${apiKeyRef}`}`,
          ]),
          ['moves', `${countText(moves)} (${countText(minimum)} at least)`],
          documents === null ? null : ['documents', countText(documents)],
          bytes === null ? null : ['size', `about ${bytesText(bytes)}`],
          secondsLow === null || secondsHigh === null ? null : ['takes', rangeText(secondsLow, secondsHigh)],
          ['spread, most over mean', `${spreadBefore.toFixed(2)} → ${spreadAfter.toFixed(2)}`],
        ]}
      />
      <Nodes plan={plan} />
      <Checks plan={plan} />
    </>
  );
}

function Nodes({ plan: { nodes } }: { readonly plan: Forecast }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">node</th>
          <th scope="col">shards</th>
          <th scope="col">documents</th>
        </tr>
      </thead>
      <tbody>
        {nodes.map(({ id, before, after }) => (
          <tr key={id}>
            <th scope="row">{id}</th>
            <td>{changeText(before.shards, after.shards)}</td>
            <td>{changeText(before.documents, after.documents)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function changeText(before: number | null, after: number | null): string {
  if (before === null || after === null) return '';
  return before === after ? countText(before) : `${countText(before)} → ${countText(after)}`;
}

const CHECK_SIGNS: Readonly<Record<string, string>> = { ok: '✓', warn: '!', fail: '✗' };

function Checks({ plan: { checks } }: { readonly plan: Forecast }) {
  return (
    <>
      <h3>Checks</h3>
      <ul class="list">
        {checks.map(({ level, subject, found, remedy }) => (
          <li key={`${subject} ${found}`} class={level === 'ok' ? '' : level === 'fail' ? 'bad' : 'warn'}>
            <span aria-hidden="true">{CHECK_SIGNS[level] ?? '·'}</span> {subject}: {found}
            {remedy !== null && <span class="muted"> {remedy}</span>}
          </li>
        ))}
      </ul>
    </>
  );
}

function Apply({ plan: { id }, reread }: { readonly plan: ProposedPlan; readonly reread: () => void }) {
  const isAsking = useSignal(false);
  const refusal = useSignal<string | null>(null);
  const apply = async (): Promise<void> => {
    isAsking.value = false;
    try {
      await change('POST', `/v1/plans/${encodeURIComponent(id)}/apply`);
      reread();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refusal.value = [error.message, ...error.nextSteps.slice(0, 1)].join('; ');
    }
  };
  return (
    <p>
      <button type="button" class="main" onClick={() => (isAsking.value = true)}>
        Apply…
      </button>
      {refusal.value !== null && (
        <span class="refusal" role="alert">
          {refusal.value}
        </span>
      )}
      {isAsking.value && (
        <Confirm
          title="Apply this plan?"
          word={id}
          button="Apply it"
          close={() => (isAsking.value = false)}
          act={() => void apply()}
        >
          <p>Its moves begin at once. They can be paused, and cancelled until their switch.</p>
        </Confirm>
      )}
    </p>
  );
}
