/** One shard: who owns it, who is read, and the move that it is in. */
import { Deciders } from './deciders.tsx';
import { Facts } from './facts.tsx';
import { hashOf } from './hash-route.ts';
import { activityOf, progressText } from './move-steps.ts';
import { blocked, moves, routes } from './store.ts';

export function ShardDetails({ index, shard }: { readonly index: string; readonly shard: number }) {
  const route = routes.value?.uid === index ? routes.value.routes[shard] : undefined;
  if (route === undefined)
    return (
      <p>
        There is no shard {shard} of an index {index}.
      </p>
    );
  const move = moves.value.find((one) => one.index === index && one.shard === shard && one.outcome === null);
  const wrong = blocked.value.find((one) => one.index === index && one.shards.includes(shard));
  return (
    <>
      {wrong !== undefined && (
        <p class="bad">
          <span aria-hidden="true">✗</span> blocked: {wrong.why}
        </p>
      )}
      <Facts
        facts={[
          ['state', route.frozen === true ? `${route.state}, frozen` : route.state],
          ['owners, which take writes', <Nodes ids={route.owners} />],
          ['readers, which answer searches', <Nodes ids={route.readers} />],
          ['changed last at epoch', String(route.epoch)],
          move === undefined
            ? null
            : [
                'move',
                <>
                  <a href={hashOf({ kind: 'move', id: move.id })}>
                    {move.source} → {move.target}
                  </a>{' '}
                  {activityOf(move)}: {progressText(move)}
                </>,
              ],
        ]}
      />
      <Deciders path={`/v1/indexes/${encodeURIComponent(index)}/shards/${shard}/explain`} />
    </>
  );
}

const Nodes = ({ ids }: { readonly ids: readonly string[] }) => (
  <>
    {ids.map((id) => (
      <a key={id} class="listed" href={hashOf({ kind: 'node', id })}>
        {id}
      </a>
    ))}
  </>
);
