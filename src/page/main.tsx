/** Starts the page: reads everything, follows the stream, and reads again when something happens. */
import { computed, effect, untracked } from '@preact/signals';
import { render } from 'preact';
import { App } from './app.tsx';
import { follow } from './feed.ts';
import { placeOf } from './hash-route.ts';
import { titleOf } from './plan-progress.ts';
import { createRefresh } from './refresh.ts';
import {
  alarm,
  events,
  feedProblem,
  indexShown,
  isMoving,
  isStale,
  nowMs,
  place,
  plan,
  problem,
  readAll,
  readAtMs,
  readCapabilities,
  readRoutes,
} from './store.ts';
import { withEvents } from './timeline.ts';

/** How far back the list of events begins. */
const BACK_MS = 900_000;
const TICK_MS = 1_000;
/** Copying is told by no event. */
const MOVING_EVERY_MS = 2_000;
const QUIET_EVERY_MS = 15_000;

const refresh = createRefresh({
  read: readAll,
  nowMs: () => performance.now(),
  later(act, ms) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
});

const element = document.querySelector('#page');
if (element !== null) render(<App reread={() => refresh.wish()} />, element);

refresh.wish();
void readCapabilities();
void follow({
  after: `${Date.now() - BACK_MS}-0`,
  onEvents(news) {
    events.value = withEvents(events.value, news);
    refresh.wish();
  },
  onState(why) {
    if (why === null) feedProblem.value = null;
    else if (feedProblem.value === null) {
      feedProblem.value = { why, sinceMs: Date.now() };
      // Is it the stream alone that is away?
      refresh.wish();
    }
  },
});

setInterval(() => {
  if (document.hidden) return;
  nowMs.value = Date.now();
  const everyMs = isMoving.value || problem.value !== null ? MOVING_EVERY_MS : QUIET_EVERY_MS;
  if (Date.now() - readAtMs.value >= everyMs) refresh.wish();
}, TICK_MS);
document.addEventListener('visibilitychange', () => refresh.show(!document.hidden));
addEventListener('hashchange', () => (place.value = placeOf(location.hash)));
addEventListener('popstate', () => (place.value = placeOf(location.hash)));
effect(() => {
  document.documentElement.toggleAttribute('data-stale', isStale.value);
});
effect(() => {
  document.title = `${isStale.value ? '○ ' : ''}${alarm.value === null ? '' : '✗ '}${titleOf(plan.value)}`;
});
// Another index is read at once, not with the next reading of everything.
const indexUid = computed(() => indexShown.value?.uid);
effect(() => {
  if (indexUid.value !== undefined) void untracked(readRoutes);
});
