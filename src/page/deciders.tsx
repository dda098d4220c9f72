/** Why a shard goes where it goes: what each node was asked, and how it stood. */
import { useAnswer } from './answer.ts';
import type { ShardExplained } from './answers.ts';

const SIGNS: Readonly<Record<string, string>> = { yes: '✓', no: '✗', throttle: '‖' };

export function Deciders({ path }: { readonly path: string }) {
  const { value = null } = useAnswer<ShardExplained>(path, 'once') ?? {};
  const deciders = value?.decisions ?? [];
  if (deciders.length === 0) return null;
  return (
    <>
      <h3>Why here</h3>
      <table>
        <thead>
          <tr>
            <th scope="col">node</th>
            <th scope="col">asked</th>
            <th scope="col">answer</th>
          </tr>
        </thead>
        <tbody>
          {deciders.map(({ node, decider, decision, why }) => (
            <tr key={`${node} ${decider}`}>
              <th scope="row">{node}</th>
              <td>{decider.replaceAll('_', ' ')}</td>
              <td>
                <span aria-hidden="true">{SIGNS[decision] ?? '·'}</span> {decision}: {why}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
