/**
 * Each index: whether its owners have it with the same settings, every shard has its copies, and no node holds documents
 * that it neither owns nor is being given.
 */
import pLimit from 'p-limit';
import { leftoverFilter, shardsAt } from '../../core/belonging.ts';
import { byOwnership } from '../../core/missed.ts';
import type { IndexEntry, RoutingTable } from '../../core/routing.ts';
import { isWaitedFor, type TopologyNode } from '../../core/topology.ts';
import { isMiroirError } from '../../errors.ts';
import type { MoveState, RepairListSize } from '../../ports.ts';
import { UNSPLIT_FILTER } from '../../routing/fields.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import type { DoctorParts } from './parts.ts';
import { settingsChecks } from './settings-checks.ts';

/** Requests under way at a time. */
const AT_A_TIME = 8;
const NAMED = 5;

interface Looked {
  readonly node: TopologyNode;
  /** Null: the node has no such index. */
  readonly settings: Readonly<Record<string, unknown>> | null;
  readonly leftovers: number;
  /** Documents without our fields. */
  readonly unsplit: number;
}

export async function indexChecks(
  parts: DoctorParts,
  entry: IndexEntry,
  nodes: readonly TopologyNode[],
  moves: readonly MoveState[],
): Promise<Finding[]> {
  const subject = `index ${entry.uid}`;
  const table = await parts.records.table(entry.uid);
  if (table === null) return [fail(subject, 'has no routing table', 'delete it and create it again')];
  const own = moves.filter(({ index }) => index === entry.uid);
  const limit = pLimit(AT_A_TIME);
  const answering = nodes.filter(isWaitedFor);
  const looked = await Promise.all(answering.map((node) => limit(() => look(parts, entry, table, node, own))));
  const seen = looked.filter((one) => one !== null);
  const owners = new Set(table.shards.flatMap((route) => route.owners));
  const shown = seen.filter(({ node }) => owners.has(node.id));
  const listed = byOwnership(await parts.repairs.sizes(entry.uid), table.shards);
  const findings = [
    ...copiesOf(entry, table, nodes, subject),
    ...frozenOf(table, subject),
    ...unseenOf(answering, seen, subject),
    ...settingsChecks(
      await parts.settings.read(entry.uid),
      shown.map(({ node, settings }) => ({ node: node.id, settings })),
      subject,
    ),
    ...leftoversOf(seen, subject),
    ...unsplitOf(seen, entry.uid, subject),
    ...missedBy(listed.owners, subject),
  ];
  const isWell = findings.length === 0;
  return [
    ...(isWell ? [ok(subject, `${entry.shards} shards, all copies there, settings equal`)] : findings),
    ...leftBy(listed.former, subject),
  ];
}

/** Null where the node does not answer: the node's own line says so. */
async function look(
  { clientOf }: DoctorParts,
  { uid }: IndexEntry,
  table: RoutingTable,
  node: TopologyNode,
  moves: readonly MoveState[],
): Promise<Looked | null> {
  try {
    const client = clientOf(node);
    if ((await client.index(uid)) === null) return { node, settings: null, leftovers: 0, unsplit: 0 };
    const settings = await client.settings(uid);
    const here = shardsAt(node.id, table, moves);
    // A node that does not know the fields as filters holds nothing of ours.
    const isOurs = JSON.stringify(settings['filterableAttributes'] ?? []).includes('_miroir_shard');
    if (!isOurs) return { node, settings, leftovers: 0, unsplit: 0 };
    const leftovers = await client.count(uid, leftoverFilter(here));
    return { node, settings, leftovers, unsplit: await client.count(uid, UNSPLIT_FILTER) };
  } catch (error) {
    if (!isMiroirError(error)) throw error;
    return null;
  }
}

/** The first few, by number. */
const named = (routes: readonly { readonly shard: number }[]): string =>
  [...routes.slice(0, NAMED).map(({ shard }) => shard), ...(routes.length > NAMED ? ['…'] : [])].join(', ');

function copiesOf(
  { replicationFactor, groups }: IndexEntry,
  table: RoutingTable,
  nodes: readonly TopologyNode[],
  subject: string,
): Finding[] {
  const alive = new Map(nodes.filter(({ state }) => state !== 'failed').map((node) => [node.id, node.group]));
  const wanted = replicationFactor * groups.length;
  const counts = table.shards.map(({ shard, owners }) => ({
    shard,
    copies: owners.filter((id) => alive.has(id)).length,
  }));
  const lost = counts.filter(({ copies }) => copies === 0);
  const short = counts.filter(({ copies }) => copies > 0 && copies < wanted);
  return [
    ...(lost.length === 0
      ? []
      : [fail(subject, `${lost.length} shards have no living copy (${named(lost)})`, 'bring their nodes back')]),
    ...(short.length === 0
      ? []
      : [
          warn(
            subject,
            `${short.length} shards have fewer than ${wanted} copies (${named(short)})`,
            'wait for their moves (`miroir status`), or bring back or add a node',
          ),
        ]),
  ];
}

/** Shards of which Redis lost what a mover needs to know (decision 0016). */
function frozenOf({ index, shards }: RoutingTable, subject: string): Finding[] {
  const frozen = shards.filter((route) => route.frozen !== undefined);
  if (frozen.length === 0) return [];
  const shown = frozen
    .slice(0, NAMED)
    .map(({ shard, others }) => (others === undefined ? shard : `${shard} also on ${others.join(', ')}`));
  const list = [...shown, ...(frozen.length > NAMED ? ['…'] : [])].join('; ');
  const found = `${frozen.length} shards are frozen since Redis lost writes (${list})`;
  return [fail(subject, found, `compare their copies, then \`miroir index thaw ${index} [shard]\``)];
}

/** Nothing may be called well on a node that nobody has looked at. */
function unseenOf(asked: readonly TopologyNode[], seen: readonly Looked[], subject: string): Finding[] {
  const unseen = asked.filter(({ id }) => !seen.some(({ node }) => node.id === id)).map(({ id }) => id);
  if (unseen.length === 0) return [];
  const found = `not looked at on ${unseen.join(', ')}: its settings and documents there are not known`;
  return [warn(subject, found, 'see what is said of the node')];
}

const leftoversOf = (seen: readonly Looked[], subject: string): Finding[] =>
  seen
    .filter(({ leftovers }) => leftovers > 0)
    .map(({ node, leftovers }) =>
      warn(
        subject,
        `${leftovers} documents on ${node.id} are of shards that it neither owns nor is being given`,
        'they are never read, and cleared before the node gets such a shard; until then they only take room',
      ),
    );

const unsplitOf = (seen: readonly Looked[], uid: string, subject: string): Finding[] =>
  seen
    .filter(({ unsplit }) => unsplit > 0)
    .map(({ node, unsplit }) =>
      warn(
        subject,
        `${unsplit} documents on ${node.id} lack our fields: they were written past all routers, and nobody reads them`,
        'stop what writes to the node (the reconcilers’ log names its tasks), then ' +
          `\`miroir index adopt ${uid} --yes\`; what that lists as left: send it through a gateway, then delete it on that node`,
      ),
    );

function missedBy(lists: readonly RepairListSize[], subject: string): Finding[] {
  if (lists.length === 0) return [];
  const some = lists.filter(({ isWhole }) => !isWhole);
  const whole = lists.length - some.length;
  const ids = some.reduce((sum, list) => sum + list.ids, 0);
  const what = [
    ...(some.length > 0 ? [`${ids} documents of ${some.length} shards`] : []),
    ...(whole > 0 ? [`${whole} whole ${whole === 1 ? 'shard' : 'shards'}`] : []),
  ];
  const found = `${nodesOf(lists)} missed ${what.join(' and ')}`;
  return [warn(subject, found, 'run a reconciler (`miroir reconciler`): it repairs them when the nodes answer')];
}

/** Nothing is to be done about it. */
function leftBy(lists: readonly RepairListSize[], subject: string): Finding[] {
  if (lists.length === 0) return [];
  const shards = new Set(lists.map(({ shard }) => shard)).size;
  const found = `${nodesOf(lists)} left ${shards} ${shards === 1 ? 'shard' : 'shards'} and may still have a copy, which is asked where every owner missed something`;
  return [ok(subject, found)];
}

const nodesOf = (lists: readonly RepairListSize[]): string =>
  [...new Set(lists.map(({ owner }) => owner))].sort().join(', ');
