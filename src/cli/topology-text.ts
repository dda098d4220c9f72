/** The topology for people: nodes, groups, and the shards that failed nodes have left behind. */
import type { TopologyView } from '../control/topology.ts';
import { groupsText } from './group-commands.ts';
import { nodesText } from './node-commands.ts';
import { colors } from './output.ts';

export const topologyText = ({ version, covered, nodes, groups, lacking }: TopologyView): string =>
  [
    `topology version ${version}${covered ? '' : ', and shards that nobody can read'}`,
    nodesText(nodes),
    '',
    groupsText(groups),
    ...lacking.map((one) => colors.yellow(lackingLine(one))),
  ].join('\n');

/** As `miroir status` tells of blocked shards. */
function lackingLine({ index, lack, count, shards: [first], nodes }: TopologyView['lacking'][number]): string {
  const more = count === 1 ? '' : ` and ${count - 1} more`;
  const what = lack === 'every_copy' ? 'no copy answers' : 'too few copies';
  return `blocked ${index}/${first}${more}: ${what}: ${nodes.join(', ')} failed`;
}
