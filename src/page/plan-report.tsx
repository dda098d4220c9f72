/** What became of a plan: predicted and actual, verified windows, repairs, the longest wait of a write. */
import { useAnswer } from './answer.ts';
import type { ReportAnswer } from './answers.ts';
import { type Fact, Facts } from './facts.tsx';
import { bytesText, countText, durationText, rangeText } from './format.ts';

interface Said {
  readonly lowSeconds: number | null;
  readonly highSeconds: number | null;
}
interface CameOut {
  readonly seconds: number;
  readonly isWithinRange: boolean | null;
}

function heldAgainst(name: string, said?: Said | null, actual?: CameOut | null): Fact {
  if (said == null || actual == null || said.lowSeconds === null || said.highSeconds === null) return null;
  const took = `${durationText(actual.seconds * 1_000)} ${actual.isWithinRange === true ? '✓ within' : '! outside'}`;
  return [name, `${rangeText(said.lowSeconds, said.highSeconds)}, ${took}`];
}

export function Report({ id }: { readonly id: string }) {
  const path = `/v1/plans/${encodeURIComponent(id)}/report`;
  const { value = null } = useAnswer<ReportAnswer>(path) ?? {};
  if (value === null) return null;
  const { totals, settledSeconds, shown, predicted, actual, unknown } = value;
  return (
    <>
      <h3>Report</h3>
      <Facts
        facts={[
          ['moved', `${countText(totals.documents)} documents, ${bytesText(totals.bytes)}`],
          settledSeconds === null ? null : ['settled after', durationText(settledSeconds * 1_000)],
          heldAgainst('shown before, actual', shown, shown?.actual),
          heldAgainst('predicted, actual', predicted, actual),
          ['windows found equal', countText(totals.windowsVerified)],
          ['repaired, tried again', `${countText(totals.repaired)}, ${countText(totals.retries)}`],
          totals.longestWriteWaitMs === null
            ? null
            : ['longest wait of a write', durationText(totals.longestWriteWaitMs)],
          totals.lost === 0 ? null : ['given up', `! ${countText(totals.lost)} documents`],
        ]}
      />
      {unknown.map((what) => (
        <p key={what} class="muted">
          {what}
        </p>
      ))}
      <p>
        <a href={path} download={`${id}.json`}>
          Download it with every move
        </a>
      </p>
    </>
  );
}
