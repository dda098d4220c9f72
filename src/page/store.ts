/** Everything that the page knows, as signals, and reading it anew. */
import { computed, signal } from '@preact/signals';
import type {
  AuditEvent,
  Capabilities,
  IndexAnswer,
  MoveAnswer,
  PageOf,
  PauseAnswer,
  PlanAnswer,
  PlanDetailsAnswer,
  RoutesAnswer,
  ThrottleAnswer,
  ThroughputAnswer,
  TopologyAnswer,
} from './answers.ts';
import { alarmText, blockedShards } from './blocked.ts';
import { ask, askIfThere, messageOf, Refused } from './client.ts';
import { type Place, placeOf } from './hash-route.ts';
import { awaitsApproval, isOver, shownPlan } from './plan-progress.ts';
import { nextRates, NO_RATES, type Rates } from './rates.ts';

export const nowMs = signal(Date.now());
export const topology = signal<TopologyAnswer | null>(null);
export const indexes = signal<readonly IndexAnswer[]>([]);
export const plans = signal<readonly PlanAnswer[]>([]);
export const plan = signal<PlanDetailsAnswer | null>(null);
export const moves = signal<readonly MoveAnswer[]>([]);
/** All that are unfinished, also those that are not read. */
export const unfinished = signal(0);
export const routes = signal<RoutesAnswer | null>(null);
export const rates = signal<Rates>(NO_RATES);
export const events = signal<readonly AuditEvent[]>([]);
const capabilities = signal<Capabilities | null>(null);
export const throttle = signal<ThrottleAnswer | null>(null);
export const throughput = signal<ThroughputAnswer | null>(null);

/** Why the last reading failed; null: it did not. */
export const problem = signal<string | null>(null);
export const readAtMs = signal(0);
/** Why the stream is away, and since when. */
export const feedProblem = signal<{ readonly why: string; readonly sinceMs: number } | null>(null);

export const place = signal<Place | null>(placeOf(location.hash));
export const isFinding = signal(false);
/** Of moves and of the shard map; empty: all. */
export const nodeFilter = signal('');
export const problemsOnly = signal(false);
const chosenIndex = signal('');

export const blocked = computed(() => blockedShards(topology.value, plans.value));
/** What is wrong, in half a line; null: nothing. */
export const alarm = computed(() => alarmText(topology.value, blocked.value));

export const indexShown = computed(() => {
  const { value: open } = place;
  const wished = open?.kind === 'shard' ? open.index : chosenIndex.value;
  const known = indexes.value.find(({ uid }) => uid === wished);
  // Where something is wrong, or moves, is what people look for.
  const [wrong] = blocked.value;
  return (
    known ??
    indexes.value.find(({ uid }) => uid === wrong?.index) ??
    indexes.value.find(({ moving }) => moving > 0) ??
    indexes.value[0] ??
    null
  );
});
export const chooseIndex = (uid: string): void => {
  chosenIndex.value = uid;
};

const RANK = ['read', 'plan', 'operate', 'admin'];
/** What the key may do; without an answer it is taken to look only. */
export const mayOperate = computed(() => mayDo('operate'));
export const mayPlan = computed(() => mayDo('plan'));
function mayDo(needed: string): boolean {
  const { scope = 'read', read_only = false } = capabilities.value ?? { read_only: true };
  return !read_only && RANK.indexOf(scope) >= RANK.indexOf(needed);
}

export type Connection = 'live' | 'behind' | 'lost';
const BEHIND_MS = 30_000;
/** Whether what is shown may have changed since: the last reading failed, or is too long ago. */
export const isStale = computed(
  () => problem.value !== null || (readAtMs.value > 0 && nowMs.value - readAtMs.value > BEHIND_MS),
);
export const connection = computed(
  (): { readonly state: Connection; readonly sinceMs: number; readonly why: string } => {
    const { value: away } = feedProblem;
    if (away !== null) return { state: 'lost', sinceMs: away.sinceMs, why: away.why };
    const { value: why } = problem;
    if (isStale.value) return { state: 'behind', sinceMs: readAtMs.value, why: why ?? 'no news for a while' };
    return { state: 'live', sinceMs: readAtMs.value, why: '' };
  },
);

/** Who has paused all plans. */
export const pause = signal<PauseAnswer | null>(null);
export const isMoving = computed(() => plan.value !== null && !isOver(plan.value) && !awaitsApproval(plan.value));

const MOVES_MAX = 1_000;
const ENDED_MAX = 200;
/** What this API has not, it has not got until the page is loaded again. */
const missing = new Set<string>();

async function askOptional<T>(path: string): Promise<T | null> {
  if (missing.has(path)) return null;
  const answer = await askIfThere<T>(path);
  if (answer === null) missing.add(path);
  return answer;
}

/** One reading of everything; what it fails with is kept for the header. */
export async function readAll(): Promise<void> {
  try {
    const [fleet, some, listed, open, ended, throttled, flow, paused] = await Promise.all([
      ask<TopologyAnswer>('/v1/topology'),
      ask<PageOf<IndexAnswer>>('/v1/indexes?limit=1000'),
      ask<PageOf<PlanAnswer>>('/v1/plans?limit=20'),
      ask<PageOf<MoveAnswer>>(`/v1/moves?limit=${MOVES_MAX}`),
      ask<PageOf<MoveAnswer>>(`/v1/moves?state=ended&limit=${ENDED_MAX}`),
      askOptional<ThrottleAnswer>('/v1/throttle'),
      askOptional<ThroughputAnswer>('/v1/throughput'),
      askOptional<PauseAnswer>('/v1/pause'),
    ]);
    topology.value = fleet;
    indexes.value = some.results;
    plans.value = listed.results;
    unfinished.value = open.total;
    throttle.value = throttled;
    throughput.value = flow;
    pause.value = paused;
    const all = [...open.results, ...ended.results];
    rates.value = nextRates(rates.peek(), all, Date.now());
    moves.value = all;
    await Promise.all([readPlan(), readRoutes()]);
    readAtMs.value = Date.now();
    problem.value = null;
  } catch (error) {
    problem.value = messageOf(error);
  }
}

async function readPlan(): Promise<void> {
  const shown = shownPlan(plans.value, moves.value, Date.now());
  const known = plan.peek();
  if (shown === null) plan.value = null;
  // What is over does not change any more.
  else if (known?.id !== shown.id || !isOver(known)) {
    plan.value = await askIfThere<PlanDetailsAnswer>(`/v1/plans/${encodeURIComponent(shown.id)}`);
  }
}

/** Which routes are on their way. */
let routesAsked = '';

/** Only where they have changed. */
export async function readRoutes(): Promise<void> {
  const { value: index } = indexShown;
  if (index === null) {
    routes.value = null;
    return;
  }
  const known = routes.peek();
  const wanted = `${index.uid} ${index.epoch}`;
  if (wanted === routesAsked || (known?.uid === index.uid && known.epoch === index.epoch)) return;
  routesAsked = wanted;
  try {
    routes.value = await askIfThere<RoutesAnswer>(`/v1/indexes/${encodeURIComponent(index.uid)}`);
  } catch (error) {
    problem.value = messageOf(error);
  } finally {
    routesAsked = '';
  }
}

export async function readCapabilities(): Promise<void> {
  try {
    capabilities.value = await askOptional<Capabilities>('/v1/capabilities');
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem.value = error.message;
  }
}
