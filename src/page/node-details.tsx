/** One node: what it holds, what comes and goes, and having it drained. */
import { useSignal } from '@preact/signals';
import { FailedNode } from './alarms.tsx';
import type { ProposedPlan } from './answers.ts';
import { change, Refused } from './client.ts';
import { Facts } from './facts.tsx';
import { hashOf } from './hash-route.ts';
import { activityOf, progressText } from './move-steps.ts';
import { nodeRows } from './node-rows.ts';
import { mayPlan, moves, nodeFilter, topology } from './store.ts';

const SHOWN = 30;

export function NodeDetails({ id, reread }: { readonly id: string; readonly reread: () => void }) {
  const [row] = nodeRows((topology.value?.nodes ?? []).filter((node) => node.id === id));
  if (row === undefined) return <p>There is no node {id}.</p>;
  const { node, state, after, sign } = row;
  const own = moves.value.filter(({ source, target, outcome }) => outcome === null && (source === id || target === id));
  const isFiltered = nodeFilter.value === id;
  return (
    <>
      {node.state === 'failed' && <FailedNode node={node} />}
      <Facts
        facts={[
          ['state', `${sign} ${state}`],
          ['group', String(node.group)],
          node.url === undefined ? null : ['address', node.url],
          ['copies of shards', after === node.shards ? String(node.shards) : `${node.shards}, ${after} afterwards`],
          ['moves in, out', `${node.movesIn}, ${node.movesOut}`],
          node.inGrace === undefined ? null : ['old copies kept for a while', String(node.inGrace)],
          node.lost == null ? null : ['lost', node.lost],
          node.note == null ? null : ['observed', node.note],
        ]}
      />
      <p>
        <button type="button" aria-pressed={isFiltered} onClick={() => (nodeFilter.value = isFiltered ? '' : id)}>
          {isFiltered ? 'Show all moves again' : 'Show only its moves and shards'}
        </button>{' '}
        {node.state === 'active' && mayPlan.value && <PlanDrain id={id} reread={reread} />}
      </p>
      {own.length > 0 && (
        <>
          <h3>Its moves</h3>
          <ul class="list">
            {own.slice(0, SHOWN).map((move) => (
              <li key={move.id}>
                <a href={hashOf({ kind: 'move', id: move.id })}>
                  {move.index}/{move.shard} {move.source} → {move.target}
                </a>{' '}
                <span class="muted">
                  {activityOf(move)}: {progressText(move)}
                </span>
              </li>
            ))}
            {own.length > SHOWN && <li>and {own.length - SHOWN} more</li>}
          </ul>
        </>
      )}
    </>
  );
}

/** Changes nothing: what it would move is shown, to be applied there. */
function PlanDrain({ id, reread }: { readonly id: string; readonly reread: () => void }) {
  const refusal = useSignal<string | null>(null);
  const ask = async (): Promise<void> => {
    try {
      const proposed = await change<ProposedPlan>('POST', '/v1/plans', { drain: [id] });
      reread();
      if (proposed !== null) location.hash = hashOf({ kind: 'plan', id: proposed.id });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refusal.value = error.message;
    }
  };
  return (
    <>
      <button type="button" onClick={() => void ask()}>
        Plan to drain it…
      </button>
      {refusal.value !== null && (
        <span class="refusal" role="alert">
          {refusal.value}
        </span>
      )}
    </>
  );
}
