/** What is wrong, first of all: each failed node with what it means for shards, since when, and what to do. */
import type { Lacking, NodeAnswer } from './answers.ts';
import { failedNodes, repairText, shardCount, sumOf } from './blocked.ts';
import { CopyCommand } from './copy-command.tsx';
import { durationText } from './format.ts';
import { hashOf } from './hash-route.ts';
import { nowMs, topology } from './store.ts';

const SHOWN = 4;

export function Alarms() {
  const failed = failedNodes(topology.value);
  if (failed.length === 0) return null;
  return (
    <section class="alarms" aria-label="What is wrong">
      {failed.slice(0, SHOWN).map((node) => (
        <FailedNode key={node.id} node={node} />
      ))}
      {failed.length > SHOWN && <p>✗ and {failed.length - SHOWN} more failed nodes: see the list of nodes</p>}
    </section>
  );
}

export function FailedNode({ node }: { readonly node: NodeAnswer }) {
  const { id, failedAtMs, repairAtMs } = node;
  const lacking = (topology.value?.lacking ?? []).filter(({ nodes }) => nodes.includes(id));
  const of = (lack: Lacking['lack']): number => sumOf(lacking.filter((one) => one.lack === lack));
  const [away, few] = [of('every_copy'), of('a_copy')];
  return (
    <div>
      <p>
        <b class="bad">
          ✗ <a href={hashOf({ kind: 'node', id })}>Node {id}</a> has failed
          {failedAtMs != null && `, ${durationText(nowMs.value - failedAtMs)} ago`}
        </b>
        {': '}
        {away > 0 && <b>{shardCount(away)} without any copy that answers, neither read nor written. </b>}
        {few > 0 && `${shardCount(few)} with too few copies, ${repairText([node])}. `}
        {away + few === 0 && 'every shard has the copies that it needs, or gets them now.'}
      </p>
      <p class="todo">
        {away > 0 ? 'Only its own data brings them back. ' : ''}Start it again, then{' '}
        <CopyCommand command={`miroir event send NodeRecovered --data '{"node_id":"${id}"}'`} />
        {repairAtMs != null && (
          <>
            {' '}
            or, if it is gone for good, <CopyCommand command={`miroir node fail ${id} --now`} />
          </>
        )}
      </p>
    </div>
  );
}
