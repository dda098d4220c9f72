/** One move: how far, when what was done, what holds it up. */
import { useAnswer } from './answer.ts';
import type { MoveDetailsAnswer, MoveExplained } from './answers.ts';
import { type Fact, Facts, Missing } from './facts.tsx';
import { clockText, countText, durationText } from './format.ts';
import { hashOf } from './hash-route.ts';
import { activityOf, copiedPercent, progressText, SIGNS } from './move-steps.ts';
import { Dots } from './moves-panel.tsx';
import { nowMs } from './store.ts';

export function MoveDetails({ id }: { readonly id: string }) {
  const path = `/v1/moves/${encodeURIComponent(id)}`;
  const answer = useAnswer<MoveDetailsAnswer>(path);
  const move = answer?.value ?? null;
  if (move === null) return <Missing answer={answer} what={`move ${id}`} />;
  const activity = activityOf(move);
  const { waiting, note, startedAtMs = null, switchedAtMs = null, endedAtMs = null, createdAtMs } = move;
  return (
    <>
      <p class="lead">
        <a href={hashOf({ kind: 'shard', index: move.index, shard: move.shard })}>
          {move.index}/{move.shard}
        </a>{' '}
        <a href={hashOf({ kind: 'node', id: move.source })}>{move.source}</a> →{' '}
        <a href={hashOf({ kind: 'node', id: move.target })}>{move.target}</a>
      </p>
      <p>
        <span aria-hidden="true">{SIGNS[activity]}</span> {activity}: {progressText(move)} <Dots move={move} />
      </p>
      {note !== null && (
        <p class="warn">
          ! {waiting?.text ?? note}
          {waiting?.sinceMs !== undefined && ` (for ${durationText(nowMs.value - waiting.sinceMs)})`}
          {waiting?.unblock !== undefined && <span class="muted"> {waiting.unblock}</span>}
        </p>
      )}
      <Facts
        facts={[
          ['for', move.reason],
          ['plan', <a href={hashOf({ kind: 'plan', id: move.plan })}>{move.plan}</a>],
          ['copied', `${copiedPercent(move)} % · ${countText(move.docsMigrated)} documents`],
          move.windowsVerified === undefined ? null : ['windows found equal', countText(move.windowsVerified)],
          ['differences repaired', countText(move.differences)],
          createdAtMs === undefined ? null : ['planned', clockText(createdAtMs)],
          startedAtMs === null ? null : ['begun', clockText(startedAtMs)],
          switchedAtMs === null ? null : ['switched', clockText(switchedAtMs)],
          endedAtMs === null
            ? null
            : ['ended', `${clockText(endedAtMs)}, after ${durationText(endedAtMs - (startedAtMs ?? endedAtMs))}`],
        ]}
      />
      {move.outcome === null && <Explained path={`${path}/explain`} />}
      <p>
        <a href={`/queues/queue/${encodeURIComponent(`rebalance.${move.index}`)}`}>Jobs of {move.index} on the board</a>
      </p>
    </>
  );
}

/** Whom it depends on. */
function Explained({ path }: { readonly path: string }) {
  const { value = null } = useAnswer<MoveExplained>(path, 'once') ?? {};
  if (value === null) return null;
  const { nodes, routers, places, journalIds, holder } = value;
  const late = routers.filter(({ isUpToDate }) => !isUpToDate);
  return (
    <>
      <h3>Depends on</h3>
      <Facts
        facts={[
          ['served by', holder ?? 'no process now'],
          ...nodes.map(({ node, role, unreachable, oldestTask, movesOut, movesIn }): Fact => [
            `${role} ${node}`,
            [
              `${role === 'source' ? movesOut : movesIn} of ${places} places taken`,
              unreachable === null ? null : `✗ ${unreachable}`,
              oldestTask === null ? null : `task ${oldestTask.uid} (${oldestTask.type}) is ${oldestTask.status}`,
            ]
              .filter((part) => part !== null)
              .join(' · '),
          ]),
          [
            'routers',
            late.length === 0
              ? `✓ all ${routers.length} know its epoch`
              : `! behind: ${late.map(({ name, epoch }) => `${name} at ${epoch ?? 'none'}`).join(', ')}`,
          ],
          ['written meanwhile', `${countText(journalIds)} documents to carry over`],
        ]}
      />
    </>
  );
}
