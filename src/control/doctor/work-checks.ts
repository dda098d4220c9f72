/** Who works: a planner that leads, movers for what is to be moved, routers that follow the tables. */
import { groupedBy } from '../../core/grouped.ts';
import { isHoldReason } from '../../core/plan-hold.ts';
import { unblockText } from '../../core/reasons.ts';
import { isMiroirError } from '../../errors.ts';
import type { MoveState } from '../../ports.ts';
import { fail, ok, warn, type Finding } from './finding.ts';
import type { DoctorParts } from './parts.ts';

const PLANNER = 'planner';
/** A move that waits for a place or a grace has a job all the same. */
const JOBS_REMEDY = 'the planner gives them jobs within sweep_interval_ms; if it does not, look at its log';

export async function workChecks(parts: DoctorParts, moves: readonly MoveState[]): Promise<Finding[]> {
  return [
    await plannerOf(parts),
    ...(await pauseOf(parts)),
    ...(await jobsOf(parts, moves)),
    ...(await routersOf(parts)),
  ];
}

async function plannerOf({ scopeHolder }: DoctorParts): Promise<Finding> {
  const holder = await scopeHolder(PLANNER);
  return holder === null
    ? fail('planner', 'no process plans: events wait', 'start one: `miroir planner`')
    : ok('planner', `${holder} plans`);
}

async function pauseOf({ planHolds }: DoctorParts): Promise<Finding[]> {
  const paused = await planHolds.all();
  if (paused === null) return [];
  const since = new Date(paused.sinceMs).toISOString();
  return [warn('plans', `all are paused since ${since} by ${paused.actor}`, '`miroir plan resume --all`')];
}

/** Nobody works on it, and none is to: it has no job before it has begun. */
export const isHeld = ({ waiting }: MoveState): boolean => isHoldReason(waiting?.reason ?? '');

/** One for each reason, however many moves wait for it; a grace is nothing that anybody has to look at. */
export function waitFindings(moves: readonly MoveState[]): Finding[] {
  const waiting = moves.flatMap((move) =>
    move.waiting === null || isHeld(move) || move.waiting.code === 'grace' ? [] : { move, ...move.waiting },
  );
  return [...groupedBy(waiting, ({ code }) => code)].flatMap(([code, [first, ...more]]) => {
    if (first === undefined) return [];
    const { move, reason } = first;
    const others = more.length === 0 ? '' : ` (and ${more.length} more wait for such)`;
    const found = `${move.index}/${move.shard} waits: ${reason}${others}`;
    return [warn(`move ${move.id}`, found, unblockText(code, move))];
  });
}

async function jobsOf({ queue, strays, records }: DoctorParts, moves: readonly MoveState[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const held = moves.filter(isHeld);
  const looks = [...(await queue.inspect(moves.filter((move) => !isHeld(move)))).values()];
  const [missing, failed] = ['missing', 'failed'].map((wanted) => looks.filter((look) => look === wanted).length);
  if ((missing ?? 0) > 0) findings.push(warn('moves', `${missing} have no job`, JOBS_REMEDY));
  if ((failed ?? 0) > 0) findings.push(warn('moves', `the jobs of ${failed} have failed`, JOBS_REMEDY));
  for (const reason of new Set(held.map((move) => move.waiting?.reason ?? ''))) {
    const count = held.filter((move) => move.waiting?.reason === reason).length;
    findings.push(warn('moves', `${count} wait: ${reason}`, 'see `miroir plan list` for the plans that are held'));
  }
  findings.push(...waitFindings(moves));
  for (const { uid } of await records.indexes()) {
    const count = await strays.count(uid);
    if (count > 0) findings.push(warn(`index ${uid}`, `${count} jobs belong to no move`, 'a reconciler removes them'));
  }
  if (findings.length > 0) return findings;
  return [ok('moves', moves.length === 0 ? 'none unfinished' : `${moves.length} unfinished, each with a job`)];
}

/** A router that lags behind holds every move of the index up at its barriers. */
async function routersOf({ registry, records }: DoctorParts): Promise<Finding[]> {
  const routers = await registry.live();
  if (routers.length === 0) return [ok('routers', 'none live: nobody writes')];
  const findings: Finding[] = [];
  for (const { uid } of await records.indexes()) {
    const table = await records.table(uid).catch((error: unknown) => {
      if (isMiroirError(error)) return null;
      throw error;
    });
    for (const { name, acks } of routers) {
      const seen = acks[uid]?.epoch;
      if (table === null || seen === undefined || seen <= table.epoch) continue;
      const found = `${name} has seen epoch ${seen} of ${uid}, Redis shows ${table.epoch}`;
      findings.push(fail('routers', found, 'Redis lost writes: see docs/operations.md before anything moves'));
    }
  }
  return findings.length > 0 ? findings : [ok('routers', `${routers.length} live, none ahead of Redis`)];
}
