/** A plan for people: what each node holds before and after, and for one that has not run what speaks against it. */
import prettyBytes from 'pretty-bytes';
import prettyMs from 'pretty-ms';
import type { PlanHold } from '../core/plan-hold.ts';
import type { PlanHeldView } from '../control/plan-orders.ts';
import type { PlanView } from '../control/plan-view.ts';
import type { AddedNode } from '../control/plan-command.ts';
import type { Forecast } from '../control/proposal/waiting.ts';
import type { NodeCopies, Proposed } from '../ports.ts';
import { tableText } from './output.ts';

/** Blocked shards that are told one by one. */
const BLOCKED_SHOWN = 5;

const countText = (count: number | null): string => (count === null ? '?' : count.toLocaleString('en'));
const bytesText = (bytes: number | null): string => (bytes === null ? '?' : prettyBytes(bytes));
const change = (before: string, after: string): string => (before === after ? before : `${before} -> ${after}`);

export const RESUME_ALL = 'miroir plan resume --all';
export const pauseText = ({ actor, sinceMs }: PlanHold): string =>
  `all plans are paused since ${new Date(sinceMs).toISOString()} by ${actor}`;

export const resumedText = ({ plan, paused }: PlanHeldView): string =>
  paused === null ? `plan ${plan} goes on` : `plan ${plan} does not go on: ${pauseText(paused)}`;

export function planText(view: PlanView): string {
  return [`plan ${view.id} (${view.why}): ${sumText(view)}`, nodesText(view), ...blockedTexts(view)].join('\n');
}

/** `4 moves (minimum 4), 1,200 documents, about 3 MB`. */
const sumText = ({ moves, minimum, documents, bytes }: Omit<PlanView, 'id' | 'why'>): string =>
  `${moves} moves (minimum ${minimum}), ${countText(documents)} documents, about ${bytesText(bytes)}`;

function nodesText({ nodes }: Pick<PlanView, 'nodes'>): string {
  const cell = (pick: (held: NodeCopies) => string, before: NodeCopies, after: NodeCopies): string =>
    change(pick(before), pick(after));
  return tableText(
    ['node', 'state', 'shards', 'documents', 'size'],
    nodes.map(({ id, state, before, after }) => [
      id,
      state,
      cell(({ shards }) => String(shards), before, after),
      cell((held) => countText(held.documents), before, after),
      cell((held) => bytesText(held.bytes), before, after),
    ]),
  );
}

const blockedTexts = ({ blocked }: Pick<PlanView, 'blocked'>): string[] =>
  blocked.slice(0, BLOCKED_SHOWN).map(({ index, shard, reason }) => `blocked ${index}/${shard}: ${reason}`);

/** What `miroir plan` answers: figures, then what to do next. */
export function proposedText(plan: Forecast & Pick<Proposed, 'id' | 'why'>): string {
  const { id, why, version, spreadBefore, spreadAfter, checks, added } = plan;
  const count = (wanted: string): number => checks.filter(({ level }) => level === wanted).length;
  return [
    `plan ${id} (${why}): topology version ${version}, spread max/mean ${change(spreadBefore.toFixed(2), spreadAfter.toFixed(2))}`,
    ...added.map(addedText),
    nodesText(plan),
    `${sumText(plan)}${timeText(plan)}`,
    ...blockedTexts(plan),
    `checks: ${count('ok')} ok, ${count('warn')} warn, ${count('fail')} fail`,
    ...troubleTexts(checks),
  ].join('\n');
}

/** Where documents will go, which is to be looked at as closely as what goes there. */
function addedText({ id, url, group, apiKeyRef }: AddedNode): string {
  const where = url === null ? 'at the url it has' : `at ${url}`;
  const inGroup = group === null ? '' : `, replica group ${group}`;
  return `adds ${id} ${where}${inGroup}${apiKeyRef === null ? '' : `, key ${apiKeyRef}`}`;
}

/** What is not well; what many have in common once. */
function troubleTexts(checks: Proposed['checks']): string[] {
  const byRemedy = new Map<string, Proposed['checks'][number][]>();
  for (const check of checks.filter(({ level }) => level !== 'ok')) {
    const kind = `${check.level} ${check.remedy}`;
    byRemedy.set(kind, [...(byRemedy.get(kind) ?? []), check]);
  }
  return [...byRemedy.values()].map(([first, ...more]) => {
    const { level, subject, found, remedy } = first!;
    const who = more.length === 0 ? subject : `${subject} and ${more.length} more`;
    return `${level} ${who}: ${found}${remedy === null ? '' : `; ${remedy}`}`;
  });
}

function timeText({ moves, secondsLow, secondsHigh, learnedFrom }: Forecast): string {
  if (secondsLow === null || secondsHigh === null) return ', time not known';
  if (moves === 0) return '';
  const text = (seconds: number): string => prettyMs(Math.max(1, Math.round(seconds)) * 1_000);
  const from = learnedFrom === 0 ? 'no move has settled here yet, so this is wide' : `as ${learnedFrom} moves took`;
  return `, ${text(secondsLow)} to ${text(secondsHigh)} (${from})`;
}
