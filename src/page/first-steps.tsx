/** Nothing was ever moved here: how that is done. */
import { CopyCommand } from './copy-command.tsx';
import { indexes, topology } from './store.ts';

export function FirstSteps() {
  const nodes = topology.value?.nodes ?? [];
  const [index] = indexes.value;
  const next = `n${nodes.length + 1}`;
  const steps = [
    ...(nodes.length === 0
      ? [['a node', 'miroir node add n1 --url http://n1.search.internal:7700 --api-key-ref fleet'] as const]
      : []),
    ...(index === undefined ? [['an index', 'miroir index create movies --shards 64'] as const] : []),
    [
      'one more node, to which shards move',
      `miroir node add ${next} --url http://${next}.search.internal:7700 --wait`,
    ] as const,
    ['and a node out again', `miroir node drain ${nodes[0]?.id ?? 'n1'} --wait`] as const,
  ];
  return (
    <>
      <p>Nothing has moved yet. A first rebalance:</p>
      <ol class="steps">
        {steps.map(([what, command]) => (
          <li key={command}>
            <span>{what}</span> <CopyCommand command={command} />
          </li>
        ))}
      </ol>
    </>
  );
}
