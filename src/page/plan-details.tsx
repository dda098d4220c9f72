/** One plan: what was asked, how it went, and for one that nobody has applied yet what it would do. */
import { useSignal } from '@preact/signals';
import { useAnswer } from './answer.ts';
import type { PlanDetailsAnswer, ProposedPlan } from './answers.ts';
import { change, Refused } from './client.ts';
import { Confirm } from './confirm.tsx';
import { Facts, Missing } from './facts.tsx';
import { bytesText, clockText, countText, durationText, moveCount, rangeText } from './format.ts';
import { isOver, planPercent, whyText } from './plan-progress.ts';
import { mayOperate } from './store.ts';

type Shown = Partial<PlanDetailsAnswer> &
  Partial<Omit<ProposedPlan, 'moves'>> & { readonly id: string; readonly state: string };

export function PlanDetails({ id, reread }: { readonly id: string; readonly reread: () => void }) {
  const answer = useAnswer<Shown>(`/v1/plans/${encodeURIComponent(id)}`);
  const plan = answer?.value ?? null;
  if (plan === null) return <Missing answer={answer} what={`plan ${id}`} />;
  const { why, progress, blocked = [], startedAtMs = null, endedAtMs = null, createdAtMs } = plan;
  return (
    <>
      <p class="lead">{why === undefined ? 'A plan that nobody has applied yet' : whyText(why)}</p>
      <Facts
        facts={[
          ['state', plan.state],
          typeof plan.moves === 'number' ? ['moves', minimumText(plan.moves, plan.minimumMoves)] : null,
          progress === undefined || plan.state === 'proposed' ? null : ['through', `${planPercent({ progress })} %`],
          plan.documents === undefined ? null : ['documents', countText(plan.documents)],
          plan.bytes === undefined ? null : ['size', `about ${bytesText(plan.bytes)}`],
          plan.secondsLow == null || plan.secondsHigh == null
            ? null
            : ['takes', rangeText(plan.secondsLow, plan.secondsHigh)],
          progress === undefined ? null : ['settled, old copy gone', `${progress.settled}, ${progress.cleaned}`],
          progress === undefined ? null : ['failed, cancelled', `${progress.failed}, ${progress.cancelled}`],
          progress === undefined ? null : ['windows found equal', countText(progress.windowsVerified)],
          createdAtMs === undefined ? null : ['planned', clockText(createdAtMs)],
          endedAtMs === null
            ? null
            : [
                'ended',
                `${clockText(endedAtMs)}, after ${durationText(endedAtMs - (startedAtMs ?? createdAtMs ?? endedAtMs))}`,
              ],
        ]}
      />
      <Nodes plan={plan} />
      <Checks plan={plan} />
      {blocked.length > 0 && (
        <>
          <h3>Blocked shards</h3>
          <ul class="list">
            {blocked.slice(0, 20).map(({ index, shard, reason }) => (
              <li key={`${index}/${shard}`}>
                {index}/{shard}: {reason}
              </li>
            ))}
          </ul>
        </>
      )}
      {plan.state === 'proposed' && mayOperate.value && <Apply plan={plan} reread={reread} />}
      {isOver({ state: plan.state }) && <Report id={id} />}
    </>
  );
}

const minimumText = (moves: number, least: number | undefined): string =>
  least === undefined ? countText(moves) : `${countText(moves)} (${countText(least)} at least)`;

function Nodes({ plan: { nodes = [] } }: { readonly plan: Shown }) {
  if (nodes.length === 0) return null;
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

function changeText(before: number | undefined, after: number | undefined): string {
  if (before === undefined || after === undefined) return '';
  return before === after ? countText(before) : `${countText(before)} → ${countText(after)}`;
}

const CHECK_SIGNS: Readonly<Record<string, string>> = { ok: '✓', warn: '!', fail: '✗' };

function Checks({ plan: { checks = [] } }: { readonly plan: Shown }) {
  if (checks.length === 0) return null;
  return (
    <>
      <h3>Checks</h3>
      <ul class="list">
        {checks.map(({ check, result, what, remedy }) => (
          <li key={`${check} ${what}`} class={result === 'ok' ? '' : result === 'fail' ? 'bad' : 'warn'}>
            <span aria-hidden="true">{CHECK_SIGNS[result] ?? '·'}</span> {check.replaceAll('_', ' ')}: {what}
            {remedy != null && <span class="muted"> {remedy}</span>}
          </li>
        ))}
      </ul>
    </>
  );
}

function Apply({ plan: { id }, reread }: { readonly plan: Shown; readonly reread: () => void }) {
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
          Its moves begin at once. They can be paused, and cancelled until their switch.
        </Confirm>
      )}
    </p>
  );
}

/** Of a plan that has ended, as it is stored: another version may tell more. */
function Report({ id }: { readonly id: string }) {
  const { value = null } =
    useAnswer<Readonly<Record<string, unknown>>>(`/v1/plans/${encodeURIComponent(id)}/report`) ?? {};
  if (value === null) return null;
  const plain = Object.entries(value).filter(([, one]) => ['string', 'number', 'boolean'].includes(typeof one));
  return (
    <>
      <h3>Report</h3>
      <Facts
        facts={plain.map(([name, one]) => [
          wordsOf(name),
          typeof one === 'number' ? numberText(name, one) : String(one),
        ])}
      />
      <p>
        <a href={`/v1/plans/${encodeURIComponent(id)}/report`} download={`${id}.json`}>
          Download it all
        </a>{' '}
        <span class="muted">{moveCount(Array.isArray(value['moves']) ? value['moves'].length : 0)}</span>
      </p>
    </>
  );
}

const wordsOf = (name: string): string =>
  name
    .replace(/(?:AtMs|Ms)$/, '')
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
function numberText(name: string, value: number): string {
  if (name.endsWith('AtMs')) return clockText(value);
  return name.endsWith('Ms') ? durationText(value) : countText(value);
}
